import type { RandomSource } from '../bytes/index.js';
import { MAX_CHUNK_RANGE_BYTES } from '../wire/index.js';
import { NOBODY, type ChunkFetch, type ChunkPath, type Flight, type NextRange } from './chunk-fetch.js';
import type { FetchCounters, FetchLimits } from './fetch-options.js';
import type { FetchSource } from './fetch-source.js';
import { FlightDeadlines } from './flight-deadlines.js';
import { FlightList } from './flight-list.js';
import { NearCache } from './near-cache.js';
import { PathCongestion, type RequestStamp } from './path-congestion.js';
import { RangeSizes } from './range-sizes.js';
import { ReorderPatience } from './reorder-patience.js';
import { SAFE_RANGE_BYTES, SegmentLimit } from './segment-limit.js';

/** Later segments that must come before a range is given up. */
const REORDER_SEGMENTS = 3;
/** A timer that fires so late was held up by its own process: arrived packets are looked at first. */
const LATE_TIMER_MS = 10;
/** The share of the last round trip that must have passed until a range can have been overtaken by something asked for again. */
const DUE_SHARE = 0.9;
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
 * when it made none for a retransmission timeout (RFC 6298), which doubles while its source stays silent.
 */
export class FlightControl {
  readonly #options: FlightControlOptions;
  readonly #counters: FetchCounters;
  readonly #congestion: PathCongestion;
  readonly #segments: SegmentLimit;
  /** How much to ask for at once. */
  readonly sizes: RangeSizes;
  /** How long an overtaken range may still come. */
  readonly #patience = new ReorderPatience();
  readonly #deadlines: FlightDeadlines;
  readonly #flights = new FlightList();
  #sequence = 0;
  #inFlightBytes = 0;
  #probes = 0;
  /** Not later than the first deadline of a flight. */
  #alarmAt = Number.POSITIVE_INFINITY;
  #lateTimerExcused = false;
  /** When something new came last. */
  lastArrivalAt: number = Number.NEGATIVE_INFINITY;
  readonly #nearCache = new NearCache();
  /** Of the flight that answered last from as far as the source. */
  #farStamp: RequestStamp | undefined;
  /** A timeout passed in which nothing at all arrived, and nothing has since. */
  outage = false;
  /** More would have been asked for if window or pace had let it; only then does the window grow. */
  wasHeldBack = false;

  constructor(options: FlightControlOptions) {
    this.#options = options;
    this.#counters = options.counters;
    this.#congestion = new PathCongestion(options.limits);
    this.#segments = new SegmentLimit(options.counters);
    const { limits, rng } = options;
    const [rtt, patience, nearCache] = [this.#congestion.rtt, this.#patience, this.#nearCache];
    this.#deadlines = new FlightDeadlines({ limits, rng, rtt, patience, nearCache });
    this.sizes = new RangeSizes(limits, this.#congestion, this.#segments);
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

  /** A cache on the path answers what is asked for again, when all of a chunk has come by it. */
  get hasNearCache(): boolean {
    return this.#nearCache.isThere;
  }

  /** Whether a round trip was measured. */
  get measured(): boolean {
    return this.#congestion.rtt.measured;
  }

  /** How much to ask for next to try whether segments of that size come; 0 when that is not in doubt. */
  get testBytes(): number {
    return this.#segments.testBytes;
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
      isTest: this.#segments.asked(length, now),
      endCame: false,
      isHoped: false,
      passed: 0,
      deadline: 0,
      previous: undefined,
      next: undefined,
    };
    this.#flights.append(flight);
    chunk.asked(range, flight, now);
    if (isLong(flight)) this.sizes.longAsked();
    if (probe) this.#probes++;
    else this.#inFlightBytes += length;
    const deadline = now + (range.repeated ? this.#deadlines.repairMs(flight) : this.#deadlines.answerMs(source));
    // Not after the chunk is to be given up.
    const giveUpAt = chunk.silentSince + this.#options.limits.giveUpMs;
    this.#setDeadline(flight, giveUpAt > now ? Math.min(deadline, giveUpAt) : deadline);
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
      chunks.add(flight.chunk);
      if (flight.passed >= REORDER_SEGMENTS && !flight.source.silent) {
        this.#giveUpOvertaken(flight, now);
        continue;
      }
      // Others still come that were asked for before: it may wait behind them in a queue that grows.
      const patience = this.lastArrivalAt + (flight.answered ? this.#deadlines.pauseMs : this.#deadlines.answerMs(flight.source));
      if (flight.passed === 0 && !flight.repeated && !flight.endCame && patience > now) {
        this.#setDeadline(flight, patience);
        continue;
      }
      this.#counters.timedOut++;
      if (flight.isHoped) {
        this.#missNear(flight);
        continue;
      }
      this.#giveUp(flight, now);
      // Nothing at all came since: a full queue would still let something pass. What the path carries, it will carry afterwards.
      if (this.lastArrivalAt < flight.sentAt) this.outage = true;
      else this.#tellLost(flight, now);
    }
    return chunks;
  }

  /** Gives up everything and forgets what the path was like. */
  reset(now: number): void {
    for (let flight = this.#flights.head; flight !== undefined; flight = flight.next) this.#giveUp(flight, now);
    this.#congestion.reset(now);
    this.#segments.reset();
    this.sizes.reset();
    this.#patience.reset();
    this.#nearCache.forget();
    this.#farStamp = undefined;
    this.outage = false;
  }

  /** New bytes of one flight, in segments of so many bytes of which the last one ends at `segmentEnd`. */
  progress(flight: Flight, arrived: number, segmentEnd: number, segmentBytes: number, now: number): void {
    const { rtt } = this.#congestion;
    this.lastArrivalAt = now;
    if (this.outage) this.#congestion.lost(1, true, flight.sentAt, this.#inFlightBytes, now);
    flight.missing -= arrived;
    if (!flight.probe) this.#inFlightBytes -= arrived;
    if (flight.source.unansweredBytes > 0) this.#believe(flight, now);
    this.#segments.arrived(Math.min(arrived, segmentBytes), flight.sentAt, now);
    if (flight.isTest && segmentEnd - arrived === flight.start) {
      flight.isTest = false;
      this.#segments.testAnswered(flight.end - flight.start, Math.min(arrived, segmentBytes), now);
    }
    if (segmentEnd >= flight.end) flight.endCame = true;
    const elapsedMs = now - flight.sentAt;
    // Too quick to be an answer to the second request, unless a cache gave it that is nearer than the source.
    const isQuick = flight.repeated && rtt.measured && elapsedMs < rtt.minMs / 2;
    if (!flight.answered) {
      flight.answered = true;
      if (isLong(flight)) this.sizes.longAnswered();
      if (!flight.repeated) rtt.sample(elapsedMs);
      else this.#judgeRepair(flight, isQuick, elapsedMs, now, arrived);
    }
    // What comes from nearer says nothing of the round trips and the rate of the path.
    if (!isQuick) this.#farStamp = flight.stamp;
    this.#congestion.arrived(arrived, this.#farStamp ?? flight.stamp, this.#inFlightBytes, this.wasHeldBack, now);
    const { answeredBy } = flight.chunk;
    const isFromCache = answeredBy !== NOBODY && !flight.source.isHost(answeredBy);
    this.#overtake(flight, Math.ceil(arrived / segmentBytes), isQuick, isFromCache, now);
    if (flight.missing === 0) {
      this.land(flight);
      return;
    }
    flight.passed = 0;
    this.#setDeadline(flight, now + (flight.endCame ? this.#deadlines.stragglerMs : this.#deadlines.pauseMs));
  }

  /** What was asked for again begins to come: from a cache, from the source, or late from whoever was asked first. */
  #judgeRepair(flight: Flight, isQuick: boolean, elapsedMs: number, now: number, arrived: number): void {
    const { chunk, source } = flight;
    // Who does not tell its name is no cache that could be relied on.
    const isFromSource = chunk.answeredBy === NOBODY || source.isHost(chunk.answeredBy);
    if (isQuick && isFromSource) {
      // Where a cache is hoped for, repairs are asked for again before the source can have answered the first time.
      if (!this.hasNearCache) this.wasHasty(flight.missing + arrived, now);
    } else if (isQuick) this.#nearCache.answered(chunk, elapsedMs);
    else if (isFromSource) this.#nearCache.passedOver(chunk);
  }

  /**
   * Something came behind what earlier flights wait for: they are lost, or will be if they do not come soon where things were found
   * to come out of order (RFC 8985).
   * @param isQuick it may be from nearer than the source: then it tells only of what else was asked for there
   * @param isFromCache it is, and tells only of the same chunk
   */
  #overtake(flight: Flight, segments: number, isQuick: boolean, isFromCache: boolean, now: number): void {
    // What was asked for again may be the late answer to the first request: then those asked for between the two are not overtaken.
    const sentBefore = flight.repeated ? now - DUE_SHARE * this.#congestion.rtt.latestMs : now;
    for (let earlier = this.#flights.head; earlier !== undefined && earlier.sequence < flight.sequence; earlier = earlier.next) {
      if (earlier.sentAt > sentBefore) return;
      if ((isQuick || isFromCache) && earlier.chunk !== flight.chunk) continue;
      if (isQuick && !earlier.repeated) continue;
      const before = earlier.passed;
      // A later range is here to its end: as good as any number of its segments.
      earlier.passed = flight.endCame ? Math.max(REORDER_SEGMENTS, before + segments) : before + segments;
      if (earlier.passed < REORDER_SEGMENTS || earlier.source.silent) continue;
      if (this.#patience.waitMs === 0) this.#giveUpOvertaken(earlier, now);
      else if (before < REORDER_SEGMENTS) this.#setDeadline(earlier, Math.min(earlier.deadline, now + this.#patience.waitMs));
    }
  }

  #giveUpOvertaken(flight: Flight, now: number): void {
    this.#counters.overtaken++;
    this.#patience.gaveUp(flight.missing, this.#congestion.rtt.smoothedMs, now);
    this.#giveUp(flight, now);
    this.#tellLost(flight, now);
  }

  /** What a source never answers at all it may not have, which says nothing of the path: only its first answer makes a loss of that. */
  #tellLost({ probe, missing, answered, sentAt, source }: Flight, now: number): void {
    if (probe) return;
    if (source.heard) this.#congestion.lost(missing, answered, sentAt, this.#inFlightBytes, now);
    else source.unansweredBytes += missing;
  }

  /** A source answers: what was lost before was lost on the way. */
  #believe({ source, sentAt }: Flight, now: number): void {
    this.#congestion.lost(source.unansweredBytes, false, sentAt, this.#inFlightBytes, now);
    source.unansweredBytes = 0;
  }

  /** Bytes came that had been given up. If that was because later ones came, more of those are waited for, once per round trip. */
  wasHasty(bytes: number, now: number): void {
    this.#counters.spurious++;
    const { smoothedMs, minMs } = this.#congestion.rtt;
    if (this.#patience.cameAfterAll(bytes, smoothedMs, minMs, now)) this.#congestion.spurious(now);
  }

  /** No cache answered in the short time that it takes one: says nothing of the path, but is asked for again. */
  #missNear(flight: Flight): void {
    const { chunk } = flight;
    this.#nearCache.missed(chunk);
    this.land(flight);
    chunk.addMissing(flight);
    this.#options.onLost(chunk);
  }

  /** Stops waiting for a flight; what it lacks is asked for again. */
  #giveUp(flight: Flight, now: number): void {
    this.land(flight);
    const length = flight.end - flight.start;
    const arrived = length - flight.missing;
    if (flight.isTest) this.#segments.testLost(length);
    // What came of it were no large segments, if it was anything.
    else if (arrived <= SAFE_RANGE_BYTES) this.#segments.lost(length, flight.sentAt, now);
    flight.chunk.noteLost(flight, now);
    this.#options.onLost(flight.chunk);
  }

  /** Stops waiting for a flight. */
  land(flight: Flight): void {
    this.#flights.remove(flight);
    flight.chunk.removeFlight(flight);
    if (flight.isTest) this.#segments.testDropped();
    if (flight.probe) this.#probes--;
    else this.#inFlightBytes -= flight.missing;
  }

  #setDeadline(flight: Flight, deadline: number): void {
    flight.deadline = deadline;
    if (deadline < this.#alarmAt) this.#alarmAt = deadline;
  }
}

/** Whether the request had to say a length of more than 16 bits. */
function isLong({ start, end, chunk }: Flight): boolean {
  return end - start > MAX_CHUNK_RANGE_BYTES && end !== chunk.length;
}
