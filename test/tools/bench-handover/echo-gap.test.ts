import { describe, expect, it } from 'vitest';
import { gapMs, longestGap } from '../../../tools/src/bench-handover/echo-gap.js';

const steady = (fromMs: number, toMs: number) => Array.from({ length: toMs - fromMs + 1 }, (_, index) => fromMs + index);

describe('longestGap', () => {
  it('is the silence of the move, whichever order answers are told in', () => {
    const arrivals = [...steady(300, 400), ...steady(0, 100)];
    expect(longestGap(arrivals, 50, 350)).toEqual({ fromMs: 100, toMs: 300 });
    expect(gapMs({ fromMs: 100, toMs: 300 }, 1)).toBe(199);
  });

  it('sees a silence whole that reaches over an end, and none that is outside', () => {
    const arrivals = [...steady(0, 10), ...steady(500, 600), ...steady(630, 700)];
    expect(longestGap(arrivals, 200, 550)).toEqual({ fromMs: 10, toMs: 500 });
    expect(longestGap(arrivals, 550, 650)).toEqual({ fromMs: 600, toMs: 630 });
  });

  it('does not know how long a silence is that has no end', () => {
    expect(longestGap(steady(0, 100), 50, 150)).toBeUndefined();
    expect(longestGap(steady(100, 200), 50, 150)).toBeUndefined();
    expect(longestGap([], 0, 1)).toBeUndefined();
  });

  it('is nothing when answers come closer together than echoes leave', () => {
    expect(gapMs({ fromMs: 10, toMs: 10.4 }, 1)).toBe(0);
  });
});
