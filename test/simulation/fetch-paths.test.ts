import { describe, expect, it } from 'vitest';
import { linkPresets, type CongestionName, type LinkPresetName, type LinkShape } from 'xia-core';
import { Download, FetchWorld, type FetchWorldOptions } from './fetch-world.js';

const NEAR: LinkShape = { delayMs: 0.1 };
/** Payload of a packet of 1472 bytes that carries a segment. */
const PAYLOAD_SHARE = 1244 / 1472;

/** Fetches some chunks to the first client, a few at a time, and returns how long it took, ms. */
function transferMs(options: FetchWorldOptions, chunkBytes: number, chunks: number, atOnce: number): number {
  const world = new FetchWorld(options);
  const published = Array.from({ length: chunks }, () => world.publish(chunkBytes));
  const download = new Download(world, world.clients[0]!, world.sources, published, atOnce);
  world.network.runUntil(() => download.isOver, 120_000);
  expect([download.done, download.failed, download.wrong], `seed ${options.seed}`).toEqual([chunks, 0, 0]);
  return download.endedAt;
}

/** Share of the rate of a link that a fetch of 12 MB gets, headers included, slow start included. */
function usedShare(preset: LinkPresetName, seed: number): number {
  const shape: LinkShape = linkPresets[preset].back;
  const ms = transferMs({ seed, sources: [NEAR], clients: [shape] }, 1 << 20, 12, 8);
  return (12 * 2 ** 20) / PAYLOAD_SHARE / ms / (shape.bytesPerSecond! / 1000);
}

describe('a long way', () => {
  it.each([
    ['loss1', 0.6],
    ['loss5', 0.4],
    ['burst', 0.5],
    ['reorder10', 0.5],
  ] as const)('is used where it loses and reorders (%s)', (preset, share) => {
    for (const seed of [1, 2]) expect(usedShare(preset, seed), `seed ${seed}`).toBeGreaterThan(share);
  });
});

describe('a cache before a link that loses', () => {
  /** 27 ms to the source, and 5 % lost both ways on the last hop. */
  const time = (seed: number, chunkBytes: number, cacheBytes: number): number => {
    const far: LinkShape = { delayMs: 12.5, bytesPerSecond: 125e6, queueBytes: 6e6 };
    const last: LinkShape = { delayMs: 1, bytesPerSecond: 125e6, queueBytes: 300_000, loss: 0.05 };
    return transferMs({ seed, sources: [far], clients: [last], cacheBytes }, chunkBytes, Math.ceil(12e6 / chunkBytes), 4);
  };

  it.each([64, 128, 256])('makes up for it, so that chunks of %i KiB come half as fast again at least', (kib) => {
    let [without, withCache] = [0, 0];
    for (const seed of [1, 2]) {
      without += time(seed, kib << 10, 0);
      withCache += time(seed, kib << 10, 64e6);
    }
    expect(without / withCache).toBeGreaterThan(1.5);
  });
});

describe('two who fetch over one bottleneck', () => {
  it.each(['bbr', 'cubic'] satisfies CongestionName[])('get half to twice what the other gets (%s)', (congestion) => {
    for (const seed of [1, 2, 3]) {
      // 100 Mbit/s and 20 ms at the source, with a queue of one bandwidth-delay product.
      const shared: LinkShape = { delayMs: 9, bytesPerSecond: 12.5e6, queueBytes: 250_000 };
      const edge: LinkShape = { delayMs: 1 };
      const world = new FetchWorld({ seed, sources: [shared], clients: [edge, edge], fetchLimits: { congestion } });
      const [one, two] = world.clients.map((client) => {
        const chunks = Array.from({ length: 70 }, () => world.publish(500_000));
        return new Download(world, client, world.sources, chunks, 4);
      });
      world.network.queue.at(4000, () => {});
      world.network.runUntil(() => world.network.now >= 4000, 10_000);
      const share = one!.bytes / two!.bytes;
      expect(share, `seed ${seed}`).toBeGreaterThan(0.5);
      expect(share, `seed ${seed}`).toBeLessThan(2);
      const used = (one!.bytes + two!.bytes) / PAYLOAD_SHARE / 4000 / 12_500;
      expect(used, `seed ${seed}`).toBeGreaterThan(0.7);
    }
  });
});
