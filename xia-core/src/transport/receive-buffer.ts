import { copyBytes } from '../bytes/index.js';
import { ChunkSlab } from './chunk-slab.js';

/** What {@link ReceiveBuffer.insert} did. */
export const InsertResult = {
  /** Taken, or already there. */
  OK: 0,
  /** Too many separate pieces; the packet must not be acknowledged. */
  CROWDED: 1,
  /** The end of the stream contradicts what was said before. */
  BAD_END: 2,
} as const;
export type InsertResult = (typeof InsertResult)[keyof typeof InsertResult];

/** A window of 32 MiB in packets of 1400 bytes, all but the first there. */
const MAX_PIECES = 32_768;

/**
 * The receiving half of a byte stream: pieces in any order in, bytes in order out.
 *
 * A piece is kept by reference into the packet that it came in, unless it is a small part of it; then it is copied, so
 * that what is held is never more than twice what is counted. The caller keeps pieces within the credit that it gave.
 */
export class ReceiveBuffer {
  readonly #maxPieces: number;
  /** In order, from the read offset on. */
  #ready: Uint8Array[] = [];
  #readyFirst = 0;
  readonly #slab = new ChunkSlab();
  #readOffset = 0;
  #nextOffset = 0;
  /** Beyond a gap, ascending, without overlap. */
  #pieceStarts: number[] = [];
  #pieces: Uint8Array[] = [];
  #finalOffset = -1;

  constructor(maxPieces = MAX_PIECES) {
    this.#maxPieces = maxPieces;
  }

  /** Bytes that {@link read} can return. */
  get readable(): number {
    return this.#nextOffset - this.#readOffset;
  }

  /** Offset of the next byte that {@link read} returns. */
  get readOffset(): number {
    return this.#readOffset;
  }

  /** First offset that has not arrived. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** The stream has an end and all of it has arrived. */
  get complete(): boolean {
    return this.#nextOffset === this.#finalOffset;
  }

  /** The reader has had everything. */
  get drained(): boolean {
    return this.#readOffset === this.#finalOffset;
  }

  /** Pieces that wait for what is missing before them. */
  get waitingPieces(): number {
    return this.#pieces.length;
  }

  /** Takes in the bytes at a stream offset; `fin` when the stream ends with them. */
  insert(offset: number, bytes: Uint8Array, fin: boolean): InsertResult {
    const end = offset + bytes.length;
    if (this.#finalOffset >= 0 && (end > this.#finalOffset || (fin && end !== this.#finalOffset))) {
      return InsertResult.BAD_END;
    }
    if (fin && this.#finalOffset < 0) {
      if (end < this.#highest()) return InsertResult.BAD_END;
      this.#finalOffset = end;
    }
    if (end <= this.#nextOffset) return InsertResult.OK;
    if (offset > this.#nextOffset) return this.#insertBeyondGap(offset, bytes);
    const skip = this.#nextOffset - offset;
    this.#append(own(bytes, skip));
    if (this.#pieces.length > 0) this.#join();
    return InsertResult.OK;
  }

  /** The next bytes in order, at most `maxBytes` and often fewer; undefined when there are none. */
  read(maxBytes: number): Uint8Array | undefined {
    const chunk = this.#ready[this.#readyFirst];
    if (chunk === undefined || maxBytes < 1) return undefined;
    if (this.#readyFirst === this.#ready.length - 1) this.#slab.seal();
    if (chunk.length > maxBytes) {
      this.#ready[this.#readyFirst] = chunk.subarray(maxBytes);
      this.#readOffset += maxBytes;
      return chunk.subarray(0, maxBytes);
    }
    this.#readyFirst++;
    if (this.#readyFirst === this.#ready.length) {
      this.#ready = [];
      this.#readyFirst = 0;
      this.#slab.release();
    } else if (this.#readyFirst >= 256 && this.#readyFirst * 2 > this.#ready.length) {
      this.#ready.splice(0, this.#readyFirst);
      this.#readyFirst = 0;
    }
    this.#readOffset += chunk.length;
    return chunk;
  }

  /** Drops everything; the stream was given up. */
  clear(): void {
    this.#ready = [];
    this.#readyFirst = 0;
    this.#slab.release();
    this.#readOffset = this.#nextOffset;
    this.#pieces = [];
    this.#pieceStarts = [];
  }

  #highest(): number {
    const last = this.#pieces.length - 1;
    return last < 0 ? this.#nextOffset : this.#pieceStarts[last]! + this.#pieces[last]!.length;
  }

  #append(bytes: Uint8Array): void {
    this.#slab.append(this.#ready, bytes);
    this.#nextOffset += bytes.length;
  }

  /** Keeps the parts of `bytes` that no waiting piece has. */
  #insertBeyondGap(offset: number, bytes: Uint8Array): InsertResult {
    const starts = this.#pieceStarts;
    const end = offset + bytes.length;
    let index = this.#indexAfter(offset);
    let at = offset;
    if (index > 0) at = Math.max(at, starts[index - 1]! + this.#pieces[index - 1]!.length);
    while (at < end) {
      const until = index < starts.length ? Math.min(end, starts[index]!) : end;
      if (at < until) {
        if (this.#pieces.length >= this.#maxPieces) return InsertResult.CROWDED;
        const piece = own(bytes.subarray(0, until - offset), at - offset);
        if (index === starts.length) {
          starts.push(at);
          this.#pieces.push(piece);
        } else {
          starts.splice(index, 0, at);
          this.#pieces.splice(index, 0, piece);
        }
        index++;
      }
      if (index >= starts.length) break;
      at = Math.max(until, starts[index]! + this.#pieces[index]!.length);
      index++;
    }
    return InsertResult.OK;
  }

  /** Index of the first waiting piece that starts after `offset`. */
  #indexAfter(offset: number): number {
    const starts = this.#pieceStarts;
    let low = 0;
    let high = starts.length;
    if (high === 0 || starts[high - 1]! <= offset) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Moves waiting pieces that the gap has closed up to. */
  #join(): void {
    let joined = 0;
    while (joined < this.#pieces.length && this.#pieceStarts[joined]! <= this.#nextOffset) {
      const piece = this.#pieces[joined]!;
      const skip = this.#nextOffset - this.#pieceStarts[joined]!;
      if (skip < piece.length) this.#append(skip === 0 ? piece : piece.subarray(skip));
      joined++;
    }
    if (joined === 0) return;
    this.#pieces.splice(0, joined);
    this.#pieceStarts.splice(0, joined);
  }
}

/** `bytes` from `skip` on, in memory that holds little else. */
function own(bytes: Uint8Array, skip: number): Uint8Array {
  const length = bytes.length - skip;
  if (length * 2 < bytes.buffer.byteLength) return copyBytes(bytes, skip, length);
  return skip === 0 ? bytes : bytes.subarray(skip);
}
