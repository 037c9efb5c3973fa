import type { RttEstimator } from '../congestion/rtt-estimator.js';

/** Every second packet that asks for it is acknowledged at once (RFC 9000 section 13.2.2). */
const PACKETS_PER_ACK = 2;
/**
 * But no more often than so many times per round trip: with large windows that is enough for the sender, and an
 * acknowledgement costs as much as any packet (RFC 9000 section 13.2.2, draft-ietf-quic-ack-frequency).
 */
const ACKS_PER_RTT = 8;
/** Nor is more than this saved up: a sender that paces in milliseconds sees little more in a longer burst. */
const MAX_INTERVAL_MS = 2;
/** After a gap every second packet counts again for so many, so that the sender sees the loss without waiting. */
const EAGER_PACKETS = 4;
/** Shorter intervals than a timer can keep are none. */
const MIN_INTERVAL_MS = 0.5;

/**
 * When to acknowledge: after every second packet or some milliseconds of them, at the latest after a delay, and at once
 * when something is missing, so that the sender learns of a loss as early as possible.
 */
export class AckSchedule {
  readonly #maxDelayMs: number;
  readonly #rtt: Pick<RttEstimator, 'smoothedMs' | 'measured'>;
  #unacknowledged = 0;
  #deadlineMs = Infinity;
  #dueNow = false;
  #largestArrivedMs = 0;
  #lastAckMs = -Infinity;
  #eagerPackets = 0;

  constructor(maxDelayMs: number, rtt: Pick<RttEstimator, 'smoothedMs' | 'measured'>) {
    this.#maxDelayMs = maxDelayMs;
    this.#rtt = rtt;
  }

  /** When an acknowledgement has to leave; `Infinity` when nothing waits for one. */
  get deadlineMs(): number {
    return this.#dueNow ? -Infinity : this.#deadlineMs;
  }

  /** Something waits to be acknowledged, so a packet that leaves anyway should say it. */
  get pending(): boolean {
    return this.#unacknowledged > 0 || this.#dueNow;
  }

  isDue(now: number): boolean {
    return this.#dueNow || now >= this.#deadlineMs;
  }

  /**
   * A new packet arrived.
   * @param eliciting it holds more than acknowledgements
   * @param inOrder it is the successor of the largest before it
   * @param largest no larger packet number has arrived
   */
  arrived(eliciting: boolean, inOrder: boolean, largest: boolean, now: number): void {
    if (largest) this.#largestArrivedMs = now;
    if (!eliciting) return;
    this.#unacknowledged++;
    if (this.#eagerPackets > 0) this.#eagerPackets--;
    if (!inOrder) {
      this.#dueNow = true;
      this.#eagerPackets = EAGER_PACKETS;
      return;
    }
    if (this.#unacknowledged >= PACKETS_PER_ACK) this.#deadlineMs = Math.min(this.#deadlineMs, this.#lastAckMs + this.#intervalMs);
    else if (this.#deadlineMs === Infinity) this.#deadlineMs = now + this.#maxDelayMs;
  }

  /** Acknowledge with the next packet, without waiting for more. */
  hurry(): void {
    this.#dueNow = true;
  }

  /** How long the largest packet has been held back. */
  delayMs(now: number): number {
    return now - this.#largestArrivedMs;
  }

  /** An acknowledgement of everything has left. */
  sent(now: number): void {
    this.#unacknowledged = 0;
    this.#deadlineMs = Infinity;
    this.#dueNow = false;
    this.#lastAckMs = now;
  }

  get #intervalMs(): number {
    if (!this.#rtt.measured || this.#eagerPackets > 0) return 0;
    const shareMs = this.#rtt.smoothedMs / ACKS_PER_RTT;
    return shareMs < MIN_INTERVAL_MS ? 0 : Math.min(shareMs, MAX_INTERVAL_MS);
  }
}
