import { BASE_MTU, LEAST_MTU, MtuSearch, MtuState } from '../congestion/index.js';

/** What the headers of a segment take at most in usual networks: XIP with six nodes, and its own. */
const HEADER_BYTES = 240;
/** Small enough that the answer passes nearly every path in one packet, bytes of a chunk. */
export const SAFE_RANGE_BYTES = BASE_MTU - HEADER_BYTES;

/** Larger packets than jumbo frames carry are not looked for. */
const LARGEST_MTU = 8972;
/**
 * When what was found is doubted for the first time. A busy machine drops large segments more often than small ones, which looks the
 * same; and asking for very little at once makes it busier still.
 */
const DOUBT_MS = 1000;
/** From so many round trips without an answer on, even less is asked for. */
const DESPERATE_ROUNDS = 4;

/** How much to ask for to see whether anybody answers at all, after so many round trips in which nobody did. */
export function probeRangeBytes(silentRounds: number): number {
  return silentRounds < DESPERATE_ROUNDS ? SAFE_RANGE_BYTES : LEAST_MTU - HEADER_BYTES;
}

/**
 * Notices that segments vanish on the way because of their size, and then limits how much is asked for at once, so that each
 * answer is one segment that passes. Who answers cannot notice: it keeps nothing of those who ask, and hears nothing of what
 * is lost. It cuts segments as large as it believes the path carries, but never larger than what was asked for.
 *
 * The search for what passes is that of connections, {@link MtuSearch}; its probes are ranges of the size that is tried.
 */
export class SegmentLimit {
  readonly #search = new MtuSearch(DOUBT_MS);
  /** Larger packets are not sent, as far as is known. */
  #limitBytes = LARGEST_MTU;
  /** Of the segments that came. */
  #largestSeenBytes = 0;
  readonly #counters: { blackHoles: number };

  constructor(counters: { blackHoles: number }) {
    this.#counters = counters;
  }

  /** How much may be asked for at once; `Infinity` unless segments vanish. */
  get rangeBytes(): number {
    const { state, packetBytes } = this.#search;
    const isFree = state === MtuState.TRUSTING || (state === MtuState.SETTLED && this.#search.foundBytes === 0);
    return isFree ? Infinity : packetBytes - HEADER_BYTES;
  }

  /** How much to ask for next in order to try whether the answer comes; 0 when nothing is to be tried. */
  get testBytes(): number {
    return this.#search.wantsProbe ? this.#search.nextProbe - HEADER_BYTES : 0;
  }

  /** A range was asked for. @returns whether that is a test */
  asked(bytes: number, now: number): boolean {
    this.#search.limit(this.#limitBytes, now);
    if (this.testBytes === 0 || bytes !== this.testBytes) return false;
    this.#search.probeSent();
    return true;
  }

  /** A segment came of a range that was asked for at `askedMs`. */
  arrived(bytes: number, askedMs: number, now: number): void {
    if (bytes > this.#largestSeenBytes) this.#largestSeenBytes = bytes;
    const before = this.#search.blackHoles;
    // More than is asked for at once now, so it was asked for earlier.
    if (bytes > this.rangeBytes) this.#search.proved(bytes + HEADER_BYTES);
    this.#search.acked(bytes + HEADER_BYTES, askedMs);
    if (this.#search.blackHoles > before) this.#fell(now);
  }

  /** The first segment of a test came. */
  testAnswered(askedBytes: number, bytes: number, now: number): void {
    const search = this.#search;
    // The responder cuts smaller than that: this is all there is to find out.
    if (bytes < askedBytes && bytes + HEADER_BYTES > search.packetBytes) this.#setLimit(bytes, now);
    search.probeAcked(bytes + HEADER_BYTES);
  }

  /** A test got no answer. */
  testLost(askedBytes: number): void {
    this.#search.probeLost(askedBytes + HEADER_BYTES);
  }

  /** Nobody waits for the answer of a test any more. */
  testDropped(): void {
    this.#search.probeDropped();
  }

  /** A range was given up that was asked for at `askedMs` and of which no large segment came. */
  lost(rangeBytes: number, askedMs: number, now: number): void {
    // How large the segments were nobody knows: as small as can be, so that any larger one that comes disproves it.
    const { packetBytes } = this.#search;
    const leastBytes = packetBytes > BASE_MTU ? BASE_MTU + 1 : packetBytes;
    const before = this.#search.blackHoles;
    this.#search.lost(Math.min(rangeBytes + HEADER_BYTES, leastBytes), askedMs);
    if (this.#search.blackHoles > before) this.#fell(now);
  }

  /** The path is another one. */
  reset(): void {
    this.#search.reset();
    this.#largestSeenBytes = 0;
    this.#limitBytes = LARGEST_MTU;
  }

  #setLimit(segmentBytes: number, now: number): void {
    this.#limitBytes = segmentBytes + HEADER_BYTES;
    this.#search.limit(this.#limitBytes, now);
  }

  /** Larger segments than have come before nobody sends: what is tried first shall be one packet. */
  #fell(now: number): void {
    this.#counters.blackHoles++;
    if (this.#largestSeenBytes > SAFE_RANGE_BYTES) this.#setLimit(this.#largestSeenBytes, now);
  }
}
