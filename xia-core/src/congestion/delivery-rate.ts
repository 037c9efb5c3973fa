import type { AckSample } from './congestion.js';

/** What a sender keeps with each packet for {@link DeliveryRate}, as it was when the packet left. */
export interface DeliveryStamp {
  readonly sentMs: number;
  /** {@link DeliveryRate.deliveredBytes}. */
  readonly deliveredBytes: number;
  /** {@link DeliveryRate.deliveredMs}. */
  readonly deliveredMs: number;
  /** {@link DeliveryRate.firstSentMs}. */
  readonly firstSentMs: number;
  /** {@link DeliveryRate.appLimited}. */
  readonly appLimited: boolean;
}

/** An {@link AckSample} that can be written. */
export type MutableAckSample = { -readonly [Key in keyof AckSample]: AckSample[Key] };

export function newAckSample(): MutableAckSample {
  return {
    now: 0,
    bytes: 0,
    newestSentMs: 0,
    deliveredBytes: 0,
    priorDeliveredBytes: 0,
    rateBytesPerMs: 0,
    rateIsAppLimited: false,
    latestRttMs: 0,
    smoothedRttMs: 0,
    minRttMs: Infinity,
    inFlightBytes: 0,
    limited: false,
  };
}

/**
 * How fast a path delivers (draft-cheng-iccrg-delivery-rate-estimation): what arrived between the moment that a packet left
 * and the moment that it was acknowledged, by the longer of the time that this took to send and to be acknowledged.
 *
 * Call {@link sending} before each packet and keep the stamp with it; on an acknowledgement call {@link acked} for each packet
 * and then {@link fill}.
 */
export class DeliveryRate {
  #deliveredBytes = 0;
  #deliveredMs = 0;
  #firstSentMs = 0;
  /** Up to this count of delivered bytes the application was too slow; 0 when it was not. */
  #limitedUntilBytes = 0;
  #ackedBytes = 0;
  /** Of the packet that was sent last among those of this acknowledgement. */
  #newestSentMs = -1;
  #priorBytes = 0;
  #priorMs = 0;
  #sendElapsedMs = 0;
  #priorLimited = false;

  /** Ever delivered. */
  get deliveredBytes(): number {
    return this.#deliveredBytes;
  }

  /** When the last of it was delivered. */
  get deliveredMs(): number {
    return this.#deliveredMs;
  }

  /** When the packet was sent that was acknowledged last. */
  get firstSentMs(): number {
    return this.#firstSentMs;
  }

  /** What leaves now leaves because the application has no more. */
  get appLimited(): boolean {
    return this.#limitedUntilBytes > 0;
  }

  /** A packet is about to leave. @param inFlightBytes without it */
  sending(now: number, inFlightBytes: number): void {
    if (inFlightBytes > 0) return;
    this.#firstSentMs = now;
    this.#deliveredMs = now;
  }

  /** There is nothing to send although more might be in flight: the rates up to here are not the path's. */
  noteAppLimited(inFlightBytes: number): void {
    this.#limitedUntilBytes = Math.max(1, this.#deliveredBytes + inFlightBytes);
  }

  /** A packet was acknowledged. */
  acked(bytes: number, stamp: DeliveryStamp, now: number): void {
    this.#ackedBytes += bytes;
    this.#deliveredBytes += bytes;
    this.#deliveredMs = now;
    if (stamp.sentMs < this.#newestSentMs) return;
    if (stamp.sentMs === this.#newestSentMs && stamp.deliveredBytes < this.#priorBytes) return;
    this.#newestSentMs = stamp.sentMs;
    this.#priorBytes = stamp.deliveredBytes;
    this.#priorMs = stamp.deliveredMs;
    this.#priorLimited = stamp.appLimited;
    this.#sendElapsedMs = stamp.sentMs - stamp.firstSentMs;
    this.#firstSentMs = stamp.sentMs;
  }

  /** A packet has arrived that had been given up. It counts as delivered, and says nothing of the rate. */
  late(bytes: number): void {
    this.#deliveredBytes += bytes;
  }

  /** Writes what the packets since the last call say into a sample, all but the round trips, `inFlightBytes` and `limited`. */
  fill(sample: MutableAckSample, minRttMs: number, now: number): void {
    if (this.#deliveredBytes > this.#limitedUntilBytes) this.#limitedUntilBytes = 0;
    sample.now = now;
    sample.bytes = this.#ackedBytes;
    sample.newestSentMs = this.#newestSentMs;
    sample.deliveredBytes = this.#deliveredBytes;
    sample.priorDeliveredBytes = this.#priorBytes;
    sample.rateIsAppLimited = this.#priorLimited;
    const elapsedMs = Math.max(this.#sendElapsedMs, now - this.#priorMs);
    // Shorter than the shortest round trip: several acknowledgements came squeezed together.
    const tells = elapsedMs > 0 && elapsedMs >= minRttMs;
    sample.rateBytesPerMs = tells ? (this.#deliveredBytes - this.#priorBytes) / elapsedMs : 0;
    this.#ackedBytes = 0;
    this.#newestSentMs = -1;
  }
}
