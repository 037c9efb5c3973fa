import type { RandomSource } from '../bytes/index.js';
import type { RttEstimator } from '../congestion/index.js';
import type { ChunkPath, Flight } from './chunk-fetch.js';
import type { FetchLimits } from './fetch-options.js';
import type { FetchSource } from './fetch-source.js';
import type { NearCache } from './near-cache.js';
import type { ReorderPatience } from './reorder-patience.js';

/** A pause of a responder in the middle of its answer that is no loss yet. */
const MIN_PAUSE_MS = 10;
/** Behind the last segment of a range only stragglers come. */
const MIN_STRAGGLER_MS = 2;
/** A path that has carried something before is tried at least so often during an outage, or once in so many of its timeouts. */
const OUTAGE_PROBE_MS = 250;
const OUTAGE_PROBE_TIMEOUTS = 4;

export interface FlightDeadlinesOptions {
  readonly limits: Pick<Required<FetchLimits>, 'timeoutMarginMs' | 'maxTimeoutMs'>;
  readonly rng: Pick<RandomSource, 'unit'>;
  readonly rtt: RttEstimator;
  readonly patience: ReorderPatience;
  readonly nearCache: NearCache;
}

/** How long is waited for what was asked for on one path. All figures are ms. */
export class FlightDeadlines {
  readonly #options: FlightDeadlinesOptions;

  constructor(options: FlightDeadlinesOptions) {
    this.#options = options;
  }

  /** How long a range that has begun to come may pause while nothing else comes either. */
  get pauseMs(): number {
    const { rtt, patience } = this.#options;
    return Math.max(MIN_PAUSE_MS, rtt.smoothedMs / 4 + 2 * rtt.varianceMs) + patience.waitMs;
  }

  /** The same once its last segment came: a responder sends a range at once and in order. */
  get stragglerMs(): number {
    return Math.max(MIN_STRAGGLER_MS, this.#options.patience.waitMs, this.#options.rtt.smoothedMs / 8);
  }

  /** How long a source may take to begin its answer. */
  answerMs({ silentRounds, heard }: FetchSource<ChunkPath>): number {
    const { limits, rtt, rng } = this.#options;
    const base = rtt.timeoutMs() + limits.timeoutMarginMs;
    if (silentRounds === 0) return Math.min(limits.maxTimeoutMs, base);
    const longestMs = heard ? Math.max(OUTAGE_PROBE_MS, OUTAGE_PROBE_TIMEOUTS * base) : limits.maxTimeoutMs;
    // Spread, so that fetchers which lost the path together do not come back together.
    return Math.min(limits.maxTimeoutMs, longestMs, base * 2 ** Math.min(silentRounds, 16)) * (1 + rng.unit() / 8);
  }

  /**
   * What is asked for again is mostly short and mostly the last that a chunk waits for, with nothing behind it that would tell of its loss.
   * To ask once too often costs little there.
   */
  repairMs(flight: Flight): number {
    const { rtt, nearCache, patience } = this.#options;
    const { source } = flight;
    if (source.silentRounds > 1) return this.answerMs(source);
    flight.isHoped = nearCache.mayRepair(flight);
    const quickMs = flight.isHoped ? nearCache.hopeMs : 1.5 * rtt.smoothedMs + 2 * rtt.varianceMs + MIN_PAUSE_MS;
    return Math.min(this.answerMs(source), quickMs + patience.waitMs);
  }
}
