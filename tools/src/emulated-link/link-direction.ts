import { flipBit, linkDropReasons, LinkModel, type LinkShape, type RandomSource } from 'xia-core';
import { DelayQueue } from './delay-queue.js';

/** Bytes under way in one direction beyond which packets are dropped, whatever the shape of the link: a second of 2 Gbit/s. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;

/** What one direction has done so far. Each packet is in one of `dropped`, in `held`, or was delivered. */
export interface DirectionReport {
  readonly packets: number;
  readonly bytes: number;
  /** Packets handed on, the second copies of duplicated ones included. */
  readonly delivered: number;
  readonly deliveredBytes: number;
  /**
   * By reason: those of the model, `down` while the link was set down, `memory` when too many bytes were under way, `corrupt` for a
   * flipped bit where that is a drop.
   */
  readonly dropped: Readonly<Record<string, number>>;
  readonly duplicated: number;
  readonly corrupted: number;
  readonly reordered: number;
  /** Packets under way now. */
  readonly held: number;
  readonly mostQueuedBytes: number;
  readonly mostHeldBytes: number;
  /** How much later than asked packets were handed on; a mean below 0 is possible where they are handed on early. */
  readonly meanLateMs: number;
  readonly maxLateMs: number;
}

export interface DirectionOptions {
  /** What the link carries with each packet beside the bytes that are given here, and counts as its size. Default 0. */
  readonly headerBytes?: number;
  readonly maxHeldBytes?: number;
  /** For packets that somebody below would drop for their checksum. Default false: they are handed on as they are. */
  readonly dropsCorrupted?: boolean;
}

type Deliver = (packet: Uint8Array) => void;

/** One direction of an emulated link: asks the model for the fate of each packet, and holds those that arrive until then. */
export class LinkDirection {
  readonly #model: LinkModel;
  readonly #queue = new DelayQueue();
  readonly #headerBytes: number;
  readonly #maxHeldBytes: number;
  readonly #dropsCorrupted: boolean;
  #isUp = true;
  #heldBytes = 0;
  #mostHeldBytes = 0;
  #delivered = 0;
  #deliveredBytes = 0;
  #down = 0;
  #memory = 0;
  #corrupt = 0;
  #lateSumMs = 0;
  #maxLateMs = 0;

  /**
   * @throws XiaError `bad-argument`
   */
  constructor(
    shape: LinkShape,
    rng: RandomSource,
    beganMs: number,
    { headerBytes = 0, maxHeldBytes = MAX_HELD_BYTES, dropsCorrupted = false }: DirectionOptions = {},
  ) {
    this.#model = new LinkModel(shape, rng, beganMs);
    this.#headerBytes = headerBytes;
    this.#maxHeldBytes = maxHeldBytes;
    this.#dropsCorrupted = dropsCorrupted;
  }

  get shape(): LinkShape {
    return this.#model.shape;
  }

  /** While a link is down it drops what it is given; what is under way arrives. */
  get isUp(): boolean {
    return this.#isUp;
  }

  set isUp(isUp: boolean) {
    this.#isUp = isUp;
  }

  /** When the first packet is due; `Infinity` when none is under way. */
  get nextMs(): number {
    return this.#queue.nextMs;
  }

  /** The same link with other properties; what is under way arrives as it would have. @throws XiaError `bad-argument` */
  reshape(shape: LinkShape): void {
    this.#model.reshape(shape);
  }

  /** Takes a packet over; its bytes may be changed. False when it is dropped, and belongs to the caller again. */
  take(packet: Uint8Array, now: number): boolean {
    if (!this.#isUp) {
      this.#down++;
      return false;
    }
    if (this.#heldBytes + packet.length > this.#maxHeldBytes) {
      this.#memory++;
      return false;
    }
    const { dropped, arrivesMs, copyArrivesMs, flippedBit } = this.#model.pass(packet.length + this.#headerBytes, now);
    if (dropped !== undefined) return false;
    if (flippedBit >= 0 && this.#dropsCorrupted) {
      this.#corrupt++;
      return false;
    }
    // Damage to a header that is not here is damage to the packet.
    if (flippedBit >= 0 && packet.length > 0) flipBit(packet, flippedBit % (8 * packet.length));
    this.#hold(packet, arrivesMs);
    if (copyArrivesMs !== Infinity) this.#hold(packet.slice(), copyArrivesMs);
    return true;
  }

  /**
   * Hands on what is due.
   * @param now the present time, for the account
   * @param dueMs up to when packets are due: `now`, or later when the next look is late
   * @returns how many there were
   */
  release(now: number, dueMs: number, deliver: Deliver): number {
    const queue = this.#queue;
    let count = 0;
    for (let next = queue.nextMs; next <= dueMs; next = queue.nextMs) {
      const packet = queue.pop()!;
      const lateMs = now - next;
      this.#lateSumMs += lateMs;
      if (lateMs > this.#maxLateMs) this.#maxLateMs = lateMs;
      this.#heldBytes -= packet.length;
      this.#delivered++;
      this.#deliveredBytes += packet.length;
      count++;
      deliver(packet);
    }
    return count;
  }

  report(): DirectionReport {
    const { counters, queueMaxBytes } = this.#model;
    const ofModel = Object.fromEntries(linkDropReasons.map((reason) => [reason, counters[reason]]));
    return {
      packets: counters.packets + this.#down + this.#memory,
      bytes: counters.bytes,
      delivered: this.#delivered,
      deliveredBytes: this.#deliveredBytes,
      dropped: { ...ofModel, down: this.#down, memory: this.#memory, corrupt: this.#corrupt },
      duplicated: counters.duplicated,
      corrupted: counters.corrupted,
      reordered: counters.reordered,
      held: this.#queue.length,
      mostQueuedBytes: Math.round(queueMaxBytes),
      mostHeldBytes: this.#mostHeldBytes,
      meanLateMs: this.#delivered === 0 ? 0 : this.#lateSumMs / this.#delivered,
      maxLateMs: this.#maxLateMs,
    };
  }

  #hold(packet: Uint8Array, dueMs: number): void {
    this.#queue.push(packet, dueMs);
    this.#heldBytes += packet.length;
    this.#mostHeldBytes = Math.max(this.#mostHeldBytes, this.#heldBytes);
  }
}
