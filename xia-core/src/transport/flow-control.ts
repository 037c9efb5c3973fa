import type { BufferBudget } from './buffer-budget.js';

/** Credit is announced again when a quarter of the window has been read: rarely enough, early enough. */
const ANNOUNCE_SHARE = 4;

/** A window that is read within so many round trips holds the sender back: it becomes twice as large. */
const TUNING_ROUND_TRIPS = 2;

/**
 * What we let the peer send: the window begins where our application reads. It starts small and doubles as long as the
 * application reads a whole one within two round trips, since then the window, not path or application, sets the rate.
 */
export class ReceiveCredit {
  readonly #startBytes: number;
  #mostBytes: number;
  readonly #budget: BufferBudget;
  #windowBytes: number;
  #announced: number;
  /** Where and when the reading of the present window began. */
  #epochOffset = 0;
  #epochMs = -Infinity;

  /** @param budget pays for what the window has beyond `startBytes` */
  constructor(startBytes: number, mostBytes: number, budget: BufferBudget) {
    this.#startBytes = Math.min(startBytes, mostBytes);
    this.#mostBytes = mostBytes;
    this.#budget = budget;
    this.#windowBytes = this.#startBytes;
    this.#announced = this.#startBytes;
  }

  /** Looks whether the window is too small for what was read since the last look. */
  tune(readOffset: number, rttMs: number, now: number): void {
    if (readOffset - this.#epochOffset < this.#windowBytes) return;
    const wasQuick = now - this.#epochMs <= TUNING_ROUND_TRIPS * rttMs;
    this.#epochOffset = readOffset;
    this.#epochMs = now;
    const growthBytes = Math.min(this.#windowBytes, this.#mostBytes - this.#windowBytes);
    if (wasQuick && growthBytes > 0 && this.#budget.tryTake(growthBytes)) this.#windowBytes += growthBytes;
  }

  /** Gives back what the window has beyond its start; the stream is over. */
  release(): void {
    this.#budget.take(this.#startBytes - this.#windowBytes);
    this.#windowBytes = this.#mostBytes = this.#startBytes;
  }

  /** The peer must not send this stream offset or any above it. */
  get limit(): number {
    return this.#announced;
  }

  /** Whether enough was read that the peer should be told. */
  shouldAnnounce(readOffset: number): boolean {
    return readOffset + this.#windowBytes - this.#announced >= this.#windowBytes / ANNOUNCE_SHARE;
  }

  /** Raises the limit to what can be kept and returns it, for a MAX_DATA. */
  announce(readOffset: number): number {
    this.#announced = Math.max(this.#announced, readOffset + this.#windowBytes);
    return this.#announced;
  }
}

const FIRST_PROBE_MS = 200;
const LAST_PROBE_MS = 5000;

/** What the peer lets us send, and when to ask again if it gives nothing: a lost announcement must not end the stream. */
export class SendCredit {
  #limit = 0;
  #probeDelayMs = FIRST_PROBE_MS;
  #probeAtMs = Infinity;

  get limit(): number {
    return this.#limit;
  }

  /** When to say DATA_BLOCKED again; `Infinity` while there is credit. */
  get probeAtMs(): number {
    return this.#probeAtMs;
  }

  get blocked(): boolean {
    return this.#probeAtMs !== Infinity;
  }

  /** The peer raised the limit; a lower one is an old packet. Returns true when it is news. */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    this.#probeAtMs = Infinity;
    this.#probeDelayMs = FIRST_PROBE_MS;
    return true;
  }

  /** There is something to send and no credit for it: DATA_BLOCKED is said now, and again later. */
  block(now: number): void {
    this.#probeAtMs = now + this.#probeDelayMs;
    this.#probeDelayMs = Math.min(LAST_PROBE_MS, this.#probeDelayMs * 2);
  }

  /** Nothing is blocked any more, or the stream is over. */
  unblock(): void {
    this.#probeAtMs = Infinity;
  }
}
