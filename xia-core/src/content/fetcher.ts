import { equalBytes, XiaError } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { RttEstimator } from '../transport/rtt-estimator.js';
import { encodeChunkRequest, type ChunkResponse } from '../wire/index.js';
import { PrincipalType } from '../xid/index.js';
import { ChunkFetch, LENGTH_UNKNOWN, type NextRange } from './chunk-fetch.js';
import { FetchCounters, fetchLimits, type FetchFailure, type FetcherOptions, type FetchLimits } from './fetch-options.js';
import { FetchQueue } from './fetch-queue.js';
import { FlightList, type Flight } from './flight.js';
import { IdMap } from './id-map.js';
import { originDag } from './origin-dag.js';
import { FetchWindow } from './window.js';

/** Ranges get no smaller with a small window, unless a chunk ends. */
const MIN_RANGE_BYTES = 4096;
/** Of one window, so that several ranges are under way and a lost one is noticed by the others. */
const RANGES_PER_WINDOW = 8;
/** Later segments that must come before a range is given up; more once that was found to be too hasty. */
const REORDER_SEGMENTS = 3;
const MAX_REORDER_SEGMENTS = 256;
/** Silent chunks that are asked for at a time. */
const MAX_PROBES = 8;
/** When to try again after `send` refused. */
const SEND_RETRY_MS = 5;
/** A timer that fires so late was held up by its own process: arrived packets are looked at first. */
const LATE_TIMER_MS = 10;
const SMALLEST_SEGMENT_BYTES = 1200;

/**
 * Fetches chunks: asks for ranges of them under one congestion window, notices lost ones, asks again for exactly what is
 * missing, and hands a chunk out once its hash is right.
 *
 * Inputs: `fetch`, `cancel`, `handleResponse`, `handleTimeout` when `nextTimeout` has come, `addressChanged`.
 * Outputs: the `send` and `onEvent` functions it was given. Times are milliseconds of one monotonic clock.
 *
 * A range is taken for lost when {@link REORDER_SEGMENTS} segments of later requests came since it last made progress, or
 * when it made none for a retransmission timeout (RFC 6298), which doubles while its chunk stays silent.
 */
export class Fetcher {
  readonly counters: FetchCounters = new FetchCounters();
  readonly #options: FetcherOptions;
  readonly #limits: Required<FetchLimits>;
  readonly #window: FetchWindow;
  readonly #rtt = new RttEstimator();
  readonly #chunks = new IdMap<ChunkFetch>();
  readonly #byId = new Map<number, ChunkFetch>();
  /** Chunks that wait for room in the budget, in order. */
  readonly #waiting = new Set<ChunkFetch>();
  readonly #queue = new FetchQueue();
  readonly #flights = new FlightList();
  #sequence = 0;
  #inFlightBytes = 0;
  #probes = 0;
  #reservedBytes = 0;
  /** What the path carries in one packet, as far as seen; 0 while no range had to be cut into segments. */
  #segmentBytes = 0;
  #largestSegmentBytes = SMALLEST_SEGMENT_BYTES;
  #reorderSegments = REORDER_SEGMENTS;
  /** When a range was last given up because later ones came, and when that was last found to be too early. */
  #overtakenAt = Number.NEGATIVE_INFINITY;
  #hastyAt = Number.NEGATIVE_INFINITY;
  #windowWasFull = false;
  /** Not later than the first deadline of a flight. */
  #alarmAt = Number.POSITIVE_INFINITY;
  #sendRetryAt = Number.POSITIVE_INFINITY;
  #sendRefusedSince = Number.NaN;
  #lateTimerExcused = false;
  #lastArrivalAt = Number.NEGATIVE_INFINITY;
  /** A timeout passed in which nothing at all arrived. */
  #outage = false;
  #pumping = false;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#limits = fetchLimits(options);
    this.#window = new FetchWindow(options.window);
  }

  /** Bytes that may be outstanding. */
  get windowBytes(): number {
    return this.#window.bytes;
  }

  /** Bytes asked for that have neither come nor been given up. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Memory taken for unfinished chunks. */
  get bufferedBytes(): number {
    return this.#reservedBytes;
  }

  get smoothedRttMs(): number {
    return this.#rtt.smoothedMs;
  }

  /** Fetches that are neither done nor failed. */
  get size(): number {
    return this.#byId.size;
  }

  /**
   * Begins to fetch a chunk, or joins a fetch of it.
   * @param dag its address, ending in its CID
   * @param options.id names it in events and for `cancel`; not in use already
   * @param options.length its length if the caller knows it for certain; segments that claim another are dropped then
   * @throws XiaError `bad-argument` when the address does not end in a CID, or the id is in use
   */
  fetch(dag: Dag, now: number, options: { readonly id: number; readonly length?: number }): void {
    const { id, length = LENGTH_UNKNOWN } = options;
    const cid = dag.intent;
    if (cid.type !== PrincipalType.CID) {
      throw new XiaError('bad-argument', 'the address of a chunk ends in a CID', { dag: dag.toString() });
    }
    if (this.#byId.has(id)) throw new XiaError('bad-argument', `fetch ${id} is under way already`, { id });
    if (this.#byId.size >= this.#limits.maxFetches) return this.#refuse(id, 'busy');
    if (length > this.#limits.maxChunkBytes) return this.#refuse(id, 'too-large');
    const known = this.#chunks.get(cid.id);
    if (known !== undefined) {
      known.ids.push(id);
      this.#byId.set(id, known);
      return;
    }
    const chunk = new ChunkFetch(cid.id, id, dag, length);
    this.#byId.set(id, chunk);
    this.#chunks.set(cid.id, chunk);
    this.#waiting.add(chunk);
    this.#pump(now);
  }

  /** Gives up a fetch; no event follows. An unknown id is ignored. */
  cancel(id: number, now: number): void {
    const chunk = this.#byId.get(id);
    if (chunk === undefined) return;
    this.#byId.delete(id);
    // Over already: the event for another of its identifiers is being told just now.
    if (chunk.over) return;
    chunk.ids.splice(chunk.ids.indexOf(id), 1);
    if (chunk.ids.length > 0) return;
    this.#end(chunk, true);
    this.#pump(now);
  }

  /**
   * Takes in a segment; the data is copied.
   * @param cid the 20 bytes of the intent of its source address
   * @param header what it says about itself
   */
  handleResponse(cid: Uint8Array, header: ChunkResponse, data: Uint8Array, now: number): void {
    const chunk = this.#chunks.get(cid);
    if (chunk === undefined || this.#waiting.has(chunk)) {
      this.counters.unexpected++;
      return;
    }
    this.counters.segments++;
    if (data.length !== header.length || header.offset + header.length > header.chunkLength) {
      this.counters.contradictory++;
      return;
    }
    if (chunk.length === LENGTH_UNKNOWN) {
      if (!this.#learnLength(chunk, header.chunkLength, now)) return;
    } else if (chunk.length !== header.chunkLength) {
      this.counters.contradictory++;
      chunk.contradictions++;
      return;
    }
    chunk.ttlSeconds = header.ttlSeconds;
    this.#takeIn(chunk, header.offset, data, now);
    if (chunk.complete) this.#verify(chunk, now);
    this.#pump(now);
  }

  /** When `handleTimeout` wants to be called, ms; `Infinity` for never. Never later than needed, sometimes earlier. */
  nextTimeout(): number {
    return Math.min(this.#flights.size === 0 ? Number.POSITIVE_INFINITY : this.#alarmAt, this.#sendRetryAt);
  }

  handleTimeout(now: number): void {
    if (now >= this.#sendRetryAt) {
      this.#sendRetryAt = Number.POSITIVE_INFINITY;
      const chunk = this.#queue.next(this.#outage);
      if (chunk !== undefined && now - this.#sendRefusedSince >= this.#limits.giveUpMs) this.#fail(chunk, 'timeout');
    }
    if (now >= this.#alarmAt && this.#flights.size > 0) this.#expire(now);
    this.#pump(now);
  }

  /**
   * This node has another address now, and answers to the old one may not arrive: asks for everything outstanding again
   * at once, and knows nothing of the new path yet.
   */
  addressChanged(now: number): void {
    for (let flight = this.#flights.head; flight !== undefined; flight = flight.next) this.#giveUp(flight, now);
    this.#reviveAll(true);
    this.#window.reset(now);
    this.#rtt.reset();
    this.#segmentBytes = 0;
    this.#reorderSegments = REORDER_SEGMENTS;
    this.#sendRetryAt = Number.POSITIVE_INFINITY;
    this.#pump(now);
  }

  // ---- receiving

  /** False when the segment is not to be used: the chunk is too large, or must wait for memory. */
  #learnLength(chunk: ChunkFetch, length: number, now: number): boolean {
    if (length > this.#limits.maxChunkBytes) {
      this.#fail(chunk, 'too-large');
      this.#pump(now);
      return false;
    }
    this.#release(chunk);
    if (!this.#fits(length)) {
      this.#dropFlights(chunk);
      this.#queue.remove(chunk);
      chunk.restart();
      chunk.length = length;
      this.#waiting.add(chunk);
      return false;
    }
    this.#begin(chunk, length);
    for (const flight of chunk.flights) {
      const cut = Math.max(0, flight.end - length);
      flight.end -= cut;
      flight.missing -= cut;
      if (!flight.probe) this.#inFlightBytes -= cut;
    }
    return true;
  }

  #takeIn(chunk: ChunkFetch, start: number, data: Uint8Array, now: number): void {
    const end = start + data.length;
    const { received, flights } = chunk;
    let fresh = 0;
    // Backwards, since a flight that is complete or given up goes, and the last one takes its place.
    for (let i = flights.length - 1; i >= 0; i--) {
      // More than one may have gone meanwhile.
      const flight = flights[i];
      if (flight === undefined || flight.end <= start || flight.start >= end) continue;
      if (start === flight.start && !flight.repeated) this.#learnSegment(data.length, end === flight.end);
      const arrived = received.add(Math.max(start, flight.start), Math.min(end, flight.end));
      if (arrived === 0) continue;
      fresh += arrived;
      this.#progress(flight, arrived, end, now);
    }
    const unasked = received.add(start, end);
    if (fresh + unasked === 0) {
      if (data.length > 0) this.counters.duplicates++;
      return;
    }
    chunk.bytes!.set(data, start);
    if (unasked > 0) this.#noteUnasked(chunk, start, end, now);
    this.counters.bytes += fresh + unasked;
    this.#lastArrivalAt = now;
    const wasSilent = chunk.silent;
    chunk.progressed(now);
    if (this.#outage) {
      this.#outage = false;
      this.#reviveAll(false);
    }
    if (wasSilent) this.#queue.add(chunk);
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
    if (this.#windowWasFull) {
      const segment = this.#segmentBytes || this.#largestSegmentBytes;
      this.#window.grow(arrived, flight.sentAt, now, this.#rtt.smoothedMs, segment);
    }
    for (let earlier = this.#flights.head; earlier !== undefined && earlier.sequence < flight.sequence; earlier = earlier.next) {
      if (++earlier.passed < this.#reorderSegments || earlier.chunk.silent) continue;
      this.counters.overtaken++;
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
    this.counters.spurious++;
    const rttMs = this.#rtt.smoothedMs;
    if (now - this.#overtakenAt > 2 * rttMs || now - this.#hastyAt < rttMs) return;
    this.#hastyAt = now;
    this.#reorderSegments = Math.min(MAX_REORDER_SEGMENTS, 2 * this.#reorderSegments);
  }

  #verify(chunk: ChunkFetch, now: number): void {
    const bytes = chunk.bytes!;
    if (equalBytes(this.#options.crypto.hash(bytes), chunk.cid)) {
      this.#end(chunk, false);
      this.counters.done++;
      for (const id of [...chunk.ids]) {
        if (!this.#byId.delete(id)) continue;
        this.#options.onEvent({ kind: 'done', id, bytes, cid: chunk.cid, ttlSeconds: chunk.ttlSeconds });
      }
      return;
    }
    this.counters.wrongContent++;
    this.#refetch(chunk, now);
  }

  /** Whoever answered was wrong: from now on only the publishing host is asked. */
  #refetch(chunk: ChunkFetch, now: number): void {
    if (++chunk.wrongContents > this.#limits.maxRefetches) return this.#fail(chunk, 'wrong-content');
    this.#dropFlights(chunk);
    this.#queue.remove(chunk);
    this.#release(chunk);
    this.#giveBack(chunk);
    chunk.restart();
    chunk.progressed(now);
    chunk.dag = originDag(chunk.dag);
    this.#waiting.add(chunk);
  }

  // ---- losing

  #expire(now: number): void {
    if (now > this.#alarmAt + LATE_TIMER_MS && !this.#lateTimerExcused) {
      this.#lateTimerExcused = true;
      this.#alarmAt = now + 1;
      return;
    }
    this.#lateTimerExcused = false;
    this.#alarmAt = Number.POSITIVE_INFINITY;
    const hopeless = new Set<ChunkFetch>();
    for (let flight = this.#flights.head; flight !== undefined; flight = flight.next) {
      if (flight.deadline > now) {
        this.#alarmAt = Math.min(this.#alarmAt, flight.deadline);
        continue;
      }
      this.counters.timedOut++;
      this.#giveUp(flight, now);
      if (this.#lastArrivalAt < flight.sentAt) {
        this.#window.collapse(now);
        this.#outage = true;
      } else if (!flight.probe) this.#window.lost(flight.sentAt, now);
      if (this.#isHopeless(flight.chunk, now)) hopeless.add(flight.chunk);
    }
    for (const chunk of hopeless) {
      if (chunk.over) continue;
      // A length that only a segment told may have been a lie, which the true segments were measured by.
      if (chunk.contradictions > 0 && !chunk.lengthGiven) this.#refetch(chunk, now);
      else this.#fail(chunk, 'timeout');
    }
  }

  #isHopeless(chunk: ChunkFetch, now: number): boolean {
    return now - chunk.silentSince >= this.#limits.giveUpMs;
  }

  /** Stops waiting for a flight; what it lacks is asked for again. */
  #giveUp(flight: Flight, now: number): void {
    this.#land(flight);
    flight.chunk.noteLost(flight, now);
    this.#queue.add(flight.chunk);
  }

  #land(flight: Flight): void {
    this.#flights.remove(flight);
    flight.chunk.removeFlight(flight);
    if (flight.probe) this.#probes--;
    else this.#inFlightBytes -= flight.missing;
  }

  #dropFlights(chunk: ChunkFetch): void {
    while (chunk.flights.length > 0) this.#land(chunk.flights[0]!);
  }

  /** After an outage every chunk is as likely to answer as any other; but one that stays silent was not silent because of it. */
  #reviveAll(again: boolean): void {
    for (const chunk of this.#chunks.values()) {
      if (chunk.revived && !again) continue;
      chunk.revive();
      if (!this.#waiting.has(chunk)) this.#queue.add(chunk);
    }
  }

  // ---- sending

  /** Asks for as much as the window, the budget and `send` allow. */
  #pump(now: number): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#admit(now);
    if (now < this.#sendRetryAt && this.#sendRetryAt !== Number.POSITIVE_INFINITY) {
      this.#pumping = false;
      return;
    }
    while (this.#probes < MAX_PROBES) {
      const chunk = this.#queue.takeSilent();
      if (chunk === undefined) break;
      const range = chunk.nextRange(MIN_RANGE_BYTES, 0);
      if (range !== undefined && !this.#ask(chunk, range, true, now)) break;
    }
    this.#windowWasFull = false;
    for (let chunk = this.#queue.next(this.#outage); chunk !== undefined; chunk = this.#queue.next(this.#outage)) {
      const range = chunk.nextRange(this.#rangeBytes(), this.#segmentBytes);
      if (range === undefined) continue;
      if (this.#inFlightBytes > 0 && this.#inFlightBytes + range.end - range.start > this.#window.bytes) {
        this.#windowWasFull = true;
        break;
      }
      if (!this.#ask(chunk, range, false, now)) break;
    }
    this.#pumping = false;
  }

  /** Sends one request. False when it could not be sent. */
  #ask(chunk: ChunkFetch, range: NextRange, probe: boolean, now: number): boolean {
    const length = range.end - range.start;
    if (!this.#options.send(chunk.dag, encodeChunkRequest({ offset: range.start, length }))) {
      this.#sendRetryAt = now + SEND_RETRY_MS;
      if (Number.isNaN(this.#sendRefusedSince)) this.#sendRefusedSince = now;
      this.#queue.add(chunk);
      return false;
    }
    this.#sendRefusedSince = Number.NaN;
    this.counters.requests++;
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
    return true;
  }

  #setDeadline(flight: Flight, deadline: number): void {
    flight.deadline = deadline;
    if (deadline < this.#alarmAt) this.#alarmAt = deadline;
  }

  #timeoutMs(chunk: ChunkFetch): number {
    const { timeoutMarginMs, maxTimeoutMs } = this.#limits;
    const base = this.#rtt.timeoutMs() + timeoutMarginMs;
    if (chunk.silentRounds === 0) return Math.min(maxTimeoutMs, base);
    // Spread, so that fetchers which lost the path together do not come back together.
    return Math.min(maxTimeoutMs, base * 2 ** Math.min(chunk.silentRounds, 16)) * (1 + this.#options.rng.unit() / 8);
  }

  /** How much to ask for at once: a part of the window, in whole segments of the path. */
  #rangeBytes(): number {
    const part = Math.max(MIN_RANGE_BYTES, Math.floor(this.#window.bytes / RANGES_PER_WINDOW));
    const range = Math.min(this.#limits.maxRangeBytes, part);
    const segment = this.#segmentBytes;
    return segment > 0 && segment < range ? range - (range % segment) : range;
  }

  // ---- beginning and ending

  /** Whether memory for one more chunk may be taken; the first always may. */
  #fits(length: number): boolean {
    return this.#reservedBytes === 0 || this.#reservedBytes + length <= this.#limits.maxBufferedBytes;
  }

  #admit(now: number): void {
    for (const chunk of this.#waiting) {
      // As long as its length is not known, it gets no memory but counts like one range.
      const reserve = chunk.length === LENGTH_UNKNOWN ? this.#limits.maxRangeBytes : chunk.length;
      if (!this.#fits(reserve)) return;
      this.#waiting.delete(chunk);
      if (chunk.length === LENGTH_UNKNOWN) this.#reserve(chunk, reserve);
      else this.#begin(chunk, chunk.length);
      // An empty chunk has nothing to ask for.
      if (chunk.complete) this.#verify(chunk, now);
      else this.#queue.add(chunk);
    }
  }

  #begin(chunk: ChunkFetch, length: number): void {
    this.#reserve(chunk, length);
    chunk.begin(this.#options.buffers?.take(length) ?? new Uint8Array(length));
    this.#queue.add(chunk);
  }

  #reserve(chunk: ChunkFetch, bytes: number): void {
    chunk.reservedBytes = bytes;
    this.#reservedBytes += bytes;
  }

  #release(chunk: ChunkFetch): void {
    this.#reservedBytes -= chunk.reservedBytes;
    chunk.reservedBytes = 0;
  }

  #giveBack(chunk: ChunkFetch): void {
    if (chunk.bytes !== undefined) this.#options.buffers?.give(chunk.bytes);
    chunk.bytes = undefined;
  }

  #refuse(id: number, code: FetchFailure): void {
    this.counters.failed++;
    this.#options.onEvent({ kind: 'failed', id, code });
  }

  #fail(chunk: ChunkFetch, code: FetchFailure): void {
    this.#end(chunk, true);
    for (const id of [...chunk.ids]) if (this.#byId.delete(id)) this.#refuse(id, code);
  }

  /** Takes a chunk out of everything. */
  #end(chunk: ChunkFetch, giveBack: boolean): void {
    chunk.over = true;
    this.#dropFlights(chunk);
    this.#queue.remove(chunk);
    this.#waiting.delete(chunk);
    this.#chunks.delete(chunk.cid);
    this.#release(chunk);
    if (giveBack) this.#giveBack(chunk);
  }
}
