import { expect, it } from 'vitest';
import { dropsBetween } from '../../../tools/src/bench-handover/path-drops.js';

it('tells what was dropped between two readings, by node and reason', () => {
  const before = new Map([
    ['R1 no-route', 3],
    ['R1 hop-limit', 1],
  ]);
  const after = new Map([...before, ['R1 no-route', 41] as const, ['HOST_B hold-expired', 2] as const]);
  expect(dropsBetween(before, after)).toEqual([
    ['R1 no-route', 38],
    ['HOST_B hold-expired', 2],
  ]);
});
