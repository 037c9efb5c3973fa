import { readU48BE } from '../bytes/index.js';

const LEAST_PLACES = 16;

/**
 * Identifiers that were here not long ago, without what belonged to them, first in, first out. Known by their first 48 bits:
 * whoever makes two alike gains that one of them counts as known, which any request could do as well.
 *
 * A ring keeps their order, since the first entry of a Set is only found by walking over those that were deleted before it.
 */
export class GhostList {
  /** When each came, by key: what the ring has of an earlier time is stale. */
  readonly #times = new Map<number, number>();
  /** Keys by the time that they came at; its length is a power of two. */
  #ring = new Float64Array(LEAST_PLACES);
  #first = 0;
  #next = 0;

  get size(): number {
    return this.#times.size;
  }

  /** Remembers an identifier, and the latest `most` at most. */
  add(id: Uint8Array, most: number): void {
    if (this.#next - this.#first === this.#ring.length) this.#makeRoom();
    const key = readU48BE(id, 0);
    this.#ring[this.#next & (this.#ring.length - 1)] = key;
    this.#times.set(key, this.#next++);
    while (this.#times.size > most) this.#forgetFirst();
  }

  /** Whether an identifier is remembered; from now on it is not. */
  take(id: Uint8Array): boolean {
    return this.#times.delete(readU48BE(id, 0));
  }

  #forgetFirst(): void {
    const key = this.#ring[this.#first & (this.#ring.length - 1)]!;
    if (this.#times.get(key) === this.#first) this.#times.delete(key);
    this.#first++;
  }

  /** Leaves the stale ones out, and doubles the ring if it is more than half full even so. */
  #makeRoom(): void {
    const keys = [...this.#ring.keys()].map((at) => this.#first + at).flatMap((time) => this.#keyOf(time));
    const places = 2 * keys.length > this.#ring.length ? 2 * this.#ring.length : this.#ring.length;
    this.#ring = new Float64Array(places);
    this.#ring.set(keys);
    keys.forEach((key, time) => this.#times.set(key, time));
    this.#first = 0;
    this.#next = keys.length;
  }

  /** The key that came at a time, if it was not forgotten, nor came again later. */
  #keyOf(time: number): number[] {
    const key = this.#ring[time & (this.#ring.length - 1)]!;
    return this.#times.get(key) === time ? [key] : [];
  }
}
