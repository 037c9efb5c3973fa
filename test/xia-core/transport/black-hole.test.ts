import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { xipHeaderBytes } from '../../../xia-core/src/wire/xip.js';
import { Host, Network, pattern, sid, type LinkOptions } from './network.js';
import { Pump } from './pump.js';

/** What the links carry, in bytes of XIP packets, in each direction; nobody tells the hosts. */
interface Holes {
  readonly up: number;
  readonly down: number;
  readonly fromMs: number;
  readonly upBytes: number;
  readonly downBytes: number;
  readonly faceMtu: number;
}

const FACE_MTU = 1472;

function transfer(seed: number, link: LinkOptions, holes: Holes) {
  const network = new Network(seed, link);
  const found: number[] = [];
  const options = { mtu: () => holes.faceMtu, onPathMtu: (_: unknown, mtuBytes: number) => void found.push(mtuBytes) };
  const client = new Host(network, 'a', seed * 2 + 1, options);
  const server = new Host(network, 'b', seed * 2 + 2, options);
  let swallowed = 0;
  network.filter = ({ bytes, source, destination, from }) => {
    const size = bytes.length + xipHeaderBytes(destination, source);
    if (network.now < holes.fromMs || size <= (from === client ? holes.up : holes.down)) return false;
    swallowed++;
    return true;
  };
  const up = pattern(holes.upBytes, seed);
  const down = pattern(holes.downBytes, seed + 1);
  const a = new Pump(network, client, up, 8192);
  const b = new Pump(network, server, down, 8192);
  server.endpoint.listen(sid('1'));
  client.endpoint.connect(server.dag(sid('1')), sid('2'), 0);
  const done = network.run(600_000, () => a.closed !== undefined && b.closed !== undefined);
  const whole = Buffer.compare(b.bytes, up) === 0 && Buffer.compare(a.bytes, down) === 0;
  return { done, whole, codes: [a.closed?.code, b.closed?.code], tookMs: network.now, stats: a.connection.stats, found, swallowed };
}

const one: Holes = { up: 1252, down: 1252, fromMs: 0, upBytes: 300_000, downBytes: 0, faceMtu: FACE_MTU };
const clean: LinkOptions = { delayMs: 10, rate: 5000, queueBytes: 200_000 };

describe('a link that drops large packets without a word', () => {
  it('holds a stream up for a few round trips, and the size that passes is found to within a usual one', () => {
    const { done, whole, stats, tookMs, found } = transfer(1, clean, { ...one, fromMs: 100, upBytes: 3_000_000 });
    expect({ done, whole }).toEqual({ done: true, whole: true });
    expect(stats.blackHoles).toBe(1);
    expect(stats.mtuBytes).toBeGreaterThan(1200);
    expect(stats.mtuBytes).toBeLessThanOrEqual(1252);
    expect(found).toEqual([stats.mtuBytes]);
    expect(tookMs).toBeLessThan(2500);
  });

  it('is found out by a connection whose first packets meet it, also behind a jumbo face', () => {
    for (const faceMtu of [1472, 8972, 65_507]) {
      const { done, whole, stats } = transfer(2, clean, { ...one, faceMtu, upBytes: 2_000_000 });
      expect({ faceMtu, done, whole }).toEqual({ faceMtu, done: true, whole: true });
      expect(stats.mtuBytes).toBeGreaterThan(1200);
      expect(stats.mtuBytes).toBeLessThanOrEqual(1252);
      expect(stats.mtuProbes).toBeLessThan(60);
    }
  });

  it('may carry less than the base', () => {
    const { done, whole, stats } = transfer(3, clean, { ...one, up: 700 });
    expect({ done, whole }).toEqual({ done: true, whole: true });
    expect(stats.blackHoles).toBe(2);
    expect(stats.mtuBytes).toBeGreaterThanOrEqual(576);
    expect(stats.mtuBytes).toBeLessThanOrEqual(700);
  });

  it('concerns its own direction only', () => {
    const { done, whole, stats } = transfer(4, clean, { ...one, up: Infinity, downBytes: 300_000 });
    expect({ done, whole }).toEqual({ done: true, whole: true });
    expect(stats.mtuBytes).toBe(FACE_MTU);
    expect(stats.blackHoles).toBe(0);
  });

  it('is told from loss: at 5 % the size stays, or comes back', () => {
    let low = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { done, whole, stats } = transfer(seed, { ...clean, loss: 0.05 }, { ...one, up: Infinity, down: Infinity, upBytes: 150_000 });
      expect({ seed, done, whole }).toEqual({ seed, done: true, whole: true });
      if (stats.mtuBytes < FACE_MTU) low++;
    }
    expect(low).toBeLessThanOrEqual(1);
  });

  it('is told from an outage: after it the size is what it was', () => {
    for (let seed = 0; seed < 20; seed++) {
      const outage = { fromMs: 60 + seed, untilMs: 1560 + seed };
      const { done, stats } = transfer(seed, { ...clean, outage }, { ...one, up: Infinity, down: Infinity, upBytes: 1_500_000 });
      expect({ seed, done, mtuBytes: stats.mtuBytes }).toEqual({ seed, done: true, mtuBytes: FACE_MTU });
    }
  });

  for (let block = 0; block < 4; block++) {
    it(`costs no byte whatever else the link does, seeds ${block * 60} to ${block * 60 + 59}`, () => {
      for (let seed = block * 60; seed < block * 60 + 60; seed++) {
        const rng = new SeededRandom(seed);
        const link: LinkOptions = {
          delayMs: 0.5 + rng.unit() * 60,
          jitterMs: rng.below(2) === 0 ? 0 : rng.unit() * 20,
          loss: rng.below(2) === 0 ? 0 : rng.unit() * 0.08,
          duplication: rng.below(3) === 0 ? 0.05 : 0,
          ...(rng.below(2) === 0 ? { rate: 200 + rng.below(4000), queueBytes: 50_000 + rng.below(200_000) } : {}),
        };
        const holes: Holes = {
          faceMtu: [1472, 1472, 8972, 65_507][rng.below(4)]!,
          up: 600 + rng.below(1000),
          down: rng.below(2) === 0 ? Infinity : 600 + rng.below(1000),
          fromMs: rng.below(2) === 0 ? 0 : rng.below(400),
          upBytes: rng.below(200_000),
          downBytes: rng.below(200_000),
        };
        const { done, whole, codes, tookMs } = transfer(seed, link, holes);
        expect({ seed, link, holes, done, whole, codes }).toEqual({ seed, link, holes, done: true, whole: true, codes: [0, 0] });
        expect(tookMs, `seed ${seed}`).toBeLessThan(30_000);
      }
    });
  }
});
