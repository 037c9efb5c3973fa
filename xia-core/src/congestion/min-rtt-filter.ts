/** A round trip without a queue shorter than the known one is looked for when none was seen for this long. */
const PROBE_INTERVAL_MS = 5000;
/** Longer ago than this, the shortest round trip may be another one. */
const FILTER_MS = 10_000;

/** Shortest round trip of the last ten seconds, and whether to look for it (draft-ietf-ccwg-bbr section 5.5.7). */
export class MinRttFilter {
  #minMs = Infinity;
  #minAtMs = 0;
  #probedMs = Infinity;
  #probedAtMs = 0;

  /** `Infinity` before the first sample. */
  get minMs(): number {
    return this.#minMs;
  }

  /** Takes a sample. Returns whether it is time to make room for a better one. */
  add(rttMs: number, now: number): boolean {
    const isDue = now > this.#probedAtMs + PROBE_INTERVAL_MS;
    if (rttMs < this.#probedMs || isDue) {
      this.#probedMs = rttMs;
      this.#probedAtMs = now;
    }
    if (this.#probedMs < this.#minMs || now > this.#minAtMs + FILTER_MS) {
      this.#minMs = this.#probedMs;
      this.#minAtMs = this.#probedAtMs;
    }
    return isDue;
  }

  /** Room was made: what is known now is good for the next interval. */
  probed(now: number): void {
    this.#probedAtMs = now;
  }

  clear(): void {
    this.#minMs = Infinity;
    this.#minAtMs = 0;
    this.#probedMs = Infinity;
    this.#probedAtMs = 0;
  }
}
