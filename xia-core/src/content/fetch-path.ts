import type { ChunkFetch, ChunkPath, Flight } from './chunk-fetch.js';
import { FetchQueue } from './fetch-queue.js';
import { FlightControl, type FlightControlOptions } from './flight-control.js';

/** How long a path on which nothing came rests while others answer: doubled from the one to the other. */
const MIN_REST_MS = 250;
const MAX_REST_MS = 8000;
/** How long caches of a path are avoided of which one lied, and a source that did: doubled with every lie. */
const MIN_DISTRUST_MS = 5000;
const MAX_DISTRUST_MS = 300_000;

/** What a fetcher has learnt about the way to one host, for all chunks that are asked for there. */
export class FetchPath implements ChunkPath {
  /** 20 bytes: the HID at its end, or the AD when there is none. */
  readonly key: Uint8Array;
  readonly flights: FlightControl;
  readonly queue: FetchQueue = new FetchQueue(this);
  /** Chunks that have a source on it. */
  users = 0;
  /** When `users` became 0. */
  idleSince = 0;
  /** The pacer lets the next request leave then; `Infinity` when it holds none back. */
  pacedUntil: number = Number.POSITIVE_INFINITY;
  #restMs = 0;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #cachesAvoidedMs = 0;
  #cachesAvoidedUntil = Number.NEGATIVE_INFINITY;
  #distrustMs = 0;
  #distrustedUntil = Number.NEGATIVE_INFINITY;

  constructor(key: Uint8Array, options: FlightControlOptions) {
    this.key = key;
    this.flights = new FlightControl(options);
  }

  get outage(): boolean {
    return this.flights.outage;
  }

  get hasNearCache(): boolean {
    return this.flights.hasNearCache;
  }

  get isIdle(): boolean {
    return this.users === 0;
  }

  enqueue(chunk: ChunkFetch): void {
    this.queue.add(chunk);
  }

  dequeue(chunk: ChunkFetch): void {
    this.queue.remove(chunk);
  }

  learnSegment(bytes: number, isWholeRange: boolean): void {
    this.flights.sizes.learnSegment(bytes, isWholeRange);
  }

  progress(flight: Flight, arrived: number, segmentEnd: number, segmentBytes: number, now: number): void {
    this.flights.progress(flight, arrived, segmentEnd, segmentBytes, now);
  }

  wasHasty(bytes: number, now: number): void {
    this.flights.wasHasty(bytes, now);
  }

  trim(flight: Flight): void {
    this.flights.trim(flight);
  }

  land(flight: Flight): void {
    this.flights.land(flight);
  }

  arrivalMs(bytes: number): number {
    return this.queue.size > 1 ? Number.POSITIVE_INFINITY : this.flights.smoothedRttMs * (1 + bytes / this.flights.windowBytes);
  }

  /** Whether a chunk may be asked for here now that other paths lead to as well. */
  takes(chunk: ChunkFetch, now: number): boolean {
    if (chunk.sources.length === 1) return true;
    const source = chunk.sourceOn(this)!;
    if (!chunk.hasOtherThan(source)) return true;
    if (this.outage) return now >= this.#restsUntil && this.flights.inFlightBytes === 0;
    if (!this.flights.measured) return true;
    // Another one would have all the rest here before this one had answered.
    const { unaskedBytes } = chunk;
    const rttMs = this.flights.smoothedRttMs;
    return !chunk.sources.some(
      (other) => other !== source && !other.silent && !other.excluded && !other.path.outage && other.path.arrivalMs(unaskedBytes) < rttMs,
    );
  }

  /** When `expire` wants to be called, ms. */
  nextTimeout(): number {
    return Math.min(this.flights.nextTimeout(), this.pacedUntil);
  }

  /** Gives up what is overdue, and answers with the chunks of it. */
  expire(now: number): ReadonlySet<ChunkFetch> {
    const chunks = this.flights.expire(now);
    if (chunks.size > 0 && this.outage) {
      this.#restMs = Math.min(MAX_REST_MS, Math.max(MIN_REST_MS, 2 * this.#restMs));
      this.#restsUntil = now + this.#restMs;
    }
    return chunks;
  }

  /** Something comes again after an outage. */
  outageIsOver(): void {
    this.flights.outage = false;
    this.#restMs = 0;
  }

  /** Gives up everything and forgets what the path was like. */
  reset(now: number): void {
    this.flights.reset(now);
    this.pacedUntil = Number.POSITIVE_INFINITY;
    this.#restMs = 0;
  }

  /** Whether a cache on it lied a short while ago. */
  avoidsCaches(now: number): boolean {
    return now < this.#cachesAvoidedUntil;
  }

  /** A cache on it may have lied. */
  avoidCaches(now: number): void {
    this.#cachesAvoidedMs = Math.min(MAX_DISTRUST_MS, Math.max(MIN_DISTRUST_MS, 2 * this.#cachesAvoidedMs));
    this.#cachesAvoidedUntil = now + this.#cachesAvoidedMs;
  }

  /** Whether the host at its end lied a short while ago. */
  isDistrusted(now: number): boolean {
    return now < this.#distrustedUntil;
  }

  /** The host at its end lied. */
  distrust(now: number): void {
    this.#distrustMs = Math.min(MAX_DISTRUST_MS, Math.max(MIN_DISTRUST_MS, 2 * this.#distrustMs));
    this.#distrustedUntil = now + this.#distrustMs;
  }

  /** A chunk was right that this path alone brought. */
  wasRight(pastCaches: boolean): void {
    this.#distrustMs = 0;
    if (!pastCaches) this.#cachesAvoidedMs = 0;
  }
}
