interface Bucket {
  tokens: number;
  refilledMs: number;
}

/**
 * A token bucket per key, for a bounded number of keys. A key not seen for longest is forgotten first and starts with a
 * full bucket when it comes back, so the bound must be well above the number of honest speakers.
 */
export class KeyedRateLimiter {
  readonly #ratePerMs: number;
  readonly #burst: number;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: { ratePerSecond: number; burst: number; maxKeys: number }) {
    this.#ratePerMs = options.ratePerSecond / 1000;
    this.#burst = options.burst;
    this.#maxKeys = options.maxKeys;
  }

  /** Takes one token of `key`; false when it has none. `now` in milliseconds. */
  take(key: string, now: number): boolean {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { tokens: this.#burst, refilledMs: now };
      this.#evict();
    } else {
      this.#buckets.delete(key);
      const refill = Math.max(0, now - bucket.refilledMs) * this.#ratePerMs;
      bucket.tokens = Math.min(this.#burst, bucket.tokens + refill);
      bucket.refilledMs = now;
    }
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  #evict(): void {
    if (this.#buckets.size < this.#maxKeys) return;
    const oldest = this.#buckets.keys().next().value;
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
