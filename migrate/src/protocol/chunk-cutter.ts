/**
 * Pieces of input waiting to become a chunk. Holds references, copies nothing: what QEMU writes is read once into a
 * buffer and goes from there through the cipher.
 */
export class ChunkCutter {
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Bytes waiting. */
  get bytes(): number {
    return this.#bytes;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
  }

  /** Takes exactly `length` bytes (at most `bytes`) from the front, in pieces. */
  take(length: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let missing = Math.min(length, this.#bytes);
    this.#bytes -= missing;
    let used = 0;
    while (missing > 0) {
      const piece = this.#pieces[used]!;
      if (piece.length <= missing) {
        taken.push(piece);
        missing -= piece.length;
        used += 1;
      } else {
        taken.push(piece.subarray(0, missing));
        this.#pieces[used] = piece.subarray(missing);
        missing = 0;
      }
    }
    this.#pieces.splice(0, used);
    return taken;
  }

  /** Forgets everything. */
  clear(): void {
    this.#pieces.length = 0;
    this.#bytes = 0;
  }
}
