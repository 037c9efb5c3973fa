import { TimerQueue, type Gauge } from '../bytes/index.js';
import type { ChunkSource, StoredChunk } from './chunk-source.js';
import { IdMap } from './id-map.js';

export interface ChunkStoreOptions {
  /** Bytes of all chunks together at most; 1 GiB by default. */
  readonly budgetBytes?: number;
  /** Chunks at most; 65,536 by default. */
  readonly maxChunks?: number;
  /** A chunk's lifetime ran out. Its CID is no longer ours. */
  readonly onExpire?: (id: Uint8Array) => void;
}

export type PutOutcome = 'stored' | 'already-stored' | 'full';

interface PublishedChunk extends StoredChunk {
  readonly id: Uint8Array;
  expiresAt: number;
  pins: number;
}

/**
 * The chunks that this node publishes. They stay until their publisher takes them back or their lifetime is over; when
 * there is no room, a new one is refused rather than an old one broken off in the middle of being fetched.
 *
 * Equal content has an equal CID: published twice, it must be taken back twice.
 */
export class ChunkStore implements ChunkSource {
  readonly #chunks = new IdMap<PublishedChunk>();
  readonly #expiry = new TimerQueue<PublishedChunk>();
  readonly #budgetBytes: number;
  readonly #maxChunks: number;
  readonly #onExpire: ((id: Uint8Array) => void) | undefined;
  readonly counters = { stored: 0, refused: 0, expired: 0 };
  #bytes = 0;
  #mostBytes = 0;
  #mostChunks = 0;

  constructor(options: ChunkStoreOptions = {}) {
    this.#budgetBytes = options.budgetBytes ?? 1024 * 1024 * 1024;
    this.#maxChunks = options.maxChunks ?? 65_536;
    this.#onExpire = options.onExpire;
  }

  /** Bytes of all chunks together. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#chunks.size;
  }

  /**
   * Publishes a chunk. The store keeps `bytes` itself, not a copy: the publisher must not write to them any more.
   * @param id the CID's 20 bytes, which the publisher has just computed over `bytes`
   * @param ttlMs how long to serve it; the longest of several stands
   * @returns `full` when it was refused for want of room
   */
  put(id: Uint8Array, bytes: Uint8Array, now: number, ttlMs = Number.POSITIVE_INFINITY): PutOutcome {
    const held = this.#chunks.get(id);
    if (held !== undefined) {
      held.pins++;
      this.#keepUntil(held, Math.max(held.expiresAt, now + ttlMs));
      return 'already-stored';
    }
    if (this.#bytes + bytes.length > this.#budgetBytes || this.#chunks.size >= this.#maxChunks) {
      this.counters.refused++;
      return 'full';
    }
    const chunk: PublishedChunk = { id: Uint8Array.from(id), bytes, expiresAt: 0, pins: 1 };
    this.#chunks.set(id, chunk);
    this.#bytes += bytes.length;
    this.counters.stored++;
    this.#mostBytes = Math.max(this.#mostBytes, this.#bytes);
    this.#mostChunks = Math.max(this.#mostChunks, this.#chunks.size);
    this.#keepUntil(chunk, now + ttlMs);
    return 'stored';
  }

  find(id: Uint8Array, now: number): StoredChunk | undefined {
    const chunk = this.#chunks.get(id);
    return chunk !== undefined && chunk.expiresAt > now ? chunk : undefined;
  }

  /** Whether a chunk is here that is still good at `now` and whose CID is at `offset` of some bytes. */
  hasAt(bytes: Uint8Array, offset: number, now: number): boolean {
    const chunk = this.#chunks.get(bytes, offset);
    return chunk !== undefined && chunk.expiresAt > now;
  }

  /** Whether it is in the store. */
  has(id: Uint8Array): boolean {
    return this.#chunks.get(id) !== undefined;
  }

  /** Takes back one `put`. True when the chunk is gone now; false when it is still published, or never was. */
  remove(id: Uint8Array): boolean {
    const chunk = this.#chunks.get(id);
    if (chunk === undefined || --chunk.pins > 0) return false;
    this.#drop(chunk);
    return true;
  }

  /** When the next lifetime ends, ms; `Infinity` for never. */
  nextTimeout(): number {
    return this.#expiry.next();
  }

  handleTimeout(now: number): void {
    for (let chunk = this.#expiry.popDue(now); chunk !== undefined; chunk = this.#expiry.popDue(now)) {
      this.#drop(chunk);
      this.counters.expired++;
      this.#onExpire?.(chunk.id);
    }
  }

  gauges(): Gauge[] {
    const { refused } = this.counters;
    const [mostBytes, mostChunks] = [this.#mostBytes, this.#mostChunks];
    return [
      { name: 'published bytes', unit: 'bytes', used: this.#bytes, highWater: mostBytes, bound: this.#budgetBytes, refused },
      { name: 'published chunks', unit: 'entries', used: this.size, highWater: mostChunks, bound: this.#maxChunks, refused },
    ];
  }

  #keepUntil(chunk: PublishedChunk, expiresAt: number): void {
    chunk.expiresAt = expiresAt;
    if (expiresAt === Number.POSITIVE_INFINITY) this.#expiry.cancel(chunk);
    else this.#expiry.set(chunk, expiresAt);
  }

  #drop(chunk: PublishedChunk): void {
    this.#expiry.cancel(chunk);
    this.#chunks.delete(chunk.id);
    this.#bytes -= chunk.bytes.length;
  }
}
