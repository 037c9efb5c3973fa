import type { RandomSource } from '../bytes/index.js';
import type { ChunkFetch, ChunkPath, Flight, NextRange } from './chunk-fetch.js';
import type { FetchCounters, FetchLimits } from './fetch-options.js';
import type { FetchSource } from './fetch-source.js';
import { FlightList } from './flight-list.js';
import { PathCongestion } from './path-congestion.js';

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
/** Timeouts without anything after which the path must be taken as a new one (RFC 9002 section 7.6). */
const PERSISTENT_TIMEOUTS = 3;

export interface FlightControlOptions {
  readonly limits: Required<FetchLimits>;
  readonly rng: Pick<RandomSource, 'unit'>;
  readonly counters: FetchCounters;
  /** A flight was given up; what it lacks is among the lost ranges of its chunk. Nothing may be sent from within. */
  readonly onLost: (chunk: ChunkFetch) => void;
}

/**
 * What is under way on one path, and what the path is like as far as that tells: round trips, congestion, size of segments.
 *
 * A range is taken for lost when {@link REORDER_SEGMENTS} segments of later requests came since it last made progress, or
 * when it made none for a retransmission timeout (RFC 6298), which doubles while its chunk stays silent.
 */
export class FlightControl {
  readonly #options: FlightControlOptions;
  readonly #counters: FetchCounters;
  readonly #congestion: PathCongestion;
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
  /** When something new came last. */
  lastArrivalAt: number = Number.NEGATIVE_INFINITY;
  /** Bytes given up because later ones came, as far as they may come after all. */
  #doubtedBytes = 0;
  /** A timeout passed in which nothing at all arrived, and nothing has since. */
  outage = false;
  /** More would have been asked for if window or pace had let it; only then does the window grow. */
  wasHeldBack = false;

  constructor(options: FlightControlOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.#congestion = new PathCongestion(options.limits);
  }

  get windowBytes(): number {
    return this.#congestion.windowBytes;
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
    return this.#congestion.rtt.smoothedMs;
  }

  /** Whether a round trip was measured. */
  get measured(): boolean {
    return this.#congestion.rtt.measured;
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
    return Math.max(MIN_RANGE_BYTES, Math.floor(Math.min(this.windowBytes / RANGES_PER_WINDOW, this.#congestion.burstBytes)));
  }

  /** Whether the window has room for a range. There is always room for one. */
  admits(bytes: number): boolean {
    return this.#inFlightBytes === 0 || this.#inFlightBytes + bytes <= this.windowBytes;
  }

  /** When the next range may be asked for; `now` or earlier means at once. */
  nextRequestMs(now: number): number {
    return this.#congestion.nextRequestMs(now);
  }

  /** There is nothing to ask for although the window has room. */
  noteIdle(): void {
    this.#congestion.noteIdle(this.#inFlightBytes);
  }

  /** Notes that a range was asked for. */
  launch(chunk: ChunkFetch, source: FetchSource<ChunkPath>, range: NextRange, probe: boolean, now: number): void {
    const length = range.end - range.start;
    const flight: Flight = {
      chunk,
      source,
      sequence: this.#sequence++,
      start: range.start,
      end: range.end,
      sentAt: now,
      stamp: this.#congestion.asked(length, this.#inFlightBytes, now),
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
    this.#setDeadline(flight, now + this.#timeoutMs(source));
  }

  /** Cuts off what a flight asked for behind the end of its chunk. */
  trim(flight: Flight): void {
    const cut = Math.max(0, flight.end - Math.max(flight.start, flight.chunk.length));
    flight.end -= cut;
    flight.missing -= cut;
    if (!flight.probe) this.#inFlightBytes -= cut;
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
      this.#tellLost(flight, now);
      if (this.lastArrivalAt >= flight.sentAt) continue;
      this.outage = true;
      if (now - this.lastArrivalAt > PERSISTENT_TIMEOUTS * this.#congestion.rtt.timeoutMs()) this.#congestion.collapsed(now);
    }
    return chunks;
  }

  /** Gives up everything and forgets what the path was like. */
  reset(now: number): void {
    for (let flight = this.#flights.head; flight !== undefined; flight = flight.next) this.#giveUp(flight, now);
    this.#congestion.reset(now);
    this.#segmentBytes = 0;
    this.#reorderSegments = REORDER_SEGMENTS;
    this.outage = false;
  }

  /** The first segment of a range is as large as the path allows, unless it is the whole range. */
  learnSegment(bytes: number, isWholeRange: boolean): void {
    if (bytes > this.#largestSegmentBytes) this.#largestSegmentBytes = bytes;
    if (!isWholeRange) this.#segmentBytes = bytes;
    else if (bytes > this.#segmentBytes) this.#segmentBytes = 0;
    this.#congestion.setPacketBytes(this.#segmentBytes || this.#largestSegmentBytes);
  }

  /** New bytes of one flight, in a segment that ends at `segmentEnd`. */
  progress(flight: Flight, arrived: number, segmentEnd: number, now: number): void {
    const { rtt } = this.#congestion;
    this.lastArrivalAt = now;
    flight.missing -= arrived;
    if (!flight.probe) this.#inFlightBytes -= arrived;
    if (!flight.answered) {
      flight.answered = true;
      const elapsedMs = now - flight.sentAt;
      if (!flight.repeated) rtt.sample(elapsedMs);
      // Too quick to be an answer to the second request: the first was answered, late.
      else if (rtt.measured && elapsedMs < rtt.minMs / 2) this.wasHasty(flight.missing + arrived, now);
    }
    this.#congestion.arrived(arrived, flight.stamp, this.#inFlightBytes, this.wasHeldBack, now);
    this.#overtake(flight, now);
    if (flight.missing === 0) {
      this.land(flight);
      return;
    }
    flight.passed = 0;
    // A responder sends a range in order, so after its last segment only stragglers can come.
    const isLast = segmentEnd >= flight.end;
    this.#setDeadline(flight, now + (isLast ? Math.max(2, rtt.smoothedMs / 4) : this.#timeoutMs(flight.source)));
  }

  /** Something came behind what earlier flights wait for. */
  #overtake(flight: Flight, now: number): void {
    for (let earlier = this.#flights.head; earlier !== undefined && earlier.sequence < flight.sequence; earlier = earlier.next) {
      if (++earlier.passed < this.#reorderSegments || earlier.source.silent) continue;
      this.#counters.overtaken++;
      if (now - this.#overtakenAt > this.#congestion.rtt.smoothedMs) this.#doubtedBytes = 0;
      this.#overtakenAt = now;
      this.#doubtedBytes += earlier.missing;
      this.#giveUp(earlier, now);
      this.#tellLost(earlier, now);
    }
  }

  /** What a source never answers at all it may not have: that is asked for again and again, and says nothing of the path. */
  #tellLost(flight: Flight, now: number): void {
    if (flight.probe || (flight.repeated && !flight.source.heard)) return;
    this.#congestion.lost(flight.missing, flight.sentAt, this.#inFlightBytes, now);
  }

  /** Bytes came that had been given up. If that was because later ones came, more of those are waited for, once per round trip. */
  wasHasty(bytes: number, now: number): void {
    this.#counters.spurious++;
    const rttMs = this.#congestion.rtt.smoothedMs;
    if (now - this.#overtakenAt > 2 * rttMs) return;
    this.#doubtedBytes -= bytes;
    if (this.#doubtedBytes <= 0) this.#congestion.spurious(now);
    if (now - this.#hastyAt < rttMs) return;
    this.#hastyAt = now;
    this.#reorderSegments = Math.min(MAX_REORDER_SEGMENTS, 2 * this.#reorderSegments);
  }

  /** Stops waiting for a flight; what it lacks is asked for again. */
  #giveUp(flight: Flight, now: number): void {
    this.land(flight);
    flight.chunk.noteLost(flight, now);
    this.#options.onLost(flight.chunk);
  }

  /** Stops waiting for a flight. */
  land(flight: Flight): void {
    this.#flights.remove(flight);
    flight.chunk.removeFlight(flight);
    if (flight.probe) this.#probes--;
    else this.#inFlightBytes -= flight.missing;
  }

  #setDeadline(flight: Flight, deadline: number): void {
    flight.deadline = deadline;
    if (deadline < this.#alarmAt) this.#alarmAt = deadline;
  }

  #timeoutMs({ silentRounds }: FetchSource<ChunkPath>): number {
    const { timeoutMarginMs, maxTimeoutMs } = this.#options.limits;
    const base = this.#congestion.rtt.timeoutMs() + timeoutMarginMs;
    if (silentRounds === 0) return Math.min(maxTimeoutMs, base);
    // Spread, so that fetchers which lost the path together do not come back together.
    return Math.min(maxTimeoutMs, base * 2 ** Math.min(silentRounds, 16)) * (1 + this.#options.rng.unit() / 8);
  }
}
