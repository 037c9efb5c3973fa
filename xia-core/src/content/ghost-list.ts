import { readU48BE } from '../bytes/index.js';

/**
 * Identifiers that were here not long ago, without what belonged to them, first in, first out. Known by their first 48 bits:
 * whoever makes two alike gains that one of them counts as known, which any request could do as well.
 */
export class GhostList {
  readonly #keys = new Set<number>();

  get size(): number {
    return this.#keys.size;
  }

  /** Remembers an identifier, and the latest `most` at most. */
  add(id: Uint8Array, most: number): void {
    this.#keys.add(readU48BE(id, 0));
    if (this.#keys.size <= most) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      if (this.#keys.size <= most) return;
    }
  }

  /** Whether an identifier is remembered; from now on it is not. */
  take(id: Uint8Array): boolean {
    return this.#keys.delete(readU48BE(id, 0));
  }
}
