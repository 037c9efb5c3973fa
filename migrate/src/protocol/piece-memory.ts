/** Sizes are rounded up to multiples of this, so that pieces of about one size use each other's memory. */
const STEP_BYTES = 16 * 1024;
/** Memory that is kept for the next pieces. */
const MAX_SPARE_BYTES = 4 * 1024 * 1024;

/** Memory for pieces that are put together, used over and over: made anew for each, it would be the garbage collector's. */
export class PieceMemory {
  readonly #spare = new Map<number, ArrayBuffer[]>();
  #spareBytes = 0;

  /** Memory of this length, with anything in it. */
  take(length: number): Uint8Array {
    const capacity = Math.ceil(length / STEP_BYTES) * STEP_BYTES;
    const spare = this.#spare.get(capacity)?.pop();
    if (spare !== undefined) this.#spareBytes -= capacity;
    return new Uint8Array(spare ?? new ArrayBuffer(capacity), 0, length);
  }

  /** Takes back what `take` gave. Nobody reads it any more. */
  give({ buffer }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer) || this.#spareBytes + buffer.byteLength > MAX_SPARE_BYTES) return;
    const alike = this.#spare.get(buffer.byteLength);
    if (alike === undefined) this.#spare.set(buffer.byteLength, [buffer]);
    else alike.push(buffer);
    this.#spareBytes += buffer.byteLength;
  }
}
