import type { Gauge } from './gauge.js';

interface Bucket {
  tokens: number;
  refilledMs: number;
}

/**
 * A token bucket per key, for a bounded number of keys. A key not seen for longest is forgotten first and starts with a
 * full bucket when it comes back, so the bound must be well above the number of honest speakers.
 */
export class KeyedRateLimiter {
  #ratePerMs: number;
  #burst: number;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, Bucket>();
  #highWater = 0;
  #evicted = 0;

  constructor(options: { ratePerSecond: number; burst: number; maxKeys: number }) {
    this.#ratePerMs = options.ratePerSecond / 1000;
    this.#burst = options.burst;
    this.#maxKeys = options.maxKeys;
  }

  /** Changes the rate for all keys. What they have saved up is cut to the new burst when they come next. */
  limit(ratePerSecond: number, burst: number): void {
    this.#ratePerMs = ratePerSecond / 1000;
    this.#burst = burst;
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
    if (this.#buckets.size > this.#highWater) this.#highWater = this.#buckets.size;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** How many keys have a budget here. */
  gauge(name: string): Gauge {
    const used = this.#buckets.size;
    return { name, unit: 'entries', used, highWater: this.#highWater, bound: this.#maxKeys, refused: this.#evicted };
  }

  #evict(): void {
    if (this.#buckets.size < this.#maxKeys) return;
    this.#evicted++;
    const oldest = this.#buckets.keys().next().value;
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
