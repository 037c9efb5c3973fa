import type { PaceSample } from './pace-sample.js';

/** Over this long the rate is smoothed. */
const MEMORY_MS = 2000;
/** Nothing has moved for so long: the way is blocked, or QEMU waits for somebody. */
const STALLED_MS = 3000;
/** What each of so many passes found changed is compared: the last must have found less than this share of the first. */
const COMPARED_PASSES = 3;
const LARGEST_SHARE = 0.8;

/** When a migration will have ended. */
export type Estimate =
  /** Too early to say. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'converging'; readonly remainingMs: number }
  /** The guest changes its memory at least as fast as it is carried: as it is, this does not end. */
  | { readonly kind: 'not-converging' }
  | { readonly kind: 'stalled'; readonly forMs: number };

/**
 * Estimates from samples when a migration ends. What is left falls by what is carried and grows by what the guest changes; it ends
 * when the rest can be carried while the guest stands still for `downtimeLimitMs`.
 */
export class PaceMeter {
  #last: PaceSample | undefined;
  #movedAtMs = 0;
  #bytesPerSecond = 0;
  #weightMs = 0;
  /** What was left when each of the latest passes began, bytes. */
  readonly #starts: number[] = [];

  /** Memory carried per second lately, pages that are only marked as zero included; 0 when nothing is known. */
  get bytesPerSecond(): number {
    return this.#bytesPerSecond;
  }

  handle(sample: PaceSample): void {
    const last = this.#last;
    if (last === undefined) this.#movedAtMs = sample.atMs;
    else {
      const elapsedMs = sample.atMs - last.atMs;
      if (elapsedMs <= 0) return;
      if (sample.pass > last.pass) this.#begin(sample, last.pass);
      // Between two passes what is left is counted anew, and says nothing of the rate.
      else this.#take(Math.max(0, last.remainingBytes - sample.remainingBytes), elapsedMs);
      if (sample.pass !== last.pass || sample.remainingBytes !== last.remainingBytes) this.#movedAtMs = sample.atMs;
    }
    this.#last = sample;
  }

  estimate(nowMs: number, downtimeLimitMs: number): Estimate {
    const last = this.#last;
    if (last === undefined) return { kind: 'unknown' };
    if (nowMs - this.#movedAtMs > STALLED_MS) return { kind: 'stalled', forMs: nowMs - this.#movedAtMs };
    const rate = this.#bytesPerSecond;
    if (rate === 0) return { kind: 'unknown' };
    const atOnceBytes = (rate * downtimeLimitMs) / 1000;
    if (last.remainingBytes <= atOnceBytes) return { kind: 'converging', remainingMs: (1000 * last.remainingBytes) / rate };
    const gain = rate - last.dirtyBytesPerSecond;
    if (gain <= 0 || this.#isStuck()) return { kind: 'not-converging' };
    return { kind: 'converging', remainingMs: (1000 * (last.remainingBytes - atOnceBytes)) / gain + downtimeLimitMs };
  }

  #begin({ remainingBytes }: PaceSample, passBefore: number): void {
    // The first pass also went through empty memory, of which a lot is carried at once.
    if (passBefore < 2) this.#weightMs = 0;
    this.#starts.push(remainingBytes);
    if (this.#starts.length > COMPARED_PASSES) this.#starts.shift();
  }

  /** A guest that writes to the same pages again and again seems to change less than it does. */
  #isStuck(): boolean {
    return this.#starts.length === COMPARED_PASSES && this.#starts.at(-1)! > LARGEST_SHARE * this.#starts[0]!;
  }

  #take(bytes: number, elapsedMs: number): void {
    const rate = (1000 * bytes) / elapsedMs;
    this.#weightMs = Math.min(MEMORY_MS, this.#weightMs + elapsedMs);
    this.#bytesPerSecond += (rate - this.#bytesPerSecond) * Math.min(1, elapsedMs / this.#weightMs);
  }
}
