import type { Gauge } from '../bytes/index.js';

/** Where memory for chunks comes from and goes back to. */
export interface BufferSource {
  /** Memory of exactly `length` bytes, which may hold old content. */
  take(length: number): Uint8Array;
  /** Memory from `take` that nobody reads or writes any more. */
  give(bytes: Uint8Array): void;
}

/** Sizes of buffers between one power of two and the next, so that chunks of nearly equal size share them. */
const SIZES_PER_OCTAVE = 4;
/** Smaller buffers are cheap to make. */
const LEAST_BYTES = 16_384;

/** Makes a buffer for each taker and keeps none. */
export const freshBuffers: BufferSource = {
  take: (length) => new Uint8Array(length),
  give: () => undefined,
};

/**
 * Keeps buffers for use again. Fresh memory is slow to touch for the first time, several times slower than copying into
 * memory that was in use; a transfer of gigabytes in equal chunks needs only as many buffers as are in flight.
 */
export class BufferPool implements BufferSource {
  readonly #maxIdleBytes: number;
  /** Idle memory by its size. */
  readonly #idle = new Map<number, ArrayBufferLike[]>();
  #idleBytes = 0;
  #highWater = 0;
  #refused = 0;

  /** @param maxIdleBytes memory to keep for later at most */
  constructor(maxIdleBytes = 64 * 1024 * 1024) {
    this.#maxIdleBytes = maxIdleBytes;
  }

  /** Bytes kept for later. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  take(length: number): Uint8Array {
    if (length < LEAST_BYTES) return new Uint8Array(length);
    const size = sizeFor(length);
    const memory = this.#idle.get(size)?.pop();
    if (memory === undefined) return new Uint8Array(new ArrayBuffer(size), 0, length);
    this.#idleBytes -= memory.byteLength;
    return new Uint8Array(memory, 0, length);
  }

  /** Memory of another shape than `take` makes is left to the garbage collector. What is here already is not taken twice. */
  give(bytes: Uint8Array): void {
    const size = bytes.buffer.byteLength;
    if (bytes.byteOffset !== 0 || size < LEAST_BYTES || size !== sizeFor(size)) return;
    if (!this.#makeRoom(size)) {
      this.#refused++;
      return;
    }
    const list = this.#idle.get(size);
    if (list === undefined) this.#idle.set(size, [bytes.buffer]);
    else if (list.includes(bytes.buffer)) return;
    else list.push(bytes.buffer);
    this.#idleBytes += size;
    this.#highWater = Math.max(this.#highWater, this.#idleBytes);
  }

  /** Lets go of buffers of other sizes, which nobody has taken instead of this one. */
  #makeRoom(size: number): boolean {
    for (const [otherSize, others] of this.#idle) {
      while (otherSize !== size && this.#idleBytes + size > this.#maxIdleBytes && others.pop() !== undefined) this.#idleBytes -= otherSize;
    }
    return this.#idleBytes + size <= this.#maxIdleBytes;
  }

  gauges(): Gauge[] {
    const [used, highWater, bound, refused] = [this.#idleBytes, this.#highWater, this.#maxIdleBytes, this.#refused];
    return [{ name: 'idle buffers', unit: 'bytes', used, highWater, bound, refused }];
  }
}

/** Bytes of the buffer for `length` bytes: at most a quarter more. */
function sizeFor(length: number): number {
  const grain = 2 ** (31 - Math.clz32(length)) / SIZES_PER_OCTAVE;
  return Math.ceil(length / grain) * grain;
}
