import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { ad, Host, Network, pattern, sid, type LinkOptions } from './network.js';
import { Pump } from './pump.js';

function randomLink(rng: SeededRandom): LinkOptions {
  const bad = rng.below(4);
  return {
    delayMs: 0.1 + rng.unit() * 40,
    jitterMs: rng.below(2) === 0 ? 0 : rng.unit() * 30,
    loss: bad === 0 ? 0 : rng.unit() * 0.15,
    duplication: rng.below(3) === 0 ? 0.1 : 0,
    mtu: [576, 1400, 9000, 60_000][rng.below(4)]!,
    ...(rng.below(3) === 0 ? { rate: 50 + rng.below(2000), queueBytes: 20_000 + rng.below(200_000) } : {}),
    ...(rng.below(3) === 0 ? { outage: { fromMs: rng.below(300), untilMs: 2000 + rng.below(300) } } : {}),
  };
}

describe('two endpoints over a bad link', () => {
  for (let block = 0; block < 6; block++) {
    it(`carry every byte both ways and close in order, seeds ${block * 50} to ${block * 50 + 49}`, () => {
      for (let seed = block * 50; seed < block * 50 + 50; seed++) {
        const rng = new SeededRandom(seed);
        const network = new Network(seed, randomLink(rng));
        const limits = { receiveWindowBytes: 4096 + rng.below(200_000), sendBufferBytes: 4096 + rng.below(200_000) };
        const client = new Host(network, 'a', seed * 2 + 1, { limits });
        const server = new Host(network, 'b', seed * 2 + 2, { limits });
        const up = pattern(rng.below(120_000), seed);
        const down = pattern(rng.below(60_000), seed + 1);
        const a = new Pump(network, client, up, 1 + rng.below(20_000));
        const b = new Pump(network, server, down, 1 + rng.below(20_000));
        server.endpoint.listen(sid('1'));
        client.endpoint.connect(server.dag(sid('1')), sid('2'), 0);
        const done = network.run(120_000, () => a.closed !== undefined && b.closed !== undefined);
        expect(done, `seed ${seed} ${JSON.stringify(network.link)}`).toBe(true);
        expect([a.closed!.code, b.closed!.code], `seed ${seed}`).toEqual([0, 0]);
        expect(Buffer.compare(b.bytes, up), `seed ${seed} up`).toBe(0);
        expect(Buffer.compare(a.bytes, down), `seed ${seed} down`).toBe(0);
        expect([a.ended, b.ended]).toEqual([true, true]);
        expect([client.endpoint.size, server.endpoint.size]).toEqual([0, 0]);
        network.run(20_000);
        expect([client.endpoint.lingering, server.endpoint.lingering]).toEqual([0, 0]);
      }
    });
  }
});

describe('a host that moves', () => {
  it('goes on within milliseconds after an outage of 1.5 s, from a new address, while bytes flow both ways', () => {
    for (let seed = 0; seed < 40; seed++) {
      const rng = new SeededRandom(seed);
      const network = new Network(seed, {
        delayMs: 1 + rng.unit() * 10,
        loss: rng.unit() * 0.03,
        mtu: 9000,
        rate: 5000,
        queueBytes: 200_000,
      });
      const client = new Host(network, 'a', seed + 1);
      const server = new Host(network, 'b', seed + 2);
      const bothMove = seed % 2 === 1;
      const up = pattern(2_000_000, seed);
      const down = pattern(1_000_000, seed + 1);
      const a = new Pump(network, client, up, 50_000);
      const b = new Pump(network, server, down, 50_000);
      server.endpoint.listen(sid('1'));
      client.endpoint.connect(server.dag(sid('1')), sid('2'), 0);
      network.run(100);
      const before = b.bytes.length;
      expect(before, `seed ${seed}`).toBeGreaterThan(0);
      const moving = bothMove ? [client, server] : [client];
      for (const host of moving) host.paused = true;
      const backMs = 1600;
      network.run(backMs - network.now);
      for (const host of moving) {
        host.paused = false;
        host.ad = ad(host === client ? 'c' : 'd');
        host.patchedAtMs = bothMove ? backMs + 50 : Infinity; // with one mover, the new address is the only way
        host.endpoint.addressChanged(network.now);
      }
      const grew = network.run(1000, () => b.bytes.length > before + 50_000);
      expect(grew, `seed ${seed}`).toBe(true);
      expect(network.now - backMs, `seed ${seed}`).toBeLessThan(bothMove ? 650 : 250);
      expect(
        network.run(60_000, () => a.closed !== undefined && b.closed !== undefined),
        `seed ${seed}`,
      ).toBe(true);
      expect(Buffer.compare(b.bytes, up)).toBe(0);
      expect(Buffer.compare(a.bytes, down)).toBe(0);
      expect(server.kinds()).toContain('peer-moved');
      expect(client.kinds().includes('peer-moved')).toBe(bothMove);
    }
  });
});
