/** A rate limit: `ratePerSecond` on average, `burst` at once. Time is an argument, in ms. */
export class TokenBucket {
  readonly #ratePerMs: number;
  readonly #burst: number;
  #tokens: number;
  #refilledMs = -Infinity;

  constructor(ratePerSecond: number, burst: number) {
    this.#ratePerMs = ratePerSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes tokens, one by default; false, and nothing taken, when there are not so many left. */
  take(now: number, tokens = 1): boolean {
    if (this.#refilledMs !== -Infinity) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#refilledMs) * this.#ratePerMs);
    }
    this.#refilledMs = now;
    if (this.#tokens < tokens) return false;
    this.#tokens -= tokens;
    return true;
  }
}
