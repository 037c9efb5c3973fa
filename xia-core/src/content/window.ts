export interface WindowOptions {
  /** Bytes outstanding at first; 64 KiB by default. */
  readonly initialBytes?: number;
  /** The window never gets smaller; 16 KiB by default. */
  readonly minBytes?: number;
  /** The window never gets larger; 8 MiB by default. What may queue up in the network at worst. */
  readonly maxBytes?: number;
}

/** RFC 9438 section 4.1: how steep the cubic is, in segments per second cubed. */
const CUBIC_C = 0.4;
/** A loss takes half, as RFC 5681 has it: a fetcher has no pacing that would let it stay closer to the limit. */
const BACKOFF = 0.5;
/** Round trips that are looked at together; the smallest counts, so that a burst before one of them does not. */
const DELAY_SAMPLES = 4;
/** What a quarter of the shortest round trip is bounded by, as the rise that counts as a queue. */
const MIN_RISE_MS = 4;
const MAX_RISE_MS = 32;

/**
 * A queue of this many ms, or of the shortest round trip if that is more, is long enough: a larger window would only make
 * it longer, and everybody who shares the path would wait in it.
 */
const LONGEST_QUEUE_MS = 30;

/**
 * How many bytes a fetcher may have asked for and not yet received. Doubles per round trip up to the first loss, then
 * grows by a segment per round trip or by the cubic of the time since the loss (RFC 9438), whichever is more.
 */
export class FetchWindow {
  readonly #initialBytes: number;
  readonly #minBytes: number;
  readonly #maxBytes: number;
  #bytes: number;
  #thresholdBytes = Number.POSITIVE_INFINITY;
  /** Losses of what was asked for up to then have been answered for. */
  #reducedAt = Number.NEGATIVE_INFINITY;
  /** Where the cubic is flat, and how long after `#reducedAt` that is. */
  #plateauBytes = 0;
  #plateauAfterMs: number | undefined;
  /** Smallest of the first {@link DELAY_SAMPLES} round trips of this round, and how many they were. */
  #roundMinMs = Number.POSITIVE_INFINITY;
  #roundSamples = 0;
  #minRttMs = Number.POSITIVE_INFINITY;

  constructor(options: WindowOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
    this.#minBytes = Math.min(options.minBytes ?? 16 * 1024, this.#maxBytes);
    this.#initialBytes = Math.max(this.#minBytes, Math.min(options.initialBytes ?? 64 * 1024, this.#maxBytes));
    this.#bytes = this.#initialBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there was no loss yet, or the window is far below where there was one. */
  get inSlowStart(): boolean {
    return this.#bytes < this.#thresholdBytes;
  }

  /**
   * Bytes arrived that were asked for at `sentAt`, while the window was full.
   * @param segmentBytes what the path carries in one packet
   */
  grow(bytes: number, sentAt: number, now: number, rttMs: number, segmentBytes: number): void {
    if (sentAt < this.#reducedAt) return;
    if (rttMs > this.#minRttMs + Math.max(LONGEST_QUEUE_MS, this.#minRttMs)) return;
    if (this.inSlowStart) {
      this.#bytes = Math.min(this.#maxBytes, this.#bytes + bytes);
      return;
    }
    const additive = (segmentBytes * bytes) / this.#bytes;
    const target = Math.min(this.#cubicAt(now + rttMs, segmentBytes), 1.5 * this.#bytes);
    const cubic = ((target - this.#bytes) * bytes) / this.#bytes;
    this.#bytes = Math.min(this.#maxBytes, this.#bytes + Math.max(additive, cubic));
  }

  /**
   * A round trip was measured. While the window still doubles, a clear rise over the shortest one shows that a queue
   * builds up: it stops there, rather than when that queue has overflowed (HyStart++, RFC 9406, without its second try).
   */
  sampled(rttMs: number, minRttMs: number, now: number): void {
    this.#minRttMs = minRttMs;
    if (this.#thresholdBytes !== Number.POSITIVE_INFINITY) return;
    if (rttMs < this.#roundMinMs) this.#roundMinMs = rttMs;
    if (++this.#roundSamples < DELAY_SAMPLES) return;
    const allowedMs = Math.min(MAX_RISE_MS, Math.max(MIN_RISE_MS, minRttMs / 4));
    if (this.#roundMinMs > minRttMs + allowedMs) this.#settle(this.#bytes, now);
    this.#roundMinMs = Number.POSITIVE_INFINITY;
    this.#roundSamples = 0;
  }

  /** Something asked for at `sentAt` was lost. Takes effect once per round trip: what was under way then does not count again. */
  lost(sentAt: number, now: number): void {
    if (sentAt < this.#reducedAt) return;
    this.#settle(Math.max(this.#minBytes, this.#bytes * BACKOFF), now);
  }

  /** Nothing at all came back for a whole timeout: starts from the bottom, towards half of what it was. */
  collapse(now: number): void {
    this.#reducedAt = now;
    if (this.#bytes <= this.#minBytes) return;
    this.#plateauBytes = this.#bytes;
    this.#plateauAfterMs = undefined;
    this.#thresholdBytes = Math.max(2 * this.#minBytes, this.#bytes * BACKOFF);
    this.#bytes = this.#minBytes;
  }

  /** The path is another one now. */
  reset(now: number): void {
    this.#bytes = this.#initialBytes;
    this.#thresholdBytes = Number.POSITIVE_INFINITY;
    this.#reducedAt = now;
    this.#plateauBytes = 0;
    this.#plateauAfterMs = undefined;
    this.#roundMinMs = Number.POSITIVE_INFINITY;
    this.#roundSamples = 0;
    this.#minRttMs = Number.POSITIVE_INFINITY;
  }

  /** Ends doubling, at a window of `bytes`. */
  #settle(bytes: number, now: number): void {
    this.#plateauBytes = this.#bytes;
    this.#plateauAfterMs = undefined;
    this.#bytes = bytes;
    this.#thresholdBytes = bytes;
    this.#reducedAt = now;
  }

  #cubicAt(at: number, segmentBytes: number): number {
    const missing = Math.max(0, this.#plateauBytes - this.#bytes) / segmentBytes;
    this.#plateauAfterMs ??= 1000 * Math.cbrt(missing / CUBIC_C);
    const past = (at - this.#reducedAt - this.#plateauAfterMs) / 1000;
    return this.#plateauBytes + segmentBytes * CUBIC_C * past * past * past;
  }
}
