/** After so many ranges given up in a row that did not come after all, overtaken ones are waited for half as long. */
const PATIENT_LOSSES = 16;

/** How long ranges are still waited for that later ones have overtaken: not at all, until some come after they were given up. */
export class ReorderPatience {
  #waitMs = 0;
  /** Given up because later ones came, since one of them was found to be too early. */
  #rightSinceHasty = 0;
  #gaveUpAt = Number.NEGATIVE_INFINITY;
  #hastyAt = Number.NEGATIVE_INFINITY;
  /** Bytes given up because later ones came, as far as they may come after all. */
  #doubtedBytes = 0;

  /** 0 as long as nothing was seen to come out of order. */
  get waitMs(): number {
    return this.#waitMs;
  }

  /** A range was given up that lacked so many bytes. */
  gaveUp(bytes: number, rttMs: number, now: number): void {
    if (++this.#rightSinceHasty % PATIENT_LOSSES === 0) this.#waitMs = this.#waitMs > 1 ? this.#waitMs / 2 : 0;
    if (now - this.#gaveUpAt > rttMs) this.#doubtedBytes = 0;
    this.#gaveUpAt = now;
    this.#doubtedBytes += bytes;
  }

  /** Bytes came that had been given up: more is waited for, once per round trip. @returns whether all have come that were given up lately */
  cameAfterAll(bytes: number, rttMs: number, minRttMs: number, now: number): boolean {
    if (now - this.#gaveUpAt > 2 * rttMs) return false;
    this.#doubtedBytes -= bytes;
    if (now - this.#hastyAt >= rttMs) {
      this.#hastyAt = now;
      this.#rightSinceHasty = 0;
      this.#waitMs = Math.min(rttMs, Math.max(minRttMs / 4, 2 * this.#waitMs));
    }
    return this.#doubtedBytes <= 0;
  }

  /** The path is another one. */
  reset(): void {
    this.#waitMs = 0;
  }
}
