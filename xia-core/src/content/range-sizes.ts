import type { FetchLimits } from './fetch-options.js';
import type { PathCongestion } from './path-congestion.js';
import type { SegmentLimit } from './segment-limit.js';

/** Ranges get no smaller with a small window, unless a chunk ends. */
const MIN_RANGE_BYTES = 4096;
/** Of one window, so that several ranges are under way and a lost one is noticed by the others. */
const RANGES_PER_WINDOW = 8;
/** The same where a segment is large: a request costs every node on the way more than it is worth to know of a loss sooner. */
const LARGE_RANGES_PER_WINDOW = 3;
const SMALLEST_SEGMENT_BYTES = 1200;
/** From such segments on, as local links carry them, more of them are asked for at once than a request of the usual form can say. */
const LARGE_SEGMENT_BYTES = 32_768;
/** So many such ranges are tried: if none is answered, nobody there understands them. */
const LONG_TRIALS = 4;

/** How much is asked for at once on one path. */
export class RangeSizes {
  readonly #limits: Required<FetchLimits>;
  readonly #congestion: PathCongestion;
  readonly #segments: SegmentLimit;
  /** What the path carries in one packet, as far as seen; 0 while no range had to be cut into segments. */
  #segmentBytes = 0;
  #largestSegmentBytes = SMALLEST_SEGMENT_BYTES;
  /** Long ranges that may be asked for before one was answered; `Infinity` afterwards. */
  #longLeft = LONG_TRIALS;

  constructor(limits: Required<FetchLimits>, congestion: PathCongestion, segments: SegmentLimit) {
    this.#limits = limits;
    this.#congestion = congestion;
    this.#segments = segments;
  }

  /** Bytes of a chunk in one packet; 0 while that is not known. */
  get segmentBytes(): number {
    return this.#segmentBytes;
  }

  /** How much of the rest of a chunk: also a part of the window, but no more than responders give. */
  get restBytes(): number {
    return Math.min(this.#limits.maxRestBytes, this.#partBytes, this.#segments.rangeBytes);
  }

  /** How much of what was never asked for: a part of the window, in whole segments. */
  get rangeBytes(): number {
    const { maxRangeBytes, maxRestBytes } = this.#limits;
    // Where a range of the usual size is a packet or two, a request would cost as much as what it brings.
    const isLong = this.#largestSegmentBytes >= LARGE_SEGMENT_BYTES && this.#longLeft > 0;
    return this.#upTo(isLong ? Math.max(maxRangeBytes, maxRestBytes) : maxRangeBytes);
  }

  /** How much of what got lost: never more than any responder understands. */
  get repairBytes(): number {
    return this.#upTo(this.#limits.maxRangeBytes);
  }

  /** The first segment of a range came. It is as large as the path allows, unless it is the whole range. */
  learnSegment(bytes: number, isWholeRange: boolean): void {
    if (bytes > this.#largestSegmentBytes) this.#largestSegmentBytes = bytes;
    if (!isWholeRange) this.#segmentBytes = bytes;
    else if (bytes > this.#segmentBytes) this.#segmentBytes = 0;
    this.#congestion.setPacketBytes(this.#segmentBytes || this.#largestSegmentBytes);
  }

  /** A range was asked for that is longer than the usual form can say. */
  longAsked(): void {
    this.#longLeft--;
  }

  /** Such a range has begun to come. */
  longAnswered(): void {
    this.#longLeft = Number.POSITIVE_INFINITY;
  }

  /** The path is another one. */
  reset(): void {
    this.#segmentBytes = 0;
    this.#longLeft = LONG_TRIALS;
  }

  get #partBytes(): number {
    const { windowBytes, burstBytes } = this.#congestion;
    const ranges = this.#largestSegmentBytes >= LARGE_SEGMENT_BYTES ? LARGE_RANGES_PER_WINDOW : RANGES_PER_WINDOW;
    return Math.max(MIN_RANGE_BYTES, Math.floor(Math.min(windowBytes / ranges, burstBytes)));
  }

  #upTo(mostBytes: number): number {
    const range = Math.min(mostBytes, this.#partBytes, this.#segments.rangeBytes);
    const segment = this.#segmentBytes;
    return segment > 0 && segment < range ? range - (range % segment) : range;
  }
}
