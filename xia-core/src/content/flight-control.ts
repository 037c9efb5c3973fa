import type { RandomSource } from '../bytes/index.js';
import { RttEstimator } from '../congestion/rtt-estimator.js';
import type { ChunkFetch, Flight, NextRange } from './chunk-fetch.js';
import type { FetchCounters, FetchLimits } from './fetch-options.js';
import { FlightList } from './flight-list.js';
import { FetchWindow, type WindowOptions } from './window.js';

/** Ranges get no smaller with a small window, unless a chunk ends. */
export const MIN_RANGE_BYTES = 4096;
/** Of one window, so that several ranges are under way and a lost one is noticed by the others. */
const RANGES_PER_WINDOW = 8;
/** Later segments that must come before a range is given up; more once that was found to be too hasty. */
const REORDER_SEGMENTS = 3;
const MAX_REORDER_SEGMENTS = 256;
/** A timer that fires so late was held up by its own process: arrived packets are looked at first. */
const LATE_TIMER_MS = 10;
const SMALLEST_SEGMENT_BYTES = 1200;

export interface FlightControlOptions {
  readonly limits: Required<FetchLimits>;
  readonly window: WindowOptions | undefined;
  readonly rng: Pick<RandomSource, 'unit'>;
  readonly counters: FetchCounters;
  /** A flight was given up; what it lacks is among the lost ranges of its chunk. Nothing may be sent from within. */
  readonly onLost: (chunk: ChunkFetch) => void;
}

/**
 * What is under way, and what the path is like as far as that tells: round trips, congestion window, size of segments.
 *
 * A range is taken for lost when {@link REORDER_SEGMENTS} segments of later requests came since it last made progress, or
 * when it made none for a retransmission timeout (RFC 6298), which doubles while its chunk stays silent.
 */
export class FlightControl {
  readonly #options: FlightControlOptions;
  readonly #counters: FetchCounters;
  readonly #window: FetchWindow;
  readonly #rtt = new RttEstimator();
  readonly #flights = new FlightList();
  #sequence = 0;
  #inFlightBytes = 0;
  #probes = 0;
  /** What the path carries in one packet, as far as seen; 0 while no range had to be cut into segments. */
  #segmentBytes = 0;
  #largestSegmentBytes = SMALLEST_SEGMENT_BYTES;
  #reorderSegments = REORDER_SEGMENTS;
  /** When a range was last given up because later ones came, and when that was last found to be too early. */
  #overtakenAt = Number.NEGATIVE_INFINITY;
  #hastyAt = Number.NEGATIVE_INFINITY;
  /** Not later than the first deadline of a flight. */
  #alarmAt = Number.POSITIVE_INFINITY;
  #lateTimerExcused = false;
  #lastArrivalAt = Number.NEGATIVE_INFINITY;
  /** A timeout passed in which nothing at all arrived, and nothing has since. */
  outage = false;
  /** More could have been asked for if the window had been larger; only then does it grow. */
  windowWasFull = false;

  constructor(options: FlightControlOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.#window = new FetchWindow(options.window);
  }

  get windowBytes(): number {
    return this.#window.bytes;
  }

  /** Bytes asked for that have neither come nor been given up, probes aside. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Probes under way. */
  get probes(): number {
    return this.#probes;
  }

  get smoothedRttMs(): number {
    return this.#rtt.smoothedMs;
  }

  get segmentBytes(): number {
    return this.#segmentBytes;
  }

  /** How much of the rest of a chunk to ask for at once: also a part of the window, but no more than responders give. */
  get restBytes(): number {
    return Math.min(this.#options.limits.maxRestBytes, this.#partBytes);
  }

  /** How much to ask for at once: a part of the window, in whole segments of the path. */
  get rangeBytes(): number {
    const range = Math.min(this.#options.limits.maxRangeBytes, this.#partBytes);
    const segment = this.#segmentBytes;
    return segment > 0 && segment < range ? range - (range % segment) : range;
  }

  get #partBytes(): number {
    return Math.max(MIN_RANGE_BYTES, Math.floor(this.#window.bytes / RANGES_PER_WINDOW));
  }

  /** Whether the window has room for a range. There is always room for one. */
  admits(bytes: number): boolean {
    return this.#inFlightBytes === 0 || this.#inFlightBytes + bytes <= this.#window.bytes;
  }

  /** Notes that a range was asked for. */
  launch(chunk: ChunkFetch, range: NextRange, probe: boolean, now: number): void {
    const length = range.end - range.start;
    const flight: Flight = {
      chunk,
      sequence: this.#sequence++,
      start: range.start,
      end: range.end,
      sentAt: now,
      repeated: range.repeated,
      probe,
      missing: length,
      answered: false,
      passed: 0,
      deadline: 0,
      previous: undefined,
      next: undefined,
    };
    this.#flights.append(flight);
    chunk.asked(range, flight, now);
    if (probe) this.#probes++;
    else this.#inFlightBytes += length;
    this.#setDeadline(flight, now + this.#timeoutMs(chunk));
  }

  /** Cuts off what was asked for behind the end of a chunk. */
  trim(chunk: ChunkFetch): void {
    for (const flight of chunk.flights) {
      const cut = Math.max(0, flight.end - Math.max(flight.start, chunk.length));
      flight.end -= cut;
      flight.missing -= cut;
      if (!flight.probe) this.#inFlightBytes -= cut;
    }
  }

  /** Stops waiting for anything of a chunk. */
  drop(chunk: ChunkFetch): void {
    while (chunk.flights.length > 0) this.#land(chunk.flights[0]!);
  }

  /** Notes that the bytes `[start, end)` of a chunk arrived in one segment. Returns how many are new. */
  arrived(chunk: ChunkFetch, start: number, end: number, now: number): number {
    const { received, flights } = chunk;
    let fresh = 0;
    // Backwards, since a flight that is complete or given up goes, and the last one takes its place.
    for (let i = flights.length - 1; i >= 0; i--) {
      // More than one may have gone meanwhile.
      const flight = flights[i];
      if (flight === undefined || flight.end <= start || flight.start >= end) continue;
      if (start === flight.start && !flight.repeated) this.#learnSegment(end - start, end === flight.end);
      const arrived = received.add(Math.max(start, flight.start), Math.min(end, flight.end));
      if (arrived === 0) continue;
      fresh += arrived;
      this.#progress(flight, arrived, end, now);
    }
    const unasked = received.add(start, end);
    if (unasked > 0) this.#noteUnasked(chunk, start, end, now);
    if (fresh + unasked > 0) this.#lastArrivalAt = now;
    return fresh + unasked;
  }

  /** When `expire` wants to be called, ms. Never later than needed, sometimes earlier. */
  nextTimeout(): number {
    return this.#flights.size === 0 ? Number.POSITIVE_INFINITY : this.#alarmAt;
  }

  /** Gives up what is overdue, and answers with the chunks of it. */
  expire(now: number): ReadonlySet<ChunkFetch> {
    const chunks = new Set<ChunkFetch>();
    if (now < this.nextTimeout()) return chunks;
    if (now > this.#alarmAt + LATE_TIMER_MS && !this.#lateTimerExcused) {
      this.#lateTimerExcused = true;
      this.#alarmAt = now + 1;
      return chunks;
    }
    this.#lateTimerExcused = false;
    this.#alarmAt = Number.POSITIVE_INFINITY;
    for (let flight = this.#flights.head; flight !== undefined; flight = flight.next) {
      if (flight.deadline > now) {
        this.#alarmAt = Math.min(this.#alarmAt, flight.deadline);
        continue;
      }
      this.#counters.timedOut++;
      this.#giveUp(flight, now);
      chunks.add(flight.chunk);
      if (this.#lastArrivalAt < flight.sentAt) {
        this.#window.collapse(now);
        this.outage = true;
      } else if (!flight.probe) this.#window.lost(flight.sentAt, now);
    }
    return chunks;
  }

  /** Gives up everything and forgets what the path was like. */
  reset(now: number): void {
    for (let flight = this.#flights.head; flight !== undefined; flight = flight.next) this.#giveUp(flight, now);
    this.#window.reset(now);
    this.#rtt.reset();
    this.#segmentBytes = 0;
    this.#reorderSegments = REORDER_SEGMENTS;
    this.outage = false;
  }

  /** The first segment of a range is as large as the path allows, unless it is the whole range. */
  #learnSegment(bytes: number, isWholeRange: boolean): void {
    if (bytes > this.#largestSegmentBytes) this.#largestSegmentBytes = bytes;
    if (!isWholeRange) this.#segmentBytes = bytes;
    else if (bytes > this.#segmentBytes) this.#segmentBytes = 0;
  }

  /** New bytes of one flight. */
  #progress(flight: Flight, arrived: number, segmentEnd: number, now: number): void {
    flight.missing -= arrived;
    if (!flight.probe) this.#inFlightBytes -= arrived;
    if (!flight.answered) {
      flight.answered = true;
      const elapsedMs = now - flight.sentAt;
      if (!flight.repeated) {
        this.#rtt.sample(elapsedMs);
        this.#window.sampled(elapsedMs, this.#rtt.minMs, now);
      }
      // Too quick to be an answer to the second request: the first was answered, late.
      else if (this.#rtt.measured && elapsedMs < this.#rtt.minMs / 2) this.#wasHasty(now);
    }
    if (this.windowWasFull) {
      const segment = this.#segmentBytes || this.#largestSegmentBytes;
      this.#window.grow(arrived, flight.sentAt, now, this.#rtt.smoothedMs, segment);
    }
    for (let earlier = this.#flights.head; earlier !== undefined && earlier.sequence < flight.sequence; earlier = earlier.next) {
      if (++earlier.passed < this.#reorderSegments || earlier.chunk.silent) continue;
      this.#counters.overtaken++;
      this.#overtakenAt = now;
      this.#giveUp(earlier, now);
      this.#window.lost(earlier.sentAt, now);
    }
    if (flight.missing === 0) {
      this.#land(flight);
      return;
    }
    flight.passed = 0;
    // A responder sends a range in order, so after its last segment only stragglers can come.
    const isLast = segmentEnd >= flight.end;
    this.#setDeadline(flight, now + (isLast ? Math.max(2, this.#rtt.smoothedMs / 4) : this.#timeoutMs(flight.chunk)));
  }

  /** Bytes came that no flight waits for: of a range that was given up, or more than was asked for. */
  #noteUnasked(chunk: ChunkFetch, start: number, end: number, now: number): void {
    if (end > chunk.frontier) chunk.unsolicited = true;
    if (chunk.lost.count === 0) return;
    const before = chunk.lost.covered;
    chunk.lost.remove(start, end);
    if (chunk.lost.covered < before) this.#wasHasty(now);
  }

  /** A range was given up too early. If it was because later ones came, more of those are waited for, once per round trip. */
  #wasHasty(now: number): void {
    this.#counters.spurious++;
    const rttMs = this.#rtt.smoothedMs;
    if (now - this.#overtakenAt > 2 * rttMs || now - this.#hastyAt < rttMs) return;
    this.#hastyAt = now;
    this.#reorderSegments = Math.min(MAX_REORDER_SEGMENTS, 2 * this.#reorderSegments);
  }

  /** Stops waiting for a flight; what it lacks is asked for again. */
  #giveUp(flight: Flight, now: number): void {
    this.#land(flight);
    flight.chunk.noteLost(flight, now);
    this.#options.onLost(flight.chunk);
  }

  #land(flight: Flight): void {
    this.#flights.remove(flight);
    flight.chunk.removeFlight(flight);
    if (flight.probe) this.#probes--;
    else this.#inFlightBytes -= flight.missing;
  }

  #setDeadline(flight: Flight, deadline: number): void {
    flight.deadline = deadline;
    if (deadline < this.#alarmAt) this.#alarmAt = deadline;
  }

  #timeoutMs(chunk: ChunkFetch): number {
    const { timeoutMarginMs, maxTimeoutMs } = this.#options.limits;
    const base = this.#rtt.timeoutMs() + timeoutMarginMs;
    if (chunk.silentRounds === 0) return Math.min(maxTimeoutMs, base);
    // Spread, so that fetchers which lost the path together do not come back together.
    return Math.min(maxTimeoutMs, base * 2 ** Math.min(chunk.silentRounds, 16)) * (1 + this.#options.rng.unit() / 8);
  }
}
