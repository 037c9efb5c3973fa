import type { Gauge } from '../bytes/index.js';

/** Where memory for chunks comes from and goes back to. */
export interface BufferSource {
  /** Memory of exactly `length` bytes, which may hold old content. */
  take(length: number): Uint8Array;
  /** Memory from `take` that nobody reads or writes any more. */
  give(bytes: Uint8Array): void;
}

/** Buffers are made in multiples of this, so that chunks of nearly equal size share them. */
const GRAIN_BYTES = 16_384;
/** The same for those of less than four grains, which would waste too much otherwise. */
const SMALL_GRAIN_BYTES = 4096;
/** Smaller buffers are cheap to make. */
const LEAST_BYTES = 4 * SMALL_GRAIN_BYTES;

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
    if (this.#idleBytes + size > this.#maxIdleBytes) {
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

  gauges(): Gauge[] {
    const [used, highWater, bound, refused] = [this.#idleBytes, this.#highWater, this.#maxIdleBytes, this.#refused];
    return [{ name: 'idle buffers', unit: 'bytes', used, highWater, bound, refused }];
  }
}

/** Bytes of the buffer for `length` bytes: at most a quarter more. */
function sizeFor(length: number): number {
  const grain = length < 4 * GRAIN_BYTES ? SMALL_GRAIN_BYTES : GRAIN_BYTES;
  return Math.ceil(length / grain) * grain;
}
