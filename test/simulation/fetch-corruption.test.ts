import { describe, expect, it } from 'vitest';
import type { LinkShape } from 'xia-core';
import { imbalances } from './accounts.js';
import { Download, FetchWorld } from './fetch-world.js';

const SEEDS = 300;
const CHUNKS = 6;
const NEAR: LinkShape = { delayMs: 0.5 };

/**
 * A link that hands on packets with a flipped bit, as one below UDP's checksum would that makes a new one. A bit of a header may
 * be hit as well as one of the content. One packet in fifty, and chunks of a few packets: a chunk may be wrong four times before it fails.
 */
function fetchOver(seed: number, cacheBytes: number) {
  const bad: LinkShape = { delayMs: 2, bytesPerSecond: 2e6, corrupt: 0.02 };
  // In every other run the bad link is behind the cache, which must keep nothing that is wrong.
  const shapes = seed % 2 === 0 ? { sources: [bad], clients: [NEAR] } : { sources: [NEAR], clients: [bad] };
  const world = new FetchWorld({ seed, ...shapes, cacheBytes, fetchLimits: { giveUpMs: 30_000 } });
  expect(world.network.checksums).toBe(false);
  const published = Array.from({ length: CHUNKS }, () => world.publish(1 + world.network.rng.below(12_000)));
  const download = new Download(world, world.clients[0]!, world.sources, published, 3);
  world.network.runUntil(() => download.isOver, 120_000);
  world.network.runFor(100);
  const faults = world.network.nodes.flatMap(({ name, stack }) => imbalances(stack.counters()).map((fault) => `${name} ${fault}`));
  return { download, faults, counters: world.clients[0]!.node.stack.fetcher.counters };
}

describe('chunks over a link that flips bits and tells nobody', () => {
  it.each([0, 1_000_000])(`are right or missing, and nearly always right, with a cache of %i bytes (${SEEDS} seeds)`, (cacheBytes) => {
    let [wrongOnce, failed] = [0, 0];
    for (let seed = 0; seed < SEEDS; seed++) {
      const { download, faults, counters } = fetchOver(seed, cacheBytes);
      expect([download.wrong, download.done + download.failed], `seed ${seed}`).toEqual([0, CHUNKS]);
      expect(faults, `seed ${seed}`).toEqual([]);
      wrongOnce += counters.wrongContent;
      failed += download.failed;
    }
    // The hash caught them, and they were fetched again.
    expect(wrongOnce).toBeGreaterThan(SEEDS / 4);
    expect(failed / (SEEDS * CHUNKS)).toBeLessThan(0.01);
  });
});
