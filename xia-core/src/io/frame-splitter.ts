import { readU32BE } from '../bytes/index.js';

const PREFIX_BYTES = 4;

/** Why a stream of frames cannot be followed any further; undefined is well. */
export type FrameFault = 'bad-length';

/**
 * Cuts a byte stream into frames, each after its length as 4 bytes, network order: the framing of QEMU's stream netdev.
 *
 * A frame inside one piece is handed on as a view of it; one that spans pieces is put together in memory of its own,
 * allocated once, after its length was checked. So every byte is copied at most once.
 */
export class FrameSplitter {
  readonly #maxFrameBytes: number;
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixFill = 0;
  /** The frame that is being put together, once its length is known. */
  #frame: Uint8Array | undefined;
  #frameFill = 0;
  #broken = false;

  /** @param onFrame is given each frame, which may stay in use */
  constructor(maxFrameBytes: number, onFrame: (frame: Uint8Array) => void) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes in. After a fault nothing more is handed on: where the next frame begins is not known. */
  push(piece: Uint8Array): FrameFault | undefined {
    let at = 0;
    while (!this.#broken && at < piece.length) {
      if (this.#frame !== undefined) at = this.#fillFrame(piece, at);
      else if (this.#prefixFill > 0 || piece.length - at < PREFIX_BYTES) at = this.#fillPrefix(piece, at);
      else at = this.#takeWhole(piece, at);
    }
    return this.#broken ? 'bad-length' : undefined;
  }

  /** The usual case: prefix and frame lie in this piece. */
  #takeWhole(piece: Uint8Array, at: number): number {
    const length = readU32BE(piece, at);
    const start = at + PREFIX_BYTES;
    if (start + length > piece.length) {
      this.#begin(length);
      return start;
    }
    if (length > this.#maxFrameBytes) this.#broken = true;
    else this.#onFrame(piece.subarray(start, start + length));
    return start + length;
  }

  #fillPrefix(piece: Uint8Array, at: number): number {
    this.#prefix[this.#prefixFill++] = piece[at]!;
    if (this.#prefixFill === PREFIX_BYTES) {
      this.#prefixFill = 0;
      this.#begin(readU32BE(this.#prefix, 0));
    }
    return at + 1;
  }

  #begin(length: number): void {
    if (length > this.#maxFrameBytes) {
      this.#broken = true;
    } else if (length === 0) {
      this.#onFrame(new Uint8Array(0));
    } else {
      this.#frame = new Uint8Array(length);
      this.#frameFill = 0;
    }
  }

  #fillFrame(piece: Uint8Array, at: number): number {
    const frame = this.#frame!;
    const end = Math.min(piece.length, at + frame.length - this.#frameFill);
    frame.set(piece.subarray(at, end), this.#frameFill);
    this.#frameFill += end - at;
    if (this.#frameFill === frame.length) {
      this.#frame = undefined;
      this.#onFrame(frame);
    }
    return end;
  }
}
