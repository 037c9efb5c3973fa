import { copyBytes, RangeSet, type Gauge } from '../bytes/index.js';
import { XID_ID_BYTES } from '../xid/index.js';
import { freshBuffers, type BufferSource } from './buffer-pool.js';
import { IdMap } from './id-map.js';
import { LruPolicy } from './lru-policy.js';

export interface PartialAssemblerOptions {
  /** Bytes of all unfinished chunks together at most; 32 MiB by default. */
  readonly maxBytes?: number;
  /** Unfinished chunks at most; 1,024 by default. */
  readonly maxChunks?: number;
  /** A chunk that claims to be larger is not begun; 4 MiB by default. */
  readonly maxChunkBytes?: number;
  /** An unfinished chunk that nothing was added to for so long goes when the next one is begun; 30 s by default. */
  readonly idleMs?: number;
  /** Where memory comes from and goes back to; made anew for each chunk by default. */
  readonly buffers?: BufferSource;
}

interface PartialChunk {
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
  readonly received: RangeSet;
  slot: number;
  touchedAt: number;
}

/** Holes that one unfinished chunk may have: each costs memory and time, and a stranger decides how many there are. */
const MAX_RANGES = 1024;

/**
 * Puts together chunks whose segments come by in any order. Nothing in it is verified: whoever takes a finished chunk
 * checks its hash. Unfinished chunks are few and small by bounds; the one left alone for longest makes room.
 */
export class PartialAssembler {
  readonly #maxBytes: number;
  readonly #maxChunks: number;
  readonly #maxChunkBytes: number;
  readonly #idleMs: number;
  readonly #buffers: BufferSource;
  readonly #chunks = new IdMap<PartialChunk>();
  readonly #order = new LruPolicy();
  readonly counters = { begun: 0, finished: 0, evicted: 0, tooLarge: 0, contradictory: 0, fragmented: 0 };
  #bytes = 0;
  #mostBytes = 0;
  #mostChunks = 0;

  constructor(options: PartialAssemblerOptions = {}) {
    this.#maxBytes = options.maxBytes ?? 32 * 1024 * 1024;
    this.#maxChunks = options.maxChunks ?? 1024;
    this.#maxChunkBytes = Math.min(options.maxChunkBytes ?? 4 * 1024 * 1024, this.#maxBytes);
    this.#idleMs = options.idleMs ?? 30_000;
    this.#buffers = options.buffers ?? freshBuffers;
  }

  /** What {@link bytes} is at most. */
  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** What {@link size} is at most. */
  get maxChunks(): number {
    return this.#maxChunks;
  }

  /** Bytes kept for unfinished chunks. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Unfinished chunks. */
  get size(): number {
    return this.#chunks.size;
  }

  /**
   * Adds a segment, copying it.
   * @param ids the chunk's CID is at `idOffset` of these
   * @returns the whole chunk, which the caller owns from then on, when this was the last segment that was missing
   */
  add(ids: Uint8Array, offset: number, data: Uint8Array, chunkLength: number, now: number, idOffset = 0): Uint8Array | undefined {
    if (data.length === 0 || offset + data.length > chunkLength) {
      this.counters.contradictory++;
      return undefined;
    }
    let chunk = this.#chunks.get(ids, idOffset);
    if (chunk === undefined) {
      chunk = this.#begin(copyBytes(ids, idOffset, XID_ID_BYTES), chunkLength, now);
      if (chunk === undefined) return undefined;
    } else if (chunk.bytes.length !== chunkLength) {
      this.counters.contradictory++;
      return undefined;
    }
    chunk.touchedAt = now;
    this.#order.used(chunk.slot);
    if (chunk.received.add(offset, offset + data.length) > 0) chunk.bytes.set(data, offset);
    if (chunk.received.covered === chunkLength) {
      this.#drop(chunk);
      this.counters.finished++;
      return chunk.bytes;
    }
    if (chunk.received.count > MAX_RANGES) {
      this.#discard(chunk);
      this.counters.fragmented++;
    }
    return undefined;
  }

  /** Whether parts of the chunk are here whose CID is at `offset` of some bytes. */
  hasAt(bytes: Uint8Array, offset: number): boolean {
    return this.#chunks.hasAt(bytes, offset);
  }

  /** Forgets an unfinished chunk. */
  forget(id: Uint8Array): void {
    const chunk = this.#chunks.get(id);
    if (chunk !== undefined) this.#discard(chunk);
  }

  gauges(): Gauge[] {
    const { evicted: refused } = this.counters;
    const [mostBytes, mostChunks] = [this.#mostBytes, this.#mostChunks];
    return [
      { name: 'unfinished bytes', unit: 'bytes', used: this.#bytes, highWater: mostBytes, bound: this.#maxBytes, refused },
      { name: 'unfinished chunks', unit: 'entries', used: this.size, highWater: mostChunks, bound: this.#maxChunks, refused },
    ];
  }

  /** Forgets all unfinished chunks. */
  clear(): void {
    for (let chunk = this.#oldest(); chunk !== undefined; chunk = this.#oldest()) this.#discard(chunk);
  }

  /** @param id kept as it is */
  #begin(id: Uint8Array, chunkLength: number, now: number): PartialChunk | undefined {
    if (chunkLength > this.#maxChunkBytes) {
      this.counters.tooLarge++;
      return undefined;
    }
    for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
      const crowded = this.#bytes + chunkLength > this.#maxBytes || this.#chunks.size >= this.#maxChunks;
      if (!crowded && now - oldest.touchedAt < this.#idleMs) break;
      this.#discard(oldest);
      this.counters.evicted++;
    }
    const chunk: PartialChunk = {
      id,
      bytes: this.#buffers.take(chunkLength),
      received: new RangeSet(),
      slot: -1,
      touchedAt: now,
    };
    chunk.slot = this.#chunks.set(id, chunk);
    this.#order.inserted(chunk.slot);
    this.#bytes += chunkLength;
    this.counters.begun++;
    this.#mostBytes = Math.max(this.#mostBytes, this.#bytes);
    this.#mostChunks = Math.max(this.#mostChunks, this.#chunks.size);
    return chunk;
  }

  #oldest(): PartialChunk | undefined {
    const slot = this.#order.victim();
    return slot < 0 ? undefined : this.#chunks.at(slot);
  }

  #discard(chunk: PartialChunk): void {
    this.#drop(chunk);
    this.#buffers.give(chunk.bytes);
  }

  #drop(chunk: PartialChunk): void {
    this.#order.removed(chunk.slot);
    this.#chunks.delete(chunk.id);
    this.#bytes -= chunk.bytes.length;
  }
}
