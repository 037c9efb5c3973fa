import { expect, it } from 'vitest';
import { expectMove } from '../../../migrate/src/pace/index.js';

const input = { memoryBytes: 1e9, bytesPerSecond: 1e8, dirtyBytesPerSecond: 0, downtimeLimitMs: 300 };

it('expects of an idle guest one pass, and a stop of a moment', () => {
  expect(expectMove(input)).toEqual({ converges: true, totalMs: 10_000, passes: 1, stoppedMs: 0 });
});

it('expects of a busy one ever shorter passes', () => {
  const half = expectMove({ ...input, dirtyBytesPerSecond: 5e7 });
  expect(half.converges).toBe(true);
  // 10 s, 5 s, 2.5 s ... until 0.3 s are left: somewhat less than 20 s.
  expect(half.totalMs).toBeGreaterThan(18_000);
  expect(half.totalMs).toBeLessThan(20_100);
  expect(half.passes).toBeGreaterThan(4);
  expect(half.stoppedMs).toBeLessThanOrEqual(300);
});

it('expects no end where as much changes as is carried', () => {
  expect(expectMove({ ...input, dirtyBytesPerSecond: 1e8 }).converges).toBe(false);
  expect(expectMove({ ...input, dirtyBytesPerSecond: 5e8 }).converges).toBe(false);
});

it('expects of a small guest nothing but the stop', () => {
  expect(expectMove({ ...input, memoryBytes: 1e7, dirtyBytesPerSecond: 5e8 })).toMatchObject({
    converges: true,
    passes: 0,
    stoppedMs: 100,
  });
});
