/** Settings of a {@link RttEstimator}; all in milliseconds. */
export interface RttOptions {
  /** What is assumed before the first sample. RFC 9002 section 6.2.2 says 333; paths here are mostly short. */
  readonly initialMs?: number;
  /** Nothing shorter than this can be measured, nor waited for, on the clocks that drive us (RFC 9002: kGranularity). */
  readonly granularityMs?: number;
}

/**
 * Round-trip time of one path, smoothed as RFC 9002 section 5 (and RFC 6298) has it.
 *
 * Samples must come from packets that were sent once: the caller leaves out retransmitted ones (Karn) or, like STREAM,
 * never sends a packet number twice.
 */
export class RttEstimator {
  readonly #initialMs: number;
  readonly #granularityMs: number;
  #smoothedMs: number;
  #varianceMs: number;
  #minMs = Number.POSITIVE_INFINITY;
  #latestMs: number;
  #samples = 0;

  constructor(options: RttOptions = {}) {
    this.#initialMs = options.initialMs ?? 100;
    this.#granularityMs = options.granularityMs ?? 1;
    this.#smoothedMs = this.#initialMs;
    this.#varianceMs = this.#initialMs / 2;
    this.#latestMs = this.#initialMs;
  }

  /** Smoothed round-trip time, ms; the initial guess before the first sample. */
  get smoothedMs(): number {
    return this.#smoothedMs;
  }

  /** Smoothed mean deviation of the samples, ms. */
  get varianceMs(): number {
    return this.#varianceMs;
  }

  /** Smallest sample since the start or the last {@link reset}, ms; `Infinity` without one. */
  get minMs(): number {
    return this.#minMs;
  }

  /** Newest sample, ms. */
  get latestMs(): number {
    return this.#latestMs;
  }

  /** True once there is a sample to go by. */
  get measured(): boolean {
    return this.#samples > 0;
  }

  /**
   * Takes in one measured round trip.
   * @param rttMs time from sending to hearing of it; negative or non-finite values are ignored
   * @param ackDelayMs how long the peer says it waited before answering; it is taken off unless that would give less than the minimum
   */
  sample(rttMs: number, ackDelayMs = 0): void {
    if (!(rttMs >= 0) || !Number.isFinite(rttMs)) return;
    this.#latestMs = rttMs;
    this.#samples++;
    if (rttMs < this.#minMs) this.#minMs = rttMs;
    if (this.#samples === 1) {
      this.#smoothedMs = rttMs;
      this.#varianceMs = rttMs / 2;
      return;
    }
    const adjustedMs = ackDelayMs > 0 && rttMs >= this.#minMs + ackDelayMs ? rttMs - ackDelayMs : rttMs;
    this.#varianceMs += (Math.abs(this.#smoothedMs - adjustedMs) - this.#varianceMs) / 4;
    this.#smoothedMs += (adjustedMs - this.#smoothedMs) / 8;
  }

  /** How long to wait for an answer before it counts as overdue, ms: smoothed + 4 deviations (RFC 6298, RFC 9002 section 6.2.1). */
  timeoutMs(): number {
    return this.#smoothedMs + Math.max(4 * this.#varianceMs, this.#granularityMs);
  }

  /** Forgets everything, for a new path (RFC 9000 section 9.4). The old estimate stays as the first guess. */
  reset(): void {
    this.#minMs = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    this.#varianceMs = Math.max(this.#varianceMs, this.#smoothedMs / 2);
  }
}
