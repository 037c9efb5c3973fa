import { describe, expect, it } from 'vitest';
import { benchPage } from '../../../tools/src/bench/bench-page.js';
import { caseResult, isReached, pairedRatio, type BenchResult } from '../../../tools/src/bench/bench-result.js';
import type { BenchRun } from '../../../tools/src/bench/bench-run.js';
import { benchTable } from '../../../tools/src/bench/bench-table.js';
import { rotated, type BenchMode } from '../../../tools/src/bench/modes.js';
import { median, ratio } from '../../../tools/src/bench/statistics.js';

const which = { dirtyMbPerSecond: 0, memory: 'as-started' } as const;
const run = (mode: BenchMode, round: number, totalTimeMs: number, more: Partial<BenchRun> = {}): BenchRun => ({
  ...which,
  mode,
  round,
  from: 'HOST_A',
  to: 'HOST_B',
  totalTimeMs,
  qemuDowntimeMs: totalTimeMs / 100,
  pausedMs: totalTimeMs / 50,
  streamBytes: 5e8,
  cpuSeconds: { qemu: 1 },
  ...more,
});
const series = (mode: BenchMode, times: readonly number[], more: Partial<BenchRun> = {}) =>
  times.map((ms, round) => run(mode, round, ms, more));
const ours = (times: readonly number[], more: Partial<BenchRun> = {}) =>
  series('xia', times, { senderPeakRssMb: 110, receiverPeakRssMb: 90, fromRunMs: 2000, cpuSeconds: { qemu: 1, sender: 0.5 }, ...more });
const others = [...series('tcp', [1000, 2000, 1000]), ...series('tls', [2000, 2000, 2100]), ...series('sshGcm', [3000, 3000, 3000])];
const result = (runs: readonly BenchRun[], more: Partial<BenchResult> = {}): BenchResult => ({
  cases: [caseResult(which, runs)],
  notMeasured: {},
  failures: [],
  settings: { memoryMb: 640, workloadBytes: 3e8, rounds: 3, downtimeLimitMs: 300, guest: 'plain', links: 'unix' },
  versions: { qemu: '7.2.22' },
  runs,
  ...more,
});

describe('caseResult', () => {
  it('has medians, and the median of the quotients of the rounds', () => {
    const { modes, ratios, goals } = caseResult(which, [...others, ...ours([1200, 1200, 1200])]);
    expect(modes.tcp).toEqual({
      runs: 3,
      totalTimeMs: 1000,
      qemuDowntimeMs: 10,
      pausedMs: 20,
      streamBytes: 5e8,
      cpuSecondsPerGb: 2,
      cpuParts: { qemu: 2 },
    });
    expect(modes.xia).toMatchObject({ fromRunMs: 2000, senderPeakRssMb: 110, cpuSecondsPerGb: 3, cpuParts: { qemu: 2, sender: 1 } });
    // 1.2, 0.6 and 1.2: not the quotient of the medians of a run that others disturbed.
    expect(ratios.tcp).toEqual({ totalTime: 1.2, qemuDowntime: 1.2, cpuPerGb: 1.5 });
    expect(ratios.sshGcm?.totalTime).toBe(0.4);
    expect(goals.filter(({ ok }) => !ok)).toEqual([]);
    expect(modes.socat).toBeUndefined();
  });

  it('leaves the runs of other cases alone', () => {
    const elsewhere = ours([9000], { memory: 'pre-faulted' });
    expect(caseResult(which, [...others, ...ours([1200]), ...elsewhere]).modes.xia?.runs).toBe(1);
    expect(caseResult({ ...which, dirtyMbPerSecond: 4 }, others).modes).toEqual({});
  });

  it('says which goal is missed, and counts one that was not measured as missed', () => {
    const slow = ours([9000, 9000, 9000], { senderPeakRssMb: 250, qemuDowntimeMs: 130 });
    expect(caseResult(which, [...others, ...slow]).goals.map(({ ok }) => ok)).toEqual([false, false, false, false, false, false, true]);
    const withoutTls = [...others.filter(({ mode }) => mode !== 'tls'), ...ours([1200, 1200, 1200])];
    expect(caseResult(which, withoutTls).goals.filter(({ ok }) => !ok)).toEqual([
      { name: 'total time at most 1 times TLS x509', measured: undefined, ok: false },
    ]);
    expect(caseResult(which, []).goals.every(({ ok }) => !ok)).toBe(true);
  });

  it('allows more beside a destination whose memory was touched', () => {
    const prefaulted = [...others, ...ours([2900, 2900, 2900])].map((one): BenchRun => ({ ...one, memory: 'pre-faulted' }));
    const { goals } = caseResult({ ...which, memory: 'pre-faulted' }, prefaulted);
    expect(goals.slice(0, 3).map(({ ok, measured }) => [ok, measured])).toEqual([
      [true, 2.9],
      [true, 1.45],
      [false, 0.967],
    ]);
  });
});

describe('isReached', () => {
  it('needs every goal, and no failure', () => {
    const good = result([...others, ...ours([1200, 1200, 1200])]);
    expect(isReached(good)).toBe(true);
    expect(isReached({ ...good, failures: [{ ...which, mode: 'ssh', round: 0, reason: 'no route' }] })).toBe(false);
    expect(isReached({ ...good, cases: [] })).toBe(false);
    expect(isReached(result(others))).toBe(false);
  });
});

describe('the report', () => {
  const shown = result([...others, ...ours([1200, 1250, 1300])], {
    notMeasured: { ssh: 'sshd is not installed' },
    failures: [{ ...which, mode: 'socat', round: 1, reason: '<broken> pipe' }],
  });

  it('is a table with what was not measured and why', () => {
    const text = benchTable(shown);
    expect(text).toContain('exec:ssh, its own cipher: not measured: sshd is not installed');
    expect(text).toContain('exec:socat: failed, idle guest, destination as started: <broken> pipe');
    expect(text).toMatch(/QEMU tcp: +1000 +1\.20/);
    expect(text).toContain('ok    total time at most 1.3 times tcp: 1.20');
    expect(text).not.toContain('xping');
    expect(text).toContain('XIA over UNIX sockets');
  });

  it('is a page with a bar for each mode', () => {
    const page = benchPage(shown);
    expect(page.match(/<rect /g)).toHaveLength(4);
    expect(page).toContain('not measured: sshd is not installed');
    expect(page).toContain('&lt;broken&gt; pipe');
    expect(page).toContain('XIA over UNIX sockets');
  });
});

describe('median, ratio and rotation', () => {
  it('of few values and of none', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeUndefined();
    expect(ratio(1, 3)).toBe(0.333);
    expect(ratio(1, 0)).toBeUndefined();
    expect(ratio(undefined, 1)).toBeUndefined();
    expect(pairedRatio([run('xia', 0, 10)], [run('tcp', 1, 5)])).toBeUndefined();
    expect(rotated([1, 2, 3], 4)).toEqual([2, 3, 1]);
    expect(rotated([], 4)).toEqual([]);
  });
});
