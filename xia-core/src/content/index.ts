export { BufferPool, type BufferSource } from './buffer-pool.js';
export { CACHE_ENTRY_BYTES, ChunkCache, type ChunkCacheOptions, type InsertOutcome } from './chunk-cache.js';
export type { ChunkSource, StoredChunk } from './chunk-source.js';
export { ChunkStore, type ChunkStoreOptions, type PutOutcome } from './chunk-store.js';
export { admissions, Doorkeeper, type Admission } from './doorkeeper.js';
export { DEFAULT_EVICTION_POLICY, evictionPolicies, evictionPolicyNames, type EvictionPolicyName } from './eviction-policies.js';
export type { EvictionPolicy } from './eviction-policy.js';
export { FifoPolicy } from './fifo-policy.js';
export {
  FetchCounters,
  fetchFailures,
  type FetchEvent,
  type FetchFailure,
  type FetcherOptions,
  type FetchLimits,
  type FetchRequest,
} from './fetch-options.js';
export { Fetcher } from './fetcher.js';
export { IdMap } from './id-map.js';
export { LocalContent, type CacheSettings, type LocalContentOptions } from './local-content.js';
export { LruPolicy } from './lru-policy.js';
export { OnPathCache, type ObserveOutcome, type OnPathCacheOptions } from './on-path-cache.js';
export { originDag } from './origin-dag.js';
export { PartialAssembler, type PartialAssemblerOptions } from './partial-assembler.js';
export { requestedRange, type ByteRange, type RequestedBytes } from './request-range.js';
export { responderDag } from './responder-address.js';
export { Responder, type ResponderOptions } from './responder.js';
export { S3FifoPolicy } from './s3-fifo-policy.js';
export type { CongestionOptions } from './path-congestion.js';
