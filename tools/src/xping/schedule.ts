/** After a longer stop (a suspended laptop) the schedule goes on from now instead of sending all that was missed. */
const LARGEST_BURST = 1000;

/**
 * When each echo is due: `preload` of them at once, then one every `intervalMs`, counted from the start and not from the
 * echo before, so that late timers do not add up.
 */
export class SendSchedule {
  readonly #intervalMs: number;
  readonly #preload: number;
  #startMs: number;
  #next = 0;
  /** Times that the schedule was shifted because too much had been missed. */
  skipped = 0;

  constructor(startMs: number, intervalMs: number, preload = 1) {
    this.#startMs = startMs;
    this.#intervalMs = intervalMs;
    this.#preload = preload;
  }

  /** When the next echo is due. */
  get nextMs(): number {
    return this.#startMs + Math.max(0, this.#next - this.#preload + 1) * this.#intervalMs;
  }

  /** True once for each echo that is due. */
  take(nowMs: number): boolean {
    const behindMs = nowMs - this.nextMs;
    if (behindMs < 0) return false;
    if (this.#next >= this.#preload && behindMs > LARGEST_BURST * this.#intervalMs) {
      this.#startMs += behindMs;
      this.skipped++;
    }
    this.#next++;
    return true;
  }
}
