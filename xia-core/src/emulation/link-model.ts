import type { RandomSource } from '../bytes/index.js';
import { checkShape, DEFAULT_QUEUE_BYTES, isBlackedOut, type LinkShape } from './link-shape.js';

/** Why a packet does not arrive. */
export const linkDropReasons = ['tooLarge', 'queueFull', 'blackout', 'burst', 'loss'] as const;

export type LinkDropReason = (typeof linkDropReasons)[number];

/** What becomes of one packet. One object of the model, written anew by each `pass`. */
export interface LinkFate {
  /** Why it does not arrive; undefined when it does. */
  readonly dropped: LinkDropReason | undefined;
  /** When it arrives; `Infinity` when it does not. */
  readonly arrivesMs: number;
  /** When its second copy arrives, never before the first; `Infinity` when there is none. */
  readonly copyArrivesMs: number;
  /** The bit that is flipped in all copies, counted from the highest bit of the first byte; -1 when none is. */
  readonly flippedBit: number;
}

/** Every packet is in `packets`, and in one of the drop reasons or in `arrived`. */
export type LinkCounters = Record<LinkDropReason | 'packets' | 'bytes' | 'arrived' | 'duplicated' | 'corrupted' | 'reordered', number>;

/**
 * One direction of a link: tells for each packet whether, when, how often and how it arrives. It keeps no packets and has no
 * clock; who uses it holds the packet until then. Time must not run backwards. What happens follows from the shape, the sizes
 * and times of the packets, and the random source.
 */
export class LinkModel {
  readonly counters: LinkCounters = {
    packets: 0,
    bytes: 0,
    tooLarge: 0,
    queueFull: 0,
    blackout: 0,
    burst: 0,
    loss: 0,
    arrived: 0,
    duplicated: 0,
    corrupted: 0,
    reordered: 0,
  };
  /** The most bytes that waited at a time, the packet being sent included. */
  queueMaxBytes = 0;
  #shape: LinkShape;
  readonly #rng: RandomSource;
  readonly #beganMs: number;
  /** When all that was sent so far is through. */
  #freeAtMs: number;
  #lastArrivalMs = 0;
  #inBurst = false;
  readonly #fate = { dropped: undefined as LinkDropReason | undefined, arrivesMs: Infinity, copyArrivesMs: Infinity, flippedBit: -1 };

  /**
   * @param beganMs what the times of the shape, of blackouts and a smaller MTU, count from
   * @throws XiaError `bad-argument`
   */
  constructor(shape: LinkShape, rng: RandomSource, beganMs = 0) {
    checkShape(shape);
    this.#shape = shape;
    this.#rng = rng;
    this.#beganMs = beganMs;
    this.#freeAtMs = beganMs;
  }

  get shape(): LinkShape {
    return this.#shape;
  }

  /**
   * The same link with other properties from now on; what waits keeps its time.
   * @throws XiaError `bad-argument`
   */
  reshape(shape: LinkShape): void {
    checkShape(shape);
    this.#shape = shape;
  }

  /** Bytes that wait for the link or are being sent. */
  queuedBytes(now: number): number {
    const { bytesPerSecond } = this.#shape;
    return bytesPerSecond === undefined ? 0 : (Math.max(0, this.#freeAtMs - now) / 1000) * bytesPerSecond;
  }

  /** Takes a packet of so many bytes. Read what it returns before the next call. */
  pass(bytes: number, now: number): LinkFate {
    const { counters } = this;
    counters.packets++;
    counters.bytes += bytes;
    if (this.#isTooLarge(bytes, now)) return this.#drop('tooLarge');
    const throughMs = this.#send(bytes, now);
    if (throughMs === undefined) return this.#drop('queueFull');
    const { blackouts, loss = 0 } = this.#shape;
    if (blackouts !== undefined && isBlackedOut(blackouts, throughMs - this.#beganMs)) return this.#drop('blackout');
    if (this.#isLostInBurst()) return this.#drop('burst');
    if (loss > 0 && this.#rng.unit() < loss) return this.#drop('loss');
    counters.arrived++;
    return this.#deliver(bytes, throughMs);
  }

  #isTooLarge(bytes: number, now: number): boolean {
    const { mtu = Infinity, mtuDrop } = this.#shape;
    return bytes > (mtuDrop !== undefined && now - this.#beganMs >= mtuDrop.atMs ? mtuDrop.mtu : mtu);
  }

  /** When a packet that is sent now is through; undefined when there is no room for it in the queue. */
  #send(bytes: number, now: number): number | undefined {
    const { bytesPerSecond, queueBytes = DEFAULT_QUEUE_BYTES } = this.#shape;
    if (bytesPerSecond === undefined) return now;
    const queued = this.queuedBytes(now) + bytes;
    // A packet larger than the queue passes through an idle link.
    if (queued > queueBytes && queued > bytes) return undefined;
    this.queueMaxBytes = Math.max(this.queueMaxBytes, queued);
    this.#freeAtMs = Math.max(now, this.#freeAtMs) + (bytes / bytesPerSecond) * 1000;
    return this.#freeAtMs;
  }

  #isLostInBurst(): boolean {
    const { burst } = this.#shape;
    if (burst === undefined) return false;
    if (this.#rng.unit() < (this.#inBurst ? burst.leave : burst.enter)) this.#inBurst = !this.#inBurst;
    return this.#inBurst && this.#rng.unit() < burst.loss;
  }

  #deliver(bytes: number, throughMs: number): LinkFate {
    const { duplicate = 0, corrupt = 0 } = this.#shape;
    const fate = this.#fate;
    fate.dropped = undefined;
    fate.flippedBit = -1;
    if (corrupt > 0 && bytes > 0 && this.#rng.unit() < corrupt) {
      this.counters.corrupted++;
      fate.flippedBit = this.#rng.below(bytes * 8);
    }
    fate.arrivesMs = this.#arrival(throughMs);
    fate.copyArrivesMs = Infinity;
    if (duplicate > 0 && this.#rng.unit() < duplicate) {
      this.counters.duplicated++;
      fate.copyArrivesMs = Math.max(fate.arrivesMs, this.#arrival(throughMs));
    }
    return fate;
  }

  #arrival(throughMs: number): number {
    const { delayMs, jitterMs = 0, jitterReorders = false, reorder } = this.#shape;
    let arrivesMs = throughMs + delayMs;
    if (jitterMs > 0) arrivesMs += this.#rng.unit() * jitterMs;
    if (!jitterReorders) {
      arrivesMs = Math.max(arrivesMs, this.#lastArrivalMs);
      this.#lastArrivalMs = arrivesMs;
    }
    if (reorder !== undefined && this.#rng.unit() < reorder.share) {
      this.counters.reordered++;
      arrivesMs += this.#rng.unit() * reorder.delayMs;
    }
    return arrivesMs;
  }

  #drop(reason: LinkDropReason): LinkFate {
    this.counters[reason]++;
    const fate = this.#fate;
    fate.dropped = reason;
    fate.arrivesMs = Infinity;
    fate.copyArrivesMs = Infinity;
    fate.flippedBit = -1;
    return fate;
  }
}

/** Flips a bit as `LinkFate.flippedBit` counts them; does nothing for -1. */
export function flipBit(packet: Uint8Array, bit: number): void {
  if (bit >= 0) packet[bit >> 3]! ^= 0x80 >> (bit & 7);
}
