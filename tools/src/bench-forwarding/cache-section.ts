import { ChunkCache, evictionPolicyNames, writeU32BE, type EvictionPolicyName } from 'xia-core';
import { median } from '../bench/statistics.js';
import { cacheTraces, type Trace } from './cache-traces.js';
import { cpuNs } from './measure.js';
import { figure, type Figure, type Section } from './report.js';

const CHUNK_BYTES = 1024;
const ENTRY_BYTES = CHUNK_BYTES + 256;
const CHUNK = new Uint8Array(CHUNK_BYTES);
const FOR_EVER = 1e12;

/** Stands for a hash: here a chunk's first bytes say which one it is, and hashing would be most of the time. */
const numbers = { hash: (bytes: Uint8Array) => bytes.subarray(0, 20) };

interface Played {
  readonly hitPercent: number;
  readonly millionsPerSecond: number;
}

/** Plays a trace: what is not found is fetched and comes by. */
function play(policy: EvictionPolicyName, { requests }: Trace, capacity: number): Played {
  const cache = new ChunkCache({ crypto: numbers, budgetBytes: capacity * ENTRY_BYTES, policy });
  const id = new Uint8Array(20);
  const ns = cpuNs(() => {
    for (const request of requests) {
      writeU32BE(id, 0, request);
      // The policies know identifiers again by their first bytes, which are spread like those of a hash.
      writeU32BE(id, 4, Math.imul(request, 0x9e3779b1) >>> 0);
      if (cache.find(id, 0) !== undefined) continue;
      CHUNK.set(id);
      cache.insert(id, CHUNK, FOR_EVER, 0, false);
    }
  });
  const { hits, misses } = cache.counters;
  return { hitPercent: (100 * hits) / (hits + misses), millionsPerSecond: (1000 * requests.length) / ns };
}

/** Hits and speed of the eviction policies, each on the same requests. */
export function cachePolicySections(length: number, capacity: number, rounds: number): Section[] {
  return cacheTraces(length, capacity).map((trace) => {
    const played = new Map<EvictionPolicyName, Played[]>(evictionPolicyNames.map((policy) => [policy, []]));
    for (let round = 0; round < rounds; round++)
      for (const policy of evictionPolicyNames) played.get(policy)?.push(play(policy, trace, capacity));
    const figures: Figure[] = evictionPolicyNames.flatMap((policy) => {
      const runs = played.get(policy) ?? [];
      return [
        figure(`${policy}, hits`, runs[0]?.hitPercent, '%'),
        figure(`${policy}, requests`, median(runs.map(({ millionsPerSecond }) => millionsPerSecond)), 'M/s of CPU'),
      ];
    });
    return { name: `chunk cache of ${capacity} chunks: ${trace.name}`, figures, reaches: [], notes: [] };
  });
}
