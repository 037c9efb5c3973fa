import { describe, expect, it } from 'vitest';
import { bytesAt, recoveryOf, type Progress } from '../../../tools/src/bench-handover/throughput.js';

/** Samples every 20 ms of a flow whose rate, bytes per ms, depends on the time. */
function flow(untilMs: number, rateAt: (atMs: number) => number): Progress[] {
  const samples: Progress[] = [];
  let bytes = 0;
  for (let atMs = 0; atMs <= untilMs; atMs += 20) {
    samples.push({ atMs, bytes });
    bytes += 20 * rateAt(atMs);
  }
  return samples;
}

const question = { share: 0.9, windowMs: 100, startedAtMs: 2000, beforeMs: 1000, resumedAtMs: 3000 };

describe('bytesAt', () => {
  it('is in proportion between two samples', () => {
    const samples = [
      { atMs: 0, bytes: 0 },
      { atMs: 10, bytes: 100 },
      { atMs: 20, bytes: 100 },
    ];
    expect([-5, 0, 4, 10, 15, 30].map((atMs) => bytesAt(samples, atMs))).toEqual([0, 0, 40, 100, 100, 100]);
    expect(bytesAt([], 5)).toBe(0);
  });
});

describe('recoveryOf', () => {
  it('finds the first window that is fast again', () => {
    const samples = flow(6000, (atMs) => (atMs < 2900 || atMs >= 3240 ? 1000 : atMs < 3000 ? 0 : 500));
    expect(recoveryOf(samples, question)).toEqual({ before: 1e6, recoveredMs: 220, after: 1e6 });
  });

  it('does not count what came before the resume', () => {
    expect(
      recoveryOf(
        flow(6000, () => 1000),
        question,
      )?.recoveredMs,
    ).toBe(0);
  });

  it('says when it did not come back', () => {
    const samples = flow(6000, (atMs) => (atMs < 3000 ? 1000 : 800));
    expect(recoveryOf(samples, question)).toMatchObject({ recoveredMs: undefined, after: 8e5 });
  });

  it('knows nothing of a flow that was not watched long enough, or stood still', () => {
    expect(recoveryOf([], question)).toBeUndefined();
    expect(
      recoveryOf(
        flow(3050, () => 1000),
        question,
      ),
    ).toBeUndefined();
    expect(recoveryOf(flow(6000, () => 1000).slice(100), question)).toBeUndefined();
    expect(
      recoveryOf(
        flow(6000, (atMs) => (atMs < 3000 ? 0 : 1000)),
        question,
      ),
    ).toBeUndefined();
  });
});
