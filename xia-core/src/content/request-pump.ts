import type { Dag } from '../dag/index.js';
import { encodeChunkRequest, MAX_CHUNK_RANGE_BYTES } from '../wire/index.js';
import type { ChunkFetch, NextRange } from './chunk-fetch.js';
import type { FetchCounters } from './fetch-options.js';
import type { FetchPath } from './fetch-path.js';
import { probeRangeBytes } from './segment-limit.js';

/** Silent chunks that are asked for at a time on one path. */
const MAX_PROBES = 8;
/** A test is at most one of so many parts of what is to be asked for. */
const TEST_SHARE = 4;
/** When to try again after `send` refused. */
const SEND_RETRY_MS = 5;

export interface RequestPumpOptions {
  readonly send: (destination: Dag, payload: Uint8Array) => boolean;
  readonly counters: FetchCounters;
}

/** Asks for as much on each path as its window, its pace and `send` allow. */
export class RequestPump {
  readonly #send: RequestPumpOptions['send'];
  readonly #counters: FetchCounters;
  #now = 0;
  #path: FetchPath | undefined;
  readonly #accepts = (chunk: ChunkFetch): boolean => this.#path!.takes(chunk, this.#now);
  #sendRetryAt = Number.POSITIVE_INFINITY;
  #refusedSince = Number.NaN;

  constructor(options: RequestPumpOptions) {
    this.#send = options.send;
    this.#counters = options.counters;
  }

  /** When to call again because nothing could be sent, ms; `Infinity` when nothing was refused. */
  get retryAt(): number {
    return this.#sendRetryAt;
  }

  /** Since when nothing could be sent; NaN when something could. */
  get refusedSince(): number {
    return this.#refusedSince;
  }

  /** Tries again at once. */
  forgetRefusal(): void {
    this.#sendRetryAt = Number.POSITIVE_INFINITY;
  }

  /** The chunk whose turn it is on a path. */
  next(path: FetchPath, now: number): ChunkFetch | undefined {
    this.#path = path;
    this.#now = now;
    return path.queue.next(path.outage, this.#accepts);
  }

  pump(path: FetchPath, now: number): void {
    if (now < this.#sendRetryAt && this.#sendRetryAt !== Number.POSITIVE_INFINITY) return;
    const { flights, queue } = path;
    while (flights.probes < MAX_PROBES) {
      const chunk = queue.takeSilent();
      if (chunk === undefined) break;
      const range = this.#probe(chunk, path);
      if (range !== undefined && !this.#ask(path, chunk, range, true, now)) return;
    }
    flights.wasHeldBack = false;
    path.pacedUntil = Number.POSITIVE_INFINITY;
    for (let chunk = this.next(path, now); chunk !== undefined; chunk = this.next(path, now)) {
      if (!this.#test(path, chunk, now)) return;
      const range = this.#range(chunk, path);
      if (range === undefined) continue;
      if (!flights.admits(range.end - range.start)) {
        flights.wasHeldBack = true;
        return;
      }
      const leavesAt = flights.nextRequestMs(now);
      if (leavesAt > now) {
        flights.wasHeldBack = true;
        path.pacedUntil = leavesAt;
        return;
      }
      if (!this.#ask(path, chunk, range, false, now)) return;
    }
    flights.noteIdle();
  }

  #probe(chunk: ChunkFetch, path: FetchPath): NextRange | undefined {
    const bytes = probeRangeBytes(chunk.sourceOn(path)!.silentRounds);
    return chunk.nextRange(bytes, 0, 0, bytes);
  }

  #range(chunk: ChunkFetch, { flights: { sizes }, queue }: FetchPath): NextRange | undefined {
    return chunk.nextRange(sizes.rangeBytes, sizes.segmentBytes, sizes.restBytes, queue.repairs(chunk) ? sizes.repairBytes : 0);
  }

  /**
   * Asks for a range whose size is to be tried, if there is one, beside the window. Only of a chunk of which more is to be asked
   * for, so that nobody waits for the answer that may not come. False when it could not be sent.
   */
  #test(path: FetchPath, chunk: ChunkFetch, now: number): boolean {
    const test = path.outage ? 0 : path.flights.testBytes;
    if (test === 0 || chunk.unaskedBytes < TEST_SHARE * test) return true;
    const range = chunk.rangeOf(test);
    return range === undefined || this.#ask(path, chunk, range, true, now);
  }

  /** Sends one request. False when it could not be sent. */
  #ask(path: FetchPath, chunk: ChunkFetch, range: NextRange, probe: boolean, now: number): boolean {
    const source = chunk.sourceOn(path)!;
    const length = range.end - range.start;
    // To the end of a chunk, which is what 0 asks for, even the prototype understands more than its field can say.
    const isLongRest = length > MAX_CHUNK_RANGE_BYTES && range.end === chunk.length;
    const request = encodeChunkRequest({ offset: range.start, length: isLongRest ? 0 : length });
    const destination = chunk.pastCaches || path.avoidsCaches(now) ? source.pastCaches : source.address;
    if (!this.#send(destination, request)) {
      this.#sendRetryAt = now + SEND_RETRY_MS;
      if (Number.isNaN(this.#refusedSince)) this.#refusedSince = now;
      path.enqueue(chunk);
      return false;
    }
    this.#refusedSince = Number.NaN;
    this.#counters.requests++;
    path.flights.launch(chunk, source, range, probe, now);
    return true;
  }
}
