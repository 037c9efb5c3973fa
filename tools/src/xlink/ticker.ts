/** Node's timers know whole milliseconds: what is due within half of one is as well handed on now as later. */
const EARLY_MS = 0.5;
/** Fewer packets than this within `SPARSE_MS` are waited for without sleeping, which costs the processor. */
const SPARSE_PACKETS = 2;
const SPARSE_MS = 2;

/** How soon to look again. */
export const Wait = { NONE: -1, SPIN: 0 } as const;

/**
 * Decides when a loop on Node's timers looks for packets that are due. Where packets are few, each leaves on the microsecond, by
 * turns of the event loop without sleep in the last millisecond. Where they are many that would be all that the processor does:
 * then they leave once a millisecond, those of half a millisecond before and after together, so that they are on time on average.
 */
export class Ticker {
  #windowBeganMs = -Infinity;
  #windowPackets = 0;
  #isDense = false;

  /** Up to when packets leave that are looked for now. */
  dueMs(now: number): number {
    return this.#isDense ? now + EARLY_MS : now;
  }

  /** Counts packets that left. */
  released(packets: number, now: number): void {
    if (now - this.#windowBeganMs >= SPARSE_MS) {
      // Nobody knows of an empty window before this one.
      if (now - this.#windowBeganMs >= 2 * SPARSE_MS) this.#windowPackets = 0;
      this.#isDense = this.#windowPackets >= SPARSE_PACKETS;
      this.#windowBeganMs = now;
      this.#windowPackets = 0;
    }
    this.#windowPackets += packets;
    if (this.#windowPackets >= SPARSE_PACKETS) this.#isDense = true;
  }

  /** Whole ms for a timer, or one of `Wait`. */
  waitMs(nextMs: number, now: number): number {
    if (nextMs === Infinity) return Wait.NONE;
    const waitMs = nextMs - now;
    if (waitMs >= 2) return Math.floor(waitMs - 1);
    return this.#isDense ? 1 : Wait.SPIN;
  }
}
