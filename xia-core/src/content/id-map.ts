import { IdIndex } from '../xid/index.js';

/** A map from 20-byte identifiers, read where they lie: no string is made for a lookup. */
export class IdMap<V> {
  readonly #index: IdIndex;
  readonly #values: Array<V | undefined> = [];

  /** @param salt see {@link IdIndex} */
  constructor(salt = 0) {
    this.#index = new IdIndex(8, salt);
  }

  get size(): number {
    return this.#index.size;
  }

  /** The value of the identifier at `offset` of some bytes. */
  get(bytes: Uint8Array, offset = 0): V | undefined {
    const slot = this.#index.find(bytes, offset);
    return slot < 0 ? undefined : this.#values[slot];
  }

  /** Whether the identifier at `offset` of some bytes is in it. */
  hasAt(bytes: Uint8Array, offset: number): boolean {
    return this.#index.find(bytes, offset) >= 0;
  }

  /** Sets the value of an identifier and returns its slot, the same number until the identifier is deleted. */
  set(id: Uint8Array, value: V): number {
    const slot = this.#index.add(id, 0);
    this.#values[slot] = value;
    return slot;
  }

  /** The value of a slot in use. */
  at(slot: number): V | undefined {
    return this.#values[slot];
  }

  delete(id: Uint8Array): boolean {
    const slot = this.#index.find(id, 0);
    if (slot < 0) return false;
    this.#index.remove(slot);
    this.#values[slot] = undefined;
    return true;
  }

  /** The values, in no particular order. The map must not change while they are walked. */
  *values(): Iterable<V> {
    for (const slot of this.#index.live()) yield this.#values[slot]!;
  }
}
