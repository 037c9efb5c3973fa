import { copyBytes, equalBytes, TimerQueue, type Gauge } from '../bytes/index.js';
import { RecentIds, type CryptoSuite } from '../xid/index.js';
import { freshBuffers, type BufferSource } from './buffer-pool.js';
import type { ChunkSource, StoredChunk } from './chunk-source.js';
import { DEFAULT_EVICTION_POLICY, evictionPolicies, type EvictionPolicyName } from './eviction-policies.js';
import type { EvictionPolicy } from './eviction-policy.js';
import { IdMap } from './id-map.js';

/** What an entry costs beside its bytes, so that a great many small chunks do not slip through the budget. */
export const CACHE_ENTRY_BYTES = 256;
/** CIDs that wrong bytes came for, which are remembered at most. */
const MAX_DISPUTED = 1024;

export interface ChunkCacheOptions {
  readonly crypto: Pick<CryptoSuite, 'hash'>;
  /** Bytes at most, each chunk counted with {@link CACHE_ENTRY_BYTES} on top. 0 caches nothing. */
  readonly budgetBytes: number;
  /** {@link DEFAULT_EVICTION_POLICY} by default. */
  readonly policy?: EvictionPolicyName | EvictionPolicy;
  /** No chunk is kept longer, whatever its publisher allowed; a day by default. */
  readonly maxTtlMs?: number;
  /** Where memory comes from and goes back to; made anew for each chunk by default. */
  readonly buffers?: BufferSource;
  /** A CID can be served from here now. */
  readonly onInsert?: (id: Uint8Array) => void;
  /** A CID can no longer be served from here. */
  readonly onEvict?: (id: Uint8Array) => void;
}

export type InsertOutcome = 'inserted' | 'present' | 'wrong-hash' | 'too-large' | 'expired';

/** Why a chunk that came by was not taken in. */
export type CacheRefusal = 'wrongHash' | 'tooLarge' | 'overAlready' | 'notAdmitted';

interface CachedChunk extends StoredChunk {
  readonly id: Uint8Array;
  readonly slot: number;
  /** Its bytes are what the CID says; nobody has looked before the first request for it. */
  verified: boolean;
  /** Was handed out: somebody may still read it after it has gone from here, so its memory is not used again. */
  lent: boolean;
}

/**
 * Chunks kept because they came by, within a budget; old ones make room by the policy, and go when their time is over. Lookup,
 * insertion and eviction are O(1), a lifetime O(log n).
 *
 * Most of what comes by is never asked for, so a chunk is hashed when it is asked for first, once. Bytes that are not what their
 * CID says are never handed out: they go then, and whoever has them served asks on. From then on chunks under this CID are
 * hashed as they come, so that wrong bytes do not take the place of the right ones again and again.
 */
export class ChunkCache implements ChunkSource {
  readonly #crypto: Pick<CryptoSuite, 'hash'>;
  #budgetBytes: number;
  readonly #maxTtlMs: number;
  #policy: EvictionPolicy;
  readonly #buffers: BufferSource;
  readonly #onInsert: ((id: Uint8Array) => void) | undefined;
  readonly #onEvict: ((id: Uint8Array) => void) | undefined;
  readonly #chunks = new IdMap<CachedChunk | undefined>();
  readonly #expiry = new TimerQueue<CachedChunk>();
  readonly #disputed = new RecentIds(MAX_DISPUTED);
  /**
   * `verified` and `foundWrong` count chunks by what their hash said when they were asked for first; `refused` is the sum of the reasons
   * behind it.
   */
  readonly counters = {
    hits: 0,
    misses: 0,
    inserted: 0,
    evicted: 0,
    expired: 0,
    verified: 0,
    foundWrong: 0,
    refused: 0,
    wrongHash: 0,
    tooLarge: 0,
    overAlready: 0,
    notAdmitted: 0,
  };
  #bytes = 0;
  #highWater = 0;

  constructor(options: ChunkCacheOptions) {
    this.#crypto = options.crypto;
    this.#budgetBytes = options.budgetBytes;
    this.#maxTtlMs = options.maxTtlMs ?? 86_400_000;
    const policy = options.policy ?? DEFAULT_EVICTION_POLICY;
    this.#policy = typeof policy === 'string' ? evictionPolicies[policy]() : policy;
    this.#buffers = options.buffers ?? freshBuffers;
    this.#onInsert = options.onInsert;
    this.#onEvict = options.onEvict;
  }

  /** Bytes in use as the budget counts them. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#chunks.size;
  }

  get budgetBytes(): number {
    return this.#budgetBytes;
  }

  /** Changes the budget, which may make chunks go, and the policy, which makes none go. */
  configure(budgetBytes: number, policy: EvictionPolicyName): void {
    const next = evictionPolicies[policy]();
    // In the order in which they would have gone.
    for (let slot = this.#policy.victim(); slot >= 0; slot = this.#policy.victim()) {
      this.#policy.removed(slot);
      const chunk = this.#chunks.at(slot)!;
      next.inserted(slot, chunk.id, chunk.bytes.length + CACHE_ENTRY_BYTES);
    }
    this.#policy = next;
    this.#budgetBytes = budgetBytes;
    while (this.#bytes > budgetBytes) this.#evictOne();
  }

  /** Looks a chunk up to serve it: counts as a use. One that is over, or turns out to be wrong, is gone afterwards. */
  find(id: Uint8Array, now: number): StoredChunk | undefined {
    const chunk = this.#chunks.get(id);
    if (chunk === undefined || !this.#isGood(chunk, now)) {
      this.counters.misses++;
      return undefined;
    }
    this.counters.hits++;
    this.#policy.used(chunk.slot);
    chunk.lent = true;
    return chunk;
  }

  /** Whether it is in the cache, right or wrong; not a use. */
  has(id: Uint8Array): boolean {
    return this.#chunks.get(id) !== undefined;
  }

  /** The same of the chunk whose CID is at `offset` of some bytes. */
  hasAt(bytes: Uint8Array, offset: number): boolean {
    return this.#chunks.hasAt(bytes, offset);
  }

  /**
   * Takes in a chunk, under a CID that nobody has checked, unless wrong bytes came under it before.
   * @param bytes kept as they are when `owned`, copied otherwise (as when they lie in a packet). Owned ones are the
   *   cache's from then on, whatever comes of it
   * @param ttlMs how long its publisher lets it be kept
   */
  insert(id: Uint8Array, bytes: Uint8Array, ttlMs: number, now: number, owned: boolean): InsertOutcome {
    const outcome = this.#admit(id, bytes, ttlMs);
    if (outcome !== 'inserted') {
      if (owned) this.#buffers.give(bytes);
      return outcome;
    }
    this.#keep(id, owned ? bytes : this.#copy(bytes), now + Math.min(ttlMs, this.#maxTtlMs), this.#isDisputed(id));
    this.counters.inserted++;
    this.#onInsert?.(id);
    return 'inserted';
  }

  /** Counts a chunk that was not taken in. */
  refuse(why: CacheRefusal): void {
    this.counters.refused++;
    this.counters[why]++;
  }

  /** Decides about a chunk, and makes room for it. */
  #admit(id: Uint8Array, bytes: Uint8Array, ttlMs: number): InsertOutcome {
    if (this.has(id)) return 'present';
    if (!(ttlMs > 0)) {
      this.refuse('overAlready');
      return 'expired';
    }
    const cost = bytes.length + CACHE_ENTRY_BYTES;
    if (cost > this.#budgetBytes) {
      this.refuse('tooLarge');
      return 'too-large';
    }
    if (this.#isDisputed(id) && !this.#isRight(id, bytes)) {
      this.refuse('wrongHash');
      return 'wrong-hash';
    }
    while (this.#bytes + cost > this.#budgetBytes) this.#evictOne();
    return 'inserted';
  }

  /** Takes a chunk out. False when it was not there. */
  remove(id: Uint8Array): boolean {
    const chunk = this.#chunks.get(id);
    if (chunk === undefined) return false;
    this.#drop(chunk);
    return true;
  }

  /** When the next lifetime ends, ms; `Infinity` for never. */
  nextTimeout(): number {
    return this.#expiry.next();
  }

  handleTimeout(now: number): void {
    for (let chunk = this.#expiry.popDue(now); chunk !== undefined; chunk = this.#expiry.popDue(now)) {
      this.counters.expired++;
      this.#drop(chunk);
    }
  }

  gauges(): Gauge[] {
    const { evicted, tooLarge } = this.counters;
    const [used, highWater, bound] = [this.#bytes, this.#highWater, this.#budgetBytes];
    return [
      { name: 'cached bytes', unit: 'bytes', used, highWater, bound, refused: evicted + tooLarge },
      this.#disputed.gauge('disputed chunks'),
    ];
  }

  #isGood(chunk: CachedChunk, now: number): boolean {
    if (chunk.expiresAt <= now) {
      this.counters.expired++;
      this.#drop(chunk);
      return false;
    }
    if (chunk.verified) return true;
    chunk.verified = this.#isRight(chunk.id, chunk.bytes);
    if (chunk.verified) {
      this.counters.verified++;
      return true;
    }
    this.counters.foundWrong++;
    this.#disputed.add(chunk.id);
    this.#drop(chunk);
    return false;
  }

  #isDisputed(id: Uint8Array): boolean {
    return this.#disputed.size > 0 && this.#disputed.find(id) >= 0;
  }

  #isRight(id: Uint8Array, bytes: Uint8Array): boolean {
    return equalBytes(this.#crypto.hash(bytes), id);
  }

  #keep(id: Uint8Array, bytes: Uint8Array, expiresAt: number, verified: boolean): void {
    // The slot is not known before the map has given it out.
    const slot = this.#chunks.set(id, undefined);
    const chunk: CachedChunk = { id: copyBytes(id), bytes, expiresAt, slot, verified, lent: false };
    this.#chunks.set(id, chunk);
    this.#bytes += bytes.length + CACHE_ENTRY_BYTES;
    this.#highWater = Math.max(this.#highWater, this.#bytes);
    this.#policy.inserted(slot, chunk.id, bytes.length + CACHE_ENTRY_BYTES);
    this.#expiry.set(chunk, expiresAt);
  }

  #copy(bytes: Uint8Array): Uint8Array {
    const copy = this.#buffers.take(bytes.length);
    copy.set(bytes);
    return copy;
  }

  #evictOne(): void {
    const chunk = this.#chunks.at(this.#policy.victim());
    if (chunk === undefined) return;
    this.counters.evicted++;
    this.#drop(chunk);
  }

  #drop(chunk: CachedChunk): void {
    this.#policy.removed(chunk.slot);
    this.#expiry.cancel(chunk);
    this.#chunks.delete(chunk.id);
    this.#bytes -= chunk.bytes.length + CACHE_ENTRY_BYTES;
    if (!chunk.lent) this.#buffers.give(chunk.bytes);
    this.#onEvict?.(chunk.id);
  }
}
