import type { Flight } from './chunk-fetch.js';

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
