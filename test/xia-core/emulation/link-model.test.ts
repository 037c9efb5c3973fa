import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { flipBit, linkDropReasons, LinkModel, linkPresets, shapeFault, type LinkShape } from '../../../xia-core/src/emulation/index.js';

const model = (shape: LinkShape, seed = 1, beganMs = 0): LinkModel => new LinkModel(shape, new SeededRandom(seed), beganMs);

/** Arrival times of packets of 1000 bytes, one each ms; undefined where it is dropped. */
function arrivals(link: LinkModel, count: number, everyMs = 1): (number | undefined)[] {
  return Array.from({ length: count }, (_, index) => {
    const fate = link.pass(1000, index * everyMs);
    return fate.dropped === undefined ? fate.arrivesMs : undefined;
  });
}

const PACKETS = 20_000;

describe('a link', () => {
  it('delays, and takes time to send when it has a rate', () => {
    expect(arrivals(model({ delayMs: 5 }), 3)).toEqual([5, 6, 7]);
    expect(arrivals(model({ delayMs: 5, bytesPerSecond: 500_000 }), 3)).toEqual([7, 9, 11]);
  });

  it('drops what its queue has no room for, and tells how full it was', () => {
    const link = model({ delayMs: 0, bytesPerSecond: 100_000, queueBytes: 2500 });
    expect(arrivals(link, 4, 0)).toEqual([10, 20, undefined, undefined]);
    expect(link.queuedBytes(5)).toBe(1500);
    expect(link.queuedBytes(100)).toBe(0);
    expect([link.queueMaxBytes, link.counters.queueFull]).toEqual([2000, 2]);
    expect(model({ delayMs: 0, bytesPerSecond: 100_000, queueBytes: 500 }).pass(1000, 0).arrivesMs).toBe(10);
  });

  it('keeps the order of packets under jitter, unless told otherwise', () => {
    const inOrder = arrivals(model({ delayMs: 5, jitterMs: 20 }), 500) as number[];
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
    const mixed = arrivals(model({ delayMs: 5, jitterMs: 20, jitterReorders: true }), 500) as number[];
    expect(mixed).not.toEqual(mixed.toSorted((a, b) => a - b));
    for (const [index, at] of mixed.entries()) expect(at - index).toBeLessThan(25);
  });

  it.each([
    ['loss', { delayMs: 1, loss: 0.05 }, 'loss', 0.05],
    ['bursts', { delayMs: 1, burst: { enter: 0.01, leave: 0.25, loss: 0.8 } }, 'burst', (0.8 * 0.01) / 0.26],
    ['copies', { delayMs: 1, duplicate: 0.1 }, 'duplicated', 0.1],
    ['flipped bits', { delayMs: 1, corrupt: 0.15 }, 'corrupted', 0.15],
    ['packets held back', { delayMs: 1, reorder: { share: 0.1, delayMs: 5 } }, 'reordered', 0.1],
  ] as const)('has as many %s as it says', (_, shape, counter, share) => {
    const link = model(shape);
    arrivals(link, PACKETS);
    expect(link.counters[counter] / PACKETS).toBeGreaterThan(share * 0.85);
    expect(link.counters[counter] / PACKETS).toBeLessThan(share * 1.15);
  });

  it('loses packets of a burst together', () => {
    const times = arrivals(model({ delayMs: 1, burst: { enter: 0.005, leave: 0.2, loss: 1 } }), PACKETS);
    const lost = times.filter((at) => at === undefined).length;
    const bursts = times.filter((at, index) => at === undefined && times[index - 1] !== undefined).length;
    expect(lost / bursts).toBeGreaterThan(4);
    expect(lost / bursts).toBeLessThan(6);
  });

  it('lets packets pass those that are held back, which come within the time', () => {
    const times = arrivals(model({ delayMs: 1, reorder: { share: 0.1, delayMs: 5 } }), 1000) as number[];
    expect(times.some((at, index) => at < (times[index - 1] ?? 0))).toBe(true);
    for (const [index, at] of times.entries()) expect(at - index).toBeLessThanOrEqual(6);
  });

  it('flips a single bit', () => {
    const link = model({ delayMs: 1, corrupt: 1, duplicate: 1 });
    const packet = new Uint8Array(40);
    const fate = link.pass(packet.length, 0);
    expect(fate.copyArrivesMs).toBe(1);
    flipBit(packet, fate.flippedBit);
    expect(packet.reduce((bits, byte) => bits + byte.toString(2).replaceAll('0', '').length, 0)).toBe(1);
    flipBit(packet, -1);
    flipBit(packet, fate.flippedBit);
    expect(packet.every((byte) => byte === 0)).toBe(true);
  });

  it('swallows packets larger than its MTU, which may become smaller', () => {
    const link = model({ delayMs: 1, mtu: 1500, mtuDrop: { atMs: 100, mtu: 1280 } }, 1, 1000);
    expect(link.pass(1501, 1000).dropped).toBe('tooLarge');
    expect(link.pass(1500, 1099).dropped).toBeUndefined();
    expect(link.pass(1281, 1100).dropped).toBe('tooLarge');
    expect(link.pass(1280, 1100).dropped).toBeUndefined();
  });

  it('lets nothing pass in a blackout, once or again and again', () => {
    const dark = (shape: LinkShape): number[] => arrivals(model(shape), 50).flatMap((at, index) => (at === undefined ? [index] : []));
    expect(dark({ delayMs: 1, blackouts: [{ atMs: 10, forMs: 3 }] })).toEqual([10, 11, 12]);
    expect(dark({ delayMs: 1, blackouts: [{ atMs: 10, forMs: 2, everyMs: 30 }] })).toEqual([10, 11, 40, 41]);
  });

  it('has other properties when it gets another shape', () => {
    const link = model({ delayMs: 1 });
    link.reshape({ delayMs: 1, loss: 1 });
    expect(link.pass(100, 0).dropped).toBe('loss');
    expect(() => link.reshape({ delayMs: -1 })).toThrow(/a time is 0 or more/);
    expect(link.shape.loss).toBe(1);
  });

  it.each(Object.entries(linkPresets))('accounts for every packet and repeats itself from its seed: %s', (_, { there }) => {
    const one = model(there, 7);
    const times = arrivals(one, 2000, 0.2);
    const { counters } = one;
    expect(counters.packets).toBe(2000);
    expect(linkDropReasons.reduce((sum, reason) => sum + counters[reason], counters.arrived)).toBe(2000);
    expect(arrivals(model(there, 7), 2000, 0.2)).toEqual(times);
  });
});

describe('the shape of a link', () => {
  it.each([
    [{ delayMs: 1, loss: 1.1 }],
    [{ delayMs: -1 }],
    [{ delayMs: 1, bytesPerSecond: 0 }],
    [{ delayMs: Number.NaN }],
    [{ delayMs: 1, burst: { enter: 0.1, leave: 2, loss: 0 } }],
    [{ delayMs: 1, mtuDrop: { atMs: 1, mtu: 0 } }],
    [{ delayMs: 1, blackouts: [{ atMs: 1, forMs: 5, everyMs: 5 }] }],
  ])('is refused when it makes no sense: %j', (shape: LinkShape) => {
    expect(shapeFault(shape)).toBeDefined();
    expect(() => model(shape)).toThrow();
  });

  it('is right in every preset, both ways', () => {
    for (const { there, back } of Object.values(linkPresets)) expect([shapeFault(there), shapeFault(back)]).toEqual([undefined, undefined]);
  });
});
