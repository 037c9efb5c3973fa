import { describe, expect, it } from 'vitest';
import { benchResult, benchTable, type BenchMode, type BenchRun } from '../../../tools/src/bench/bench-result.js';
import { median, ratio } from '../../../tools/src/bench/statistics.js';

const run = (mode: BenchMode, totalTimeMs: number, more: Partial<BenchRun> = {}): BenchRun => ({
  mode,
  from: 'HOST_A',
  to: 'HOST_B',
  totalTimeMs,
  downtimeMs: totalTimeMs / 10,
  bytes: 1e6,
  xpingDowntimeMs: 100,
  xpingLost: 10,
  ...more,
});
const runs = [
  ...[1000, 1200, 5000].map((ms) => run('tcp', ms)),
  ...[2000, 2100, 2200].map((ms) => run('execSocat', ms)),
  ...[4000, 4200, 4400].map((ms) => run('xia', ms, { senderPeakRssMb: ms / 40, receiverPeakRssMb: 90 })),
];

describe('benchResult', () => {
  it('has the medians and their ratios', () => {
    const result = benchResult(runs, {}, {});
    expect(result).toMatchObject({
      tcp: { totalTimeMs: 1200, downtimeMs: 120 },
      execSocat: { totalTimeMs: 2100 },
      xia: { totalTimeMs: 4200, xpingDowntimeMs: 100, senderPeakRssMb: 110, receiverPeakRssMb: 90 },
      ratios: { totalTimeToTcp: 3.5, totalTimeToExecSocat: 2 },
      goals: [{ ok: true }, { ok: true }, { ok: true }],
    });
    expect(result.runs).toHaveLength(9);
    expect(benchTable(result)).toContain('XIA takes 3.50 times as long as tcp:');
  });

  it('says which goal is missed', () => {
    const slow = [...runs.filter(({ mode }) => mode !== 'xia'), run('xia', 9000, { xpingDowntimeMs: 800, senderPeakRssMb: 250 })];
    expect(benchResult(slow, {}, {}).goals.map(({ ok }) => ok)).toEqual([false, false, false]);
    expect(benchResult([], {}, {}).goals.map(({ ok }) => ok)).toEqual([false, false, false]);
  });
});

describe('median and ratio', () => {
  it('of few values and of none', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeUndefined();
    expect(ratio(1, 3)).toBe(0.333);
    expect(ratio(1, 0)).toBeUndefined();
    expect(ratio(undefined, 1)).toBeUndefined();
  });
});
