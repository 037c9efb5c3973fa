import type { Gauge } from '../bytes/index.js';
import type { BufferSource } from './buffer-pool.js';
import type { ChunkFetch } from './chunk-fetch.js';

/** The memory that unfinished chunks may take together; those for which there is none wait in order. */
export class FetchMemory {
  readonly waiting = new Set<ChunkFetch>();
  readonly #maxBytes: number;
  readonly #buffers: BufferSource;
  #reservedBytes = 0;
  #mostBytes = 0;

  constructor(maxBytes: number, buffers: BufferSource) {
    this.#maxBytes = maxBytes;
    this.#buffers = buffers;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** Whether memory for one more chunk may be taken; the first always may. */
  fits(bytes: number): boolean {
    return this.#reservedBytes === 0 || this.#reservedBytes + bytes <= this.#maxBytes;
  }

  reserve(chunk: ChunkFetch, bytes: number): void {
    chunk.reservedBytes = bytes;
    this.#reservedBytes += bytes;
    this.#mostBytes = Math.max(this.#mostBytes, this.#reservedBytes);
  }

  /** The length of a chunk is known: gives it its memory. */
  begin(chunk: ChunkFetch, length: number): void {
    this.reserve(chunk, length);
    chunk.begin(this.#buffers.take(length));
  }

  /** What a chunk had reserved is for others now. */
  release(chunk: ChunkFetch): void {
    this.#reservedBytes -= chunk.reservedBytes;
    chunk.reservedBytes = 0;
  }

  /** Takes the memory of a chunk back that nobody gets. */
  takeBack(chunk: ChunkFetch): void {
    if (chunk.bytes !== undefined) this.#buffers.give(chunk.bytes);
    chunk.bytes = undefined;
  }

  gauge(): Gauge {
    const { reservedBytes: used } = this;
    return { name: 'fetched bytes', unit: 'bytes', used, highWater: this.#mostBytes, bound: this.#maxBytes, refused: 0 };
  }
}
