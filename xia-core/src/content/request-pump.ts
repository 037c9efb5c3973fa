import type { Dag } from '../dag/index.js';
import { encodeChunkRequest, MAX_CHUNK_RANGE_BYTES } from '../wire/index.js';
import type { ChunkFetch, NextRange } from './chunk-fetch.js';
import type { FetchCounters } from './fetch-options.js';
import type { FetchPath } from './fetch-path.js';
import { MIN_RANGE_BYTES } from './flight-control.js';

/** Silent chunks that are asked for at a time on one path. */
const MAX_PROBES = 8;
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
      const range = chunk.nextRange(MIN_RANGE_BYTES, 0, 0);
      if (range !== undefined && !this.#ask(path, chunk, range, true, now)) return;
    }
    flights.wasHeldBack = false;
    path.pacedUntil = Number.POSITIVE_INFINITY;
    for (let chunk = this.next(path, now); chunk !== undefined; chunk = this.next(path, now)) {
      const range = chunk.nextRange(flights.rangeBytes, flights.segmentBytes, flights.restBytes);
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

  /** Sends one request. False when it could not be sent. */
  #ask(path: FetchPath, chunk: ChunkFetch, range: NextRange, probe: boolean, now: number): boolean {
    const source = chunk.sourceOn(path)!;
    const length = range.end - range.start;
    // Longer than its field can say are only ranges to the end of a chunk, which is what 0 asks for.
    const request = encodeChunkRequest({ offset: range.start, length: length > MAX_CHUNK_RANGE_BYTES ? 0 : length });
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
