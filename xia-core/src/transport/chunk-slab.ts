/** Pieces below this are gathered. */
const SMALL_BYTES = 1024;
const SLAB_BYTES = 16 * 1024;

/**
 * Gathers small pieces at the end of a list of chunks, so that a million tiny ones do not become a million objects: the
 * memory of the list stays near the bytes in it.
 */
export class ChunkSlab {
  #slab: Uint8Array | undefined;
  #used = 0;
  /** The newest chunk is `slab[start, used)` and may grow. */
  #start = 0;
  #growing = false;

  /**
   * Appends `part`; a large one by reference, a small one copied.
   * @returns true when the list has one chunk more, false when its last one grew
   */
  append(chunks: Uint8Array[], part: Uint8Array): boolean {
    if (part.length >= SMALL_BYTES) {
      this.#growing = false;
      chunks.push(part);
      return true;
    }
    if (this.#slab === undefined || this.#used + part.length > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
      this.#growing = false;
    }
    this.#slab.set(part, this.#used);
    const grows = this.#growing;
    if (!grows) this.#start = this.#used;
    this.#used += part.length;
    const chunk = this.#slab.subarray(this.#start, this.#used);
    if (grows) chunks[chunks.length - 1] = chunk;
    else chunks.push(chunk);
    this.#growing = true;
    return !grows;
  }

  /** The last chunk was handed out or dropped: the next piece starts a new one. */
  seal(): void {
    this.#growing = false;
  }

  /** The list is empty: nothing needs the memory. */
  release(): void {
    this.#slab = undefined;
    this.#growing = false;
  }
}
