import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AckRanges, KEPT_ACK_RANGES, PacketNovelty } from '../../../xia-core/src/transport/ack-ranges.js';
import { AckSchedule } from '../../../xia-core/src/transport/ack-schedule.js';

describe('AckRanges', () => {
  it('agrees with a plain set, except for what it had to forget', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(600), { maxLength: 900 }), (numbers) => {
        const ranges = new AckRanges();
        const set = new Set<number>();
        for (const number of numbers) {
          const novelty = ranges.novelty(number);
          if (set.has(number)) expect(novelty).toBe(PacketNovelty.SEEN);
          if (novelty !== PacketNovelty.NEW) continue;
          const isNext = number === (set.size === 0 ? 0 : Math.max(...set) + 1);
          expect(ranges.add(number)).toBe(isNext);
          set.add(number);
        }
        let above = Infinity;
        for (let i = 0; i < ranges.count; i++) {
          expect(ranges.last(i)).toBeLessThan(above - 1);
          for (let n = ranges.first(i); n <= ranges.last(i); n++) expect(set.has(n)).toBe(true);
          above = ranges.first(i);
        }
        expect(ranges.count).toBeLessThanOrEqual(KEPT_ACK_RANGES);
        if (set.size > 0) expect(ranges.largest).toBe(Math.max(...set));
      }),
    );
  });

  it('forgets the oldest ranges, which then count as seen', () => {
    const ranges = new AckRanges();
    for (let i = 0; i < 2 * KEPT_ACK_RANGES; i++) ranges.add(2 * i);
    expect(ranges.count).toBe(KEPT_ACK_RANGES);
    expect(ranges.novelty(1)).toBe(PacketNovelty.SEEN);
    expect(ranges.novelty(4 * KEPT_ACK_RANGES - 3)).toBe(PacketNovelty.NEW);
  });

  it('does not believe a number that is far ahead', () => {
    const ranges = new AckRanges();
    ranges.add(0);
    expect(ranges.novelty(2 ** 40)).toBe(PacketNovelty.ABSURD);
  });
});

describe('AckSchedule', () => {
  const quick = { smoothedMs: 1, measured: true };

  it('waits for a second packet, or 25 ms', () => {
    const acks = new AckSchedule(25, quick);
    acks.arrived(true, true, true, 100);
    expect([acks.pending, acks.isDue(124), acks.isDue(125), acks.deadlineMs]).toEqual([true, false, true, 125]);
    acks.arrived(true, true, true, 110);
    expect([acks.isDue(110), acks.delayMs(113)]).toEqual([true, 3]);
    acks.sent(113);
    expect([acks.pending, acks.deadlineMs]).toEqual([false, Infinity]);
  });

  it('is due at once after a gap, and never for acknowledgements alone', () => {
    const acks = new AckSchedule(25, { smoothedMs: 100, measured: true });
    acks.arrived(false, false, true, 100);
    expect(acks.pending).toBe(false);
    acks.sent(100);
    acks.arrived(true, false, true, 101);
    expect(acks.isDue(101)).toBe(true);
  });

  it.each([
    ['8 times per round trip', 8, 1],
    ['at the latest after 2 ms', 100, 2],
  ])('takes packets that come close together as one: %s', (_, smoothedMs, intervalMs) => {
    const acks = new AckSchedule(25, { smoothedMs, measured: true });
    acks.sent(100);
    for (let i = 0; i < 50; i++) acks.arrived(true, true, true, 100.1);
    expect([acks.isDue(100.1), acks.deadlineMs]).toEqual([false, 100 + intervalMs]);
    expect(acks.isDue(100 + intervalMs)).toBe(true);
  });

  it('takes every second packet while the round trip is not known', () => {
    const acks = new AckSchedule(25, { smoothedMs: 100, measured: false });
    acks.sent(100);
    acks.arrived(true, true, true, 100.1);
    acks.arrived(true, true, true, 100.2);
    expect(acks.isDue(100.2)).toBe(true);
  });
});
