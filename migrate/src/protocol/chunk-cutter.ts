const FIRST_CAPACITY_BYTES = 512 * 1024;

/**
 * Bytes of input waiting to become a chunk: copied in, whatever the size of the pieces, into memory that is used over and
 * over, and taken out in one piece as the cipher and the hash want them.
 */
export class ChunkCutter {
  #memory = new Uint8Array(0);
  #start = 0;
  #end = 0;

  /** Bytes waiting. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Copies a piece. What `take` gave before is no longer valid. */
  push(piece: Uint8Array): void {
    if (this.#end + piece.length > this.#memory.length) this.#makeRoom(piece.length);
    this.#memory.set(piece, this.#end);
    this.#end += piece.length;
  }

  /** All that waits, without taking it. It stays where it is until the next `push`. */
  peek(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** Takes `length` bytes, or as many as there are, from the front. They stay where they are until the next `push`. */
  take(length: number): Uint8Array {
    const taken = this.#memory.subarray(this.#start, Math.min(this.#end, this.#start + length));
    this.#start += taken.length;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    this.#start = this.#end = 0;
  }

  /** Moves what waits to the front, of larger memory if need be. */
  #makeRoom(length: number): void {
    const waiting = this.#memory.subarray(this.#start, this.#end);
    const needed = waiting.length + length;
    if (needed > this.#memory.length) {
      this.#memory = new Uint8Array(Math.max(FIRST_CAPACITY_BYTES, needed));
      this.#memory.set(waiting);
    } else {
      this.#memory.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = waiting.length;
  }
}
