import type { Gauge } from '../bytes/index.js';
import type { XipView } from '../wire/index.js';
import { freshBuffers, type BufferSource } from './buffer-pool.js';
import { ChunkCache, type ChunkCacheOptions } from './chunk-cache.js';
import type { ChunkSource, StoredChunk } from './chunk-source.js';
import { ChunkStore, type ChunkStoreOptions, type PutOutcome } from './chunk-store.js';
import type { Admission } from './doorkeeper.js';
import { DEFAULT_EVICTION_POLICY, type EvictionPolicyName } from './eviction-policies.js';
import { OnPathCache, type ObserveOutcome } from './on-path-cache.js';
import { PartialAssembler, type PartialAssemblerOptions } from './partial-assembler.js';

/** What a configuration says of a chunk cache. */
export interface CacheSettings {
  /** 0 switches it off. */
  readonly bytes: number;
  /** {@link DEFAULT_EVICTION_POLICY} by default. */
  readonly policy?: EvictionPolicyName | undefined;
  /** `always` by default. */
  readonly admit?: Admission | undefined;
}

export interface LocalContentOptions {
  readonly store?: Omit<ChunkStoreOptions, 'onExpire'>;
  readonly cache: Omit<ChunkCacheOptions, 'onInsert' | 'onEvict' | 'buffers'>;
  readonly admit?: Admission | undefined;
  readonly assembler?: Omit<PartialAssemblerOptions, 'buffers'>;
  /** Memory goes round from the assembler to the cache and back; made anew for each chunk by default. */
  readonly buffers?: BufferSource;
  /** A CID can be served from here now: route it to this node. Not called twice without {@link onGone} between. */
  readonly onLocal: (id: Uint8Array) => void;
  /** A CID can no longer be served from here, neither published nor cached. */
  readonly onGone: (id: Uint8Array) => void;
}

/** Everything a node can serve: what it publishes and what it has cached, told to the routes as one. */
export class LocalContent implements ChunkSource {
  readonly store: ChunkStore;
  readonly cache: ChunkCache;
  readonly assembler: PartialAssembler;
  readonly #onPath: OnPathCache;
  readonly #onLocal: (id: Uint8Array) => void;
  readonly #onGone: (id: Uint8Array) => void;

  constructor(options: LocalContentOptions) {
    this.#onLocal = options.onLocal;
    this.#onGone = options.onGone;
    this.store = new ChunkStore({ ...options.store, onExpire: (id) => this.#gone(id) });
    const buffers = options.buffers ?? freshBuffers;
    this.cache = new ChunkCache({
      ...options.cache,
      buffers,
      // What is published is never inserted as well, so an insertion is always news.
      onInsert: (id) => this.#onLocal(id),
      onEvict: (id) => this.#gone(id),
    });
    this.assembler = new PartialAssembler({ ...options.assembler, buffers });
    this.#onPath = new OnPathCache({
      cache: this.cache,
      assembler: this.assembler,
      published: this.store,
      ...(options.admit === undefined ? {} : { admit: options.admit }),
    });
  }

  /** Publishes a chunk; see {@link ChunkStore.put}. */
  publish(id: Uint8Array, bytes: Uint8Array, now: number, ttlMs?: number): PutOutcome {
    const outcome = this.store.put(id, bytes, now, ttlMs);
    if (outcome === 'stored') {
      // One copy is enough. Its eviction must not say "gone": the store has the chunk already.
      const wasCached = this.cache.remove(id);
      this.assembler.forget(id);
      if (!wasCached) this.#onLocal(id);
    }
    return outcome;
  }

  /** Takes back one `publish`. */
  unpublish(id: Uint8Array): void {
    if (this.store.remove(id)) this.#gone(id);
  }

  /** Keeps what a chunk response that comes by has that is new; see {@link OnPathCache}. */
  observe(view: XipView, now: number): ObserveOutcome {
    return this.#onPath.observe(view, now);
  }

  /** Changes the cache; see {@link ChunkCache.configure}. */
  configureCache({ bytes, policy = DEFAULT_EVICTION_POLICY, admit = 'always' }: CacheSettings): void {
    this.cache.configure(bytes, policy);
    this.#onPath.configure(admit);
    if (bytes === 0) this.assembler.clear();
  }

  find(id: Uint8Array, now: number): StoredChunk | undefined {
    return this.store.find(id, now) ?? this.cache.find(id, now);
  }

  nextTimeout(): number {
    return Math.min(this.store.nextTimeout(), this.cache.nextTimeout());
  }

  handleTimeout(now: number): void {
    this.store.handleTimeout(now);
    this.cache.handleTimeout(now);
  }

  gauges(): Gauge[] {
    return [...this.store.gauges(), ...this.cache.gauges(), ...this.assembler.gauges()];
  }

  #gone(id: Uint8Array): void {
    if (!this.store.has(id) && !this.cache.has(id)) this.#onGone(id);
  }
}
