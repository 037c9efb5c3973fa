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

  /** Takes one token; false when there is none left. */
  take(now: number): boolean {
    if (this.#refilledMs !== -Infinity) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#refilledMs) * this.#ratePerMs);
    }
    this.#refilledMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
