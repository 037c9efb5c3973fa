import type { Gauge } from '../bytes/index.js';
import { IdIndex } from './id-index.js';

/**
 * The 20-byte identifiers seen last, at most so many, each with a slot for the values of its owner: when there are too many, one
 * that was not seen again for longest goes, more or less (the clock algorithm). So what is in use stays, whatever else comes by
 * once. Allocates nothing after the first `capacity` of them.
 */
export class RecentIds {
  readonly #index: IdIndex;
  readonly #capacity: number;
  readonly #seenAgain: Uint8Array;
  #hand = 0;
  #highWater = 0;
  #evicted = 0;
  /** Whether the last {@link add} gave out a slot anew: what its owner keeps there is of another identifier. */
  isNew = false;

  /** @param salt see {@link IdIndex} */
  constructor(capacity: number, salt = 0) {
    this.#index = new IdIndex(16, salt);
    this.#capacity = capacity;
    this.#seenAgain = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#index.size;
  }

  /** The slot, less than the capacity, of the identifier at `offset`; -1 when it is not known. Does not count as seeing it. */
  find(bytes: Uint8Array, offset = 0): number {
    return this.#index.find(bytes, offset);
  }

  /** The slot of the identifier at `offset`, which is seen now. */
  add(bytes: Uint8Array, offset = 0): number {
    const known = this.#index.find(bytes, offset);
    this.isNew = known < 0;
    if (known >= 0) {
      this.#seenAgain[known] = 1;
      return known;
    }
    if (this.#index.size >= this.#capacity) this.#evict();
    const slot = this.#index.add(bytes, offset);
    this.#seenAgain[slot] = 0;
    if (this.#index.size > this.#highWater) this.#highWater = this.#index.size;
    return slot;
  }

  /** Forgets the identifier of a slot. */
  remove(slot: number): void {
    this.#index.remove(slot);
  }

  gauge(name: string): Gauge {
    const used = this.#index.size;
    return { name, unit: 'entries', used, highWater: this.#highWater, bound: this.#capacity, refused: this.#evicted };
  }

  #evict(): void {
    while (this.#seenAgain[this.#hand] === 1) {
      this.#seenAgain[this.#hand] = 0;
      this.#hand = (this.#hand + 1) % this.#capacity;
    }
    this.#index.remove(this.#hand);
    this.#hand = (this.#hand + 1) % this.#capacity;
    this.#evicted++;
  }
}
