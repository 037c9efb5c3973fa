import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { ChunkNetwork, type Impairments } from './chunk-network.js';

/** Fetches chunks of random content one after the other, and says how long each took. */
function fetchAll(net: ChunkNetwork, lengths: readonly number[], limitMs = 60_000): number[] {
  return lengths.map((length) => {
    const id = net.events.length;
    const { dag, bytes } = net.publish(length);
    const beganMs = net.now;
    net.fetcher.fetch(dag, net.now, { id });
    net.run(limitMs);
    const event = net.events.find((one) => one.id === id);
    expect(event?.kind, `chunk ${id} ${JSON.stringify(net.impairments)}`).toBe('done');
    if (event?.kind === 'done') expect(Buffer.compare(event.bytes, bytes)).toBe(0);
    return net.now - beganMs;
  });
}

const path: Impairments = { delayMs: 10, mtu: 1472, bytesPerMs: 5000, queueBytes: 200_000 };

describe('segments that are too large for the path', () => {
  it('are noticed in the middle of a transfer, and smaller ranges asked for', () => {
    const net = new ChunkNetwork(1, { ...path, hole: { mtu: 1252, fromMs: 100 } });
    const times = fetchAll(
      net,
      Array.from({ length: 24 }, () => 200_000),
    );
    expect(Math.max(...times)).toBeLessThan(500);
    // A test goes beside a chunk or two, so it takes some until the size is known. Found out: from then on a chunk costs what it did before, but for a request for each segment.
    expect(times.at(-1)).toBeLessThan(3 * times[0]!);
    expect(net.fetcher.counters.blackHoles).toBe(1);
    const before = net.swallowed;
    fetchAll(net, [500_000]);
    expect(net.swallowed - before).toBeLessThanOrEqual(1);
  });

  it('do not keep the first chunk from coming, whatever the responder believes', () => {
    for (const mtu of [1472, 8972, 65_507]) {
      for (const passes of [700, 1252, 1400]) {
        const net = new ChunkNetwork(mtu + passes, { ...path, mtu, hole: { mtu: passes, fromMs: 0 } });
        const times = fetchAll(net, [100_000, 100_000, 100_000]);
        expect(Math.max(...times), `${mtu} ${passes}`).toBeLessThan(passes < 1200 ? 12_000 : 5000);
      }
    }
  });

  it('are asked for again soon where they pass again', () => {
    for (const mtu of [700, 1300]) {
      const net = new ChunkNetwork(mtu, {
        delayMs: 1,
        mtu: 60_000,
        bytesPerMs: 200_000,
        queueBytes: 4_000_000,
        hole: { mtu, fromMs: 0, untilMs: 3000 },
      });
      for (; net.now < 6000; net.now += 200) fetchAll(net, [100_000, 300_000]);
      const before = net.fetcher.counters.requests;
      fetchAll(net, [960_000]);
      expect(net.fetcher.counters.blackHoles).toBeGreaterThan(0);
      expect(net.fetcher.counters.requests - before, `${mtu}`).toBeLessThan(40);
    }
  });

  it('are told from loss and from an outage: afterwards whole ranges are asked for', () => {
    for (let seed = 0; seed < 40; seed++) {
      const net = new ChunkNetwork(seed, { ...path, loss: 0.05 });
      fetchAll(net, [300_000]);
      net.cut = true;
      net.at(net.now + 1500, () => (net.cut = false));
      fetchAll(net, [300_000, 300_000]);
      const before = net.fetcher.counters.requests;
      net.impairments = path;
      const { dag } = net.publish(300_000);
      net.fetcher.fetch(dag, net.now, { id: 99 });
      net.run();
      expect(net.fetcher.counters.requests - before, `seed ${seed}`).toBeLessThan(120);
    }
  });

  for (let block = 0; block < 4; block++) {
    it(`cost no byte whatever else the path does, seeds ${block * 60} to ${block * 60 + 59}`, () => {
      for (let seed = block * 60; seed < block * 60 + 60; seed++) {
        const rng = new SeededRandom(seed);
        const net = new ChunkNetwork(seed, {
          delayMs: 0.5 + rng.unit() * 60,
          jitterMs: rng.below(2) === 0 ? 0 : rng.unit() * 10,
          loss: rng.below(2) === 0 ? 0 : rng.unit() * 0.08,
          duplication: rng.below(3) === 0 ? 0.05 : 0,
          mtu: [1472, 1472, 8972, 65_507][rng.below(4)]!,
          bytesPerMs: 500 + rng.below(5000),
          queueBytes: 100_000 + rng.below(200_000),
          hole: { mtu: 600 + rng.below(1000), fromMs: rng.below(2) === 0 ? 0 : rng.below(300) },
        });
        const times = fetchAll(net, [rng.below(100_000), rng.below(100_000), rng.below(3000)], 30_000);
        expect(times, `seed ${seed}`).toHaveLength(3);
      }
    });
  }
});
