import { equalBytes, XiaError, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { encodeChunkRequest, MAX_CHUNK_RANGE_BYTES, type ChunkResponse } from '../wire/index.js';
import { PrincipalType } from '../xid/index.js';
import { freshBuffers, type BufferSource } from './buffer-pool.js';
import { ChunkFetch, LENGTH_UNKNOWN, type NextRange } from './chunk-fetch.js';
import { FetchCounters, fetchLimits, type FetchFailure, type FetcherOptions, type FetchLimits } from './fetch-options.js';
import { FetchQueue } from './fetch-queue.js';
import { FlightControl, MIN_RANGE_BYTES } from './flight-control.js';
import { IdMap } from './id-map.js';
import { originDag } from './origin-dag.js';

/** Silent chunks that are asked for at a time. */
const MAX_PROBES = 8;
/** When to try again after `send` refused. */
const SEND_RETRY_MS = 5;

/**
 * Fetches chunks: asks for ranges of them under one congestion window, notices lost ones, asks again for exactly what is
 * missing, and hands a chunk out once its hash is right.
 *
 * Inputs: `fetch`, `cancel`, `handleResponse`, `handleTimeout` when `nextTimeout` has come, `addressChanged`.
 * Outputs: the `send` and `onEvent` functions it was given. Times are milliseconds of one monotonic clock.
 */
export class Fetcher {
  readonly counters: FetchCounters = new FetchCounters();
  readonly #options: FetcherOptions;
  readonly #limits: Required<FetchLimits>;
  readonly #buffers: BufferSource;
  readonly #chunks = new IdMap<ChunkFetch>();
  readonly #byId = new Map<number, ChunkFetch>();
  /** Chunks that wait for room in the budget, in order. */
  readonly #waiting = new Set<ChunkFetch>();
  readonly #queue = new FetchQueue();
  readonly #flights: FlightControl;
  #reservedBytes = 0;
  #mostReserved = 0;
  #mostFetches = 0;
  #refused = 0;
  #sendRetryAt = Number.POSITIVE_INFINITY;
  #sendRefusedSince = Number.NaN;
  #pumping = false;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#limits = fetchLimits(options);
    this.#buffers = options.buffers ?? freshBuffers;
    this.#flights = new FlightControl({
      limits: this.#limits,
      window: options.window,
      rng: options.rng,
      counters: this.counters,
      onLost: (chunk) => this.#queue.add(chunk),
    });
  }

  /** Bytes that may be outstanding. */
  get windowBytes(): number {
    return this.#flights.windowBytes;
  }

  /** Bytes asked for that have neither come nor been given up. */
  get inFlightBytes(): number {
    return this.#flights.inFlightBytes;
  }

  /** Memory taken for unfinished chunks. */
  get bufferedBytes(): number {
    return this.#reservedBytes;
  }

  get smoothedRttMs(): number {
    return this.#flights.smoothedRttMs;
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
    if (this.#byId.size >= this.#limits.maxFetches) {
      this.#refused++;
      return this.#refuse(id, 'busy');
    }
    if (length > this.#limits.maxChunkBytes) return this.#refuse(id, 'too-large');
    const known = this.#chunks.get(cid.id);
    if (known !== undefined) {
      known.ids.push(id);
      this.#note(id, known);
      return;
    }
    const chunk = new ChunkFetch(cid.id, id, dag, length);
    this.#note(id, chunk);
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
    this.#takeIn(chunk, header.offset, data, now);
    if (chunk.complete) this.#verify(chunk, now);
    this.#pump(now);
  }

  /** When `handleTimeout` wants to be called, ms; `Infinity` for never. Never later than needed, sometimes earlier. */
  nextTimeout(): number {
    return Math.min(this.#flights.nextTimeout(), this.#sendRetryAt);
  }

  handleTimeout(now: number): void {
    if (now >= this.#sendRetryAt) {
      this.#sendRetryAt = Number.POSITIVE_INFINITY;
      const chunk = this.#nextChunk();
      if (chunk !== undefined && now - this.#sendRefusedSince >= this.#limits.giveUpMs) this.#fail(chunk, 'timeout');
    }
    for (const chunk of this.#flights.expire(now)) {
      if (chunk.over || now - chunk.silentSince < this.#limits.giveUpMs) continue;
      // A length that only a segment told may have been a lie, which the true segments were measured by.
      if (chunk.contradictions > 0 && !chunk.lengthGiven) this.#refetch(chunk, now);
      else this.#fail(chunk, 'timeout');
    }
    this.#pump(now);
  }

  /**
   * This node has another address now, and answers to the old one may not arrive: asks for everything outstanding again
   * at once, and knows nothing of the new path yet.
   */
  addressChanged(now: number): void {
    this.#flights.reset(now);
    this.#reviveAll(true);
    this.#sendRetryAt = Number.POSITIVE_INFINITY;
    this.#pump(now);
  }

  gauges(): Gauge[] {
    const { maxFetches, maxBufferedBytes } = this.#limits;
    const { size, bufferedBytes } = this;
    const [mostFetches, mostReserved, refused] = [this.#mostFetches, this.#mostReserved, this.#refused];
    return [
      { name: 'fetches', unit: 'entries', used: size, highWater: mostFetches, bound: maxFetches, refused },
      { name: 'fetched bytes', unit: 'bytes', used: bufferedBytes, highWater: mostReserved, bound: maxBufferedBytes, refused: 0 },
    ];
  }

  #note(id: number, chunk: ChunkFetch): void {
    this.#byId.set(id, chunk);
    this.#mostFetches = Math.max(this.#mostFetches, this.#byId.size);
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
      this.#flights.drop(chunk);
      this.#queue.remove(chunk);
      chunk.restart();
      chunk.length = length;
      this.#waiting.add(chunk);
      return false;
    }
    this.#begin(chunk, length);
    this.#flights.trim(chunk);
    return true;
  }

  #takeIn(chunk: ChunkFetch, start: number, data: Uint8Array, now: number): void {
    const fresh = this.#flights.arrived(chunk, start, start + data.length, now);
    if (fresh === 0) {
      if (data.length > 0) this.counters.duplicates++;
      else this.counters.empty++;
      return;
    }
    chunk.bytes!.set(data, start);
    this.counters.fresh++;
    this.counters.bytes += fresh;
    const wasSilent = chunk.silent;
    chunk.progressed(now);
    if (this.#flights.outage) {
      this.#flights.outage = false;
      this.#reviveAll(false);
    }
    if (wasSilent) this.#queue.add(chunk);
  }

  #verify(chunk: ChunkFetch, now: number): void {
    const bytes = chunk.bytes!;
    if (equalBytes(this.#options.crypto.hash(bytes), chunk.cid)) {
      this.#end(chunk, false);
      this.counters.done++;
      for (const id of chunk.ids.slice()) {
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
    this.#flights.drop(chunk);
    this.#queue.remove(chunk);
    this.#release(chunk);
    this.#giveBack(chunk);
    chunk.restart();
    chunk.progressed(now);
    chunk.dag = originDag(chunk.dag);
    this.#waiting.add(chunk);
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
    while (this.#flights.probes < MAX_PROBES) {
      const chunk = this.#queue.takeSilent();
      if (chunk === undefined) break;
      const range = chunk.nextRange(MIN_RANGE_BYTES, 0, 0);
      if (range !== undefined && !this.#ask(chunk, range, true, now)) break;
    }
    this.#flights.windowWasFull = false;
    for (let chunk = this.#nextChunk(); chunk !== undefined; chunk = this.#nextChunk()) {
      const range = chunk.nextRange(this.#flights.rangeBytes, this.#flights.segmentBytes, this.#flights.restBytes);
      if (range === undefined) continue;
      if (!this.#flights.admits(range.end - range.start)) {
        this.#flights.windowWasFull = true;
        break;
      }
      if (!this.#ask(chunk, range, false, now)) break;
    }
    this.#pumping = false;
  }

  #nextChunk(): ChunkFetch | undefined {
    return this.#queue.next(this.#flights.outage);
  }

  /** Sends one request. False when it could not be sent. */
  #ask(chunk: ChunkFetch, range: NextRange, probe: boolean, now: number): boolean {
    const length = range.end - range.start;
    // Longer than its field can say are only ranges to the end of a chunk, which is what 0 asks for.
    const request = encodeChunkRequest({ offset: range.start, length: length > MAX_CHUNK_RANGE_BYTES ? 0 : length });
    if (!this.#options.send(chunk.dag, request)) {
      this.#sendRetryAt = now + SEND_RETRY_MS;
      if (Number.isNaN(this.#sendRefusedSince)) this.#sendRefusedSince = now;
      this.#queue.add(chunk);
      return false;
    }
    this.#sendRefusedSince = Number.NaN;
    this.counters.requests++;
    this.#flights.launch(chunk, range, probe, now);
    return true;
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
    chunk.begin(this.#buffers.take(length));
    this.#queue.add(chunk);
  }

  #reserve(chunk: ChunkFetch, bytes: number): void {
    chunk.reservedBytes = bytes;
    this.#reservedBytes += bytes;
    this.#mostReserved = Math.max(this.#mostReserved, this.#reservedBytes);
  }

  #release(chunk: ChunkFetch): void {
    this.#reservedBytes -= chunk.reservedBytes;
    chunk.reservedBytes = 0;
  }

  #giveBack(chunk: ChunkFetch): void {
    if (chunk.bytes !== undefined) this.#buffers.give(chunk.bytes);
    chunk.bytes = undefined;
  }

  #refuse(id: number, code: FetchFailure): void {
    this.counters.failed++;
    this.#options.onEvent({ kind: 'failed', id, code });
  }

  #fail(chunk: ChunkFetch, code: FetchFailure): void {
    this.#end(chunk, true);
    for (const id of chunk.ids.slice()) if (this.#byId.delete(id)) this.#refuse(id, code);
  }

  /** Takes a chunk out of everything. */
  #end(chunk: ChunkFetch, giveBack: boolean): void {
    chunk.over = true;
    this.#flights.drop(chunk);
    this.#queue.remove(chunk);
    this.#waiting.delete(chunk);
    this.#chunks.delete(chunk.cid);
    this.#release(chunk);
    if (giveBack) this.#giveBack(chunk);
  }
}
