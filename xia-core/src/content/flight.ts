import type { ChunkFetch } from './chunk-fetch.js';

/** A range that was asked for and has not arrived whole. No byte of a chunk is in two flights. */
export interface Flight {
  readonly chunk: ChunkFetch;
  /** Counts requests up, over all chunks. */
  readonly sequence: number;
  readonly start: number;
  end: number;
  readonly sentAt: number;
  /** Asked for before: an answer may be one to the earlier request, and says nothing about the round trip. */
  readonly repeated: boolean;
  /** Asked of a chunk that has long been silent; outside the window. */
  readonly probe: boolean;
  /** Bytes that have not arrived. */
  missing: number;
  answered: boolean;
  /** Segments of later flights that came since this one last made progress. */
  passed: number;
  deadline: number;
  previous: Flight | undefined;
  next: Flight | undefined;
}

/** The flights in the order they were sent. */
export class FlightList {
  head: Flight | undefined;
  #tail: Flight | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(flight: Flight): void {
    flight.previous = this.#tail;
    if (this.#tail === undefined) this.head = flight;
    else this.#tail.next = flight;
    this.#tail = flight;
    this.#size++;
  }

  remove(flight: Flight): void {
    if (flight.previous === undefined) this.head = flight.next;
    else flight.previous.next = flight.next;
    if (flight.next === undefined) this.#tail = flight.previous;
    else flight.next.previous = flight.previous;
    this.#size--;
  }
}
