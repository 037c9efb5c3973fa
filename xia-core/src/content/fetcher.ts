import { equalBytes, XiaError, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { ChunkResponse } from '../wire/index.js';
import { noteArrival } from './arrival.js';
import { freshBuffers } from './buffer-pool.js';
import { ChunkFetch, LENGTH_UNKNOWN, NOBODY } from './chunk-fetch.js';
import { FetchMemory } from './fetch-memory.js';
import {
  FetchCounters,
  fetchLimits,
  type FetchFailure,
  type FetcherOptions,
  type FetchLimits,
  type FetchRequest,
} from './fetch-options.js';
import type { FetchPath } from './fetch-path.js';
import { chunkIdOf, FetchSource } from './fetch-source.js';
import { IdMap } from './id-map.js';
import { PathTable } from './path-table.js';
import { RequestPump } from './request-pump.js';
import { Evidence, LiarTable, reconsider } from './wrong-content.js';

/** Sources of one chunk; more are not looked at. */
const MAX_SOURCES = 8;

/**
 * Fetches chunks: asks for ranges of them of one source or several, under one congestion window for each way, notices lost ones,
 * asks again for exactly what is missing, and hands a chunk out once its hash is right.
 *
 * Inputs: `fetch`, `cancel`, `handleResponse`, `handleTimeout` when `nextTimeout` has come, `addressChanged`.
 * Outputs: the `send` and `onEvent` functions it was given. Times are milliseconds of one monotonic clock.
 */
export class Fetcher {
  readonly counters: FetchCounters = new FetchCounters();
  readonly #options: FetcherOptions;
  readonly #limits: Required<FetchLimits>;
  readonly #chunks = new IdMap<ChunkFetch>();
  readonly #byId = new Map<number, ChunkFetch>();
  readonly #memory: FetchMemory;
  readonly #paths: PathTable;
  readonly #pump: RequestPump;
  readonly #liars = new LiarTable();
  /** Of one chunk at a time: it takes as much memory as the chunk. */
  #evidence: Evidence | undefined;
  #mostFetches = 0;
  #refused = 0;
  #pumping = false;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#limits = fetchLimits(options);
    const { counters } = this;
    this.#memory = new FetchMemory(this.#limits.maxBufferedBytes, options.buffers ?? freshBuffers);
    this.#pump = new RequestPump({ send: options.send, counters });
    this.#paths = new PathTable({ limits: this.#limits, rng: options.rng, counters, onLost: (chunk) => chunk.enqueue() });
  }

  /** Bytes that may be outstanding, on all paths in use together. */
  get windowBytes(): number {
    return this.#sum(({ flights }) => flights.windowBytes);
  }

  /** Bytes asked for that have neither come nor been given up. */
  get inFlightBytes(): number {
    return this.#sum(({ flights }) => flights.inFlightBytes);
  }

  /** Memory taken for unfinished chunks. */
  get bufferedBytes(): number {
    return this.#memory.reservedBytes;
  }

  /** Fetches that are neither done nor failed. */
  get size(): number {
    return this.#byId.size;
  }

  /** In how many chunks nodes made up bytes, by the HIDs, in hex, that they called themselves; the last 64 of them. */
  get liars(): ReadonlyMap<string, number> {
    return this.#liars.all;
  }

  /**
   * Begins to fetch a chunk, or joins a fetch of it.
   * @param dag its address, ending in its CID
   * @throws XiaError `bad-argument` when an address does not end in the CID, or the id is in use
   */
  fetch(dag: Dag, now: number, request: FetchRequest): void {
    const { id, length = LENGTH_UNKNOWN } = request;
    const cid = chunkIdOf(dag, request.sources);
    if (this.#byId.has(id)) throw new XiaError('bad-argument', `fetch ${id} is under way already`, { id });
    if (this.#byId.size >= this.#limits.maxFetches) {
      this.#refused++;
      return this.#refuse(id, 'busy');
    }
    if (length > this.#limits.maxChunkBytes) return this.#refuse(id, 'too-large');
    const known = this.#chunks.get(cid.id);
    const chunk = known ?? new ChunkFetch(cid.id, id, length);
    this.#addSource(chunk, dag, now);
    for (const source of request.sources ?? []) this.#addSource(chunk, source, now);
    this.#note(id, chunk);
    if (known === undefined) chunk.verify = request.verify;
    else if (known.verify !== request.verify) known.verify = undefined;
    if (known !== undefined) {
      known.ids.push(id);
      if (!this.#memory.waiting.has(known)) known.enqueue();
    } else {
      for (const source of chunk.sources) source.excluded = source.path.isDistrusted(now);
      chunk.includeSomebody();
      this.#chunks.set(cid.id, chunk);
      this.#memory.waiting.add(chunk);
    }
    this.#ask(now);
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
    this.#end(chunk, true, now);
    this.#ask(now);
  }

  /**
   * Takes in a segment, or several that continue each other; the data is copied.
   * @param cid the 20 bytes of the intent of its source address
   * @param header what it says about itself
   * @param hid the HID, 20 bytes, of the node that it says it comes from
   * @param segmentBytes of data in each segment, the last one of several has as many or less
   */
  handleResponse(
    cid: Uint8Array,
    header: ChunkResponse,
    data: Uint8Array,
    now: number,
    hid: Uint8Array = NOBODY,
    segmentBytes: number = data.length,
  ): void {
    const chunk = this.#chunks.get(cid);
    if (chunk === undefined || this.#memory.waiting.has(chunk)) {
      this.counters.unexpected++;
      return;
    }
    this.counters.segments += segmentsIn(data, segmentBytes);
    if (data.length !== header.length || header.offset + header.length > header.chunkLength) {
      this.counters.contradictory++;
      return;
    }
    if (chunk.length === LENGTH_UNKNOWN) {
      if (!this.#learnLength(chunk, header.chunkLength, now)) {
        this.counters.unwanted++;
        return;
      }
    } else if (chunk.length !== header.chunkLength) {
      this.counters.contradictory++;
      chunk.contradictions++;
      return;
    }
    chunk.ttlSeconds = header.ttlSeconds;
    this.#takeIn(chunk, header.offset, data, segmentBytes, hid, now);
    if (chunk.complete) this.#verify(chunk, now);
    this.#ask(now);
  }

  /** When `handleTimeout` wants to be called, ms; `Infinity` for never. Never later than needed, sometimes earlier. */
  nextTimeout(): number {
    let next = this.#pump.retryAt;
    for (const path of this.#paths.used) next = Math.min(next, path.nextTimeout());
    return next;
  }

  handleTimeout(now: number): void {
    if (now >= this.#pump.retryAt) {
      this.#pump.forgetRefusal();
      if (now - this.#pump.refusedSince >= this.#limits.giveUpMs) this.#failNext(now);
    }
    for (const path of this.#paths.used) {
      for (const chunk of path.expire(now)) {
        if (chunk.includeSomebody()) chunk.enqueue();
        if (chunk.over || now < chunk.silentSince + this.#limits.giveUpMs) continue;
        // A length that only a segment told may have been a lie, which the true segments were measured by.
        if (chunk.contradictions > 0 && !chunk.lengthGiven) this.#refetch(chunk, now);
        else this.#fail(chunk, 'timeout', now);
      }
    }
    this.#ask(now);
  }

  /**
   * This node has another address now, and answers to the old one may not arrive: asks for everything outstanding again
   * at once, and knows nothing of the new paths yet.
   */
  addressChanged(now: number): void {
    this.#paths.reset(now);
    this.#revive(undefined);
    this.#pump.forgetRefusal();
    this.#ask(now);
  }

  gauges(): Gauge[] {
    const { size } = this;
    const [bound, highWater, refused] = [this.#limits.maxFetches, this.#mostFetches, this.#refused];
    const fetches: Gauge = { name: 'fetches', unit: 'entries', used: size, highWater, bound, refused };
    return [fetches, this.#memory.gauge(), this.#paths.gauge(), this.#liars.gauge()];
  }

  #sum(what: (path: FetchPath) => number): number {
    let sum = 0;
    for (const path of this.#paths.used) sum += what(path);
    return sum;
  }

  #note(id: number, chunk: ChunkFetch): void {
    this.#byId.set(id, chunk);
    this.#mostFetches = Math.max(this.#mostFetches, this.#byId.size);
  }

  #addSource(chunk: ChunkFetch, dag: Dag, now: number): void {
    if (chunk.sources.length >= MAX_SOURCES) return;
    const path = this.#paths.enter(dag, now);
    if (chunk.sourceOn(path) === undefined) chunk.sources.push(new FetchSource(dag, path));
    else this.#paths.leave(path, now);
  }

  // ---- receiving

  /** False when the segment is not to be used: the chunk is too large, or must wait for memory. */
  #learnLength(chunk: ChunkFetch, length: number, now: number): boolean {
    if (length > this.#limits.maxChunkBytes) {
      this.#fail(chunk, 'too-large', now);
      this.#ask(now);
      return false;
    }
    this.#memory.release(chunk);
    if (!this.#memory.fits(length)) {
      this.#stopAsking(chunk);
      chunk.restart();
      chunk.length = length;
      this.#memory.waiting.add(chunk);
      return false;
    }
    this.#memory.begin(chunk, length);
    chunk.enqueue();
    for (const flight of chunk.flights) flight.source.path.trim(flight);
    return true;
  }

  #takeIn(chunk: ChunkFetch, start: number, data: Uint8Array, segmentBytes: number, hid: Uint8Array, now: number): void {
    const end = start + data.length;
    // What is here already stays: a segment that covers it again may be a liar's.
    const gaps = chunk.received.overlaps(start, end) ? chunk.received.missing(start, end) : undefined;
    const wasSilent = chunk.sources.some(({ silent }) => silent);
    // The bytes lie in a packet, which may be gone afterwards.
    if (!equalBytes(chunk.answeredBy, hid)) chunk.answeredBy = hid === NOBODY ? NOBODY : Uint8Array.from(hid);
    const fresh = noteArrival(chunk, start, end, segmentBytes, now);
    if (fresh === 0) {
      if (data.length > 0) this.counters.duplicates += segmentsIn(data, segmentBytes);
      else this.counters.empty++;
      return;
    }
    if (gaps === undefined) {
      chunk.bytes!.set(data, start);
      chunk.answerers.note(hid, start, end);
    } else {
      for (const [from, to] of gaps) {
        chunk.bytes!.set(data.subarray(from - start, to - start), from);
        chunk.answerers.note(hid, from, to);
      }
    }
    this.counters.fresh += segmentsIn(data, segmentBytes);
    this.counters.bytes += fresh;
    for (const path of this.#paths.used) {
      if (!path.outage || path.flights.lastArrivalAt < now) continue;
      path.outageIsOver();
      this.#revive(path);
    }
    if (wasSilent || chunk.lost.count > 0) chunk.enqueue();
  }

  #verify(chunk: ChunkFetch, now: number): void {
    const bytes = chunk.bytes!;
    const isRight = chunk.verify?.(bytes) ?? equalBytes(this.#options.crypto.hash(bytes), chunk.cid);
    if (!isRight) {
      this.counters.wrongContent++;
      this.#refetch(chunk, now);
      return;
    }
    if (chunk.suspect !== undefined) this.#blame(chunk, chunk.suspect, now);
    if (this.#evidence?.chunk === chunk) for (const hid of this.#evidence.liars(bytes)) this.#blame(chunk, hid, now);
    if (chunk.sources.length === 1) chunk.sources[0]!.path.wasRight(chunk.pastCaches);
    this.#end(chunk, false, now);
    this.counters.done++;
    for (const id of chunk.ids.slice()) {
      if (!this.#byId.delete(id)) continue;
      this.#options.onEvent({ kind: 'done', id, bytes, cid: chunk.cid, ttlSeconds: chunk.ttlSeconds });
    }
  }

  /** Whoever answered was wrong, some of them at least: asks again those who may be right. */
  #refetch(chunk: ChunkFetch, now: number): void {
    const { answerers, sources } = chunk;
    const most = Math.max(this.#limits.maxRefetches, sources.length + 1);
    const [liar, another] = answerers.list;
    if (liar !== undefined && another === undefined) this.#blame(chunk, liar.hid, now);
    if (!chunk.pastCaches) for (const { path } of sources) path.avoidCaches(now);
    if (++chunk.wrongContents > most) return this.#fail(chunk, 'wrong-content', now);
    this.#stopAsking(chunk);
    if (reconsider(chunk)) {
      chunk.progressed(undefined, now);
      chunk.enqueue();
      return;
    }
    this.#memory.release(chunk);
    if (another !== undefined && chunk.bytes !== undefined && this.#evidence === undefined) {
      this.#evidence = new Evidence(chunk, chunk.bytes);
      chunk.bytes = undefined;
    }
    this.#memory.takeBack(chunk);
    chunk.restart();
    chunk.progressed(undefined, now);
    this.#memory.waiting.add(chunk);
  }

  /** A node made a chunk wrong. If it is a source, others are asked before it for a while. */
  #blame(chunk: ChunkFetch, hid: Uint8Array, now: number): void {
    this.#liars.note(hid);
    if (chunk.pastCaches) for (const source of chunk.sources) if (source.isHost(hid)) source.path.distrust(now);
  }

  /**
   * After an outage of a path every chunk is as likely to answer as any other; but one that stays silent was not silent because of
   * it. Without a path, all of all are asked anew.
   */
  #revive(path: FetchPath | undefined): void {
    for (const chunk of this.#chunks.values()) {
      for (const source of chunk.sources) {
        if (path === undefined || (source.path === path && !source.revived)) source.revive();
      }
      if (!this.#memory.waiting.has(chunk)) chunk.enqueue();
    }
  }

  // ---- asking

  #ask(now: number): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#admit(now);
    for (const path of this.#paths.used) this.#pump.pump(path, now);
    this.#pumping = false;
  }

  #admit(now: number): void {
    const { waiting } = this.#memory;
    for (const chunk of waiting) {
      // As long as its length is not known, it gets no memory but counts like one range.
      const reserve = chunk.length === LENGTH_UNKNOWN ? this.#limits.maxRangeBytes : chunk.length;
      if (!this.#memory.fits(reserve)) return;
      waiting.delete(chunk);
      if (chunk.length === LENGTH_UNKNOWN) this.#memory.reserve(chunk, reserve);
      else this.#memory.begin(chunk, chunk.length);
      // An empty chunk has nothing to ask for.
      if (chunk.complete) this.#verify(chunk, now);
      else chunk.enqueue();
    }
  }

  // ---- ending

  #refuse(id: number, code: FetchFailure): void {
    this.counters.failed++;
    this.#options.onEvent({ kind: 'failed', id, code });
  }

  /** Nothing can be sent for long: the next chunk fails. */
  #failNext(now: number): void {
    for (const path of this.#paths.used) {
      const chunk = this.#pump.next(path, now);
      if (chunk !== undefined) return this.#fail(chunk, 'timeout', now);
    }
  }

  #fail(chunk: ChunkFetch, code: FetchFailure, now: number): void {
    this.#end(chunk, true, now);
    for (const id of chunk.ids.slice()) if (this.#byId.delete(id)) this.#refuse(id, code);
  }

  /** Stops waiting for anything of a chunk. */
  #stopAsking(chunk: ChunkFetch): void {
    for (let flight = chunk.flights[0]; flight !== undefined; flight = chunk.flights[0]) flight.source.path.land(flight);
    for (const { path } of chunk.sources) path.dequeue(chunk);
  }

  /** Takes a chunk out of everything. */
  #end(chunk: ChunkFetch, takeBack: boolean, now: number): void {
    chunk.over = true;
    if (this.#evidence?.chunk === chunk) this.#evidence = undefined;
    this.#stopAsking(chunk);
    this.#memory.waiting.delete(chunk);
    this.#chunks.delete(chunk.cid);
    this.#memory.release(chunk);
    if (takeBack) this.#memory.takeBack(chunk);
    for (const { path } of chunk.sources) this.#paths.leave(path, now);
  }
}

function segmentsIn(data: Uint8Array, segmentBytes: number): number {
  return data.length <= segmentBytes ? 1 : Math.ceil(data.length / segmentBytes);
}
