import type { CaseFigures, ModeMedians, ModeRatios } from './bench-figures.js';
import type { BenchCase, BenchFailure, BenchRun } from './bench-run.js';
import { caseGoals, type Goal } from './goals.js';
import { benchModes, type BenchMode } from './modes.js';
import { median, ratio } from './statistics.js';

const BYTES_PER_GB = 1e9;

export interface CaseResult extends CaseFigures {
  readonly goals: readonly Goal[];
}

export interface BenchResult {
  readonly cases: readonly CaseResult[];
  /** Why a mode has no figures. */
  readonly notMeasured: Readonly<Partial<Record<BenchMode, string>>>;
  readonly failures: readonly BenchFailure[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly runs: readonly BenchRun[];
}

const rounded = (value: number, decimals: number) => Math.round(value * 10 ** decimals) / 10 ** decimals;

function total(parts: Readonly<Record<string, number>>): number {
  return Object.values(parts).reduce((sum, part) => sum + part, 0);
}

function perGb(run: BenchRun, seconds: number): number {
  return run.streamBytes === 0 ? 0 : (seconds * BYTES_PER_GB) / run.streamBytes;
}

/** The median, or the largest, of what some of the runs have; an object with nothing in it when none has it. */
function optional<Key extends string>(
  key: Key,
  runs: readonly Partial<Record<Key, number>>[],
  choose: (values: readonly number[]) => number | undefined,
): Partial<Record<Key, number>> {
  const chosen = choose(
    runs.flatMap((run) => {
      const value = run[key];
      return value === undefined ? [] : [value];
    }),
  );
  return chosen === undefined ? {} : ({ [key]: chosen } as Partial<Record<Key, number>>);
}

const largest = (values: readonly number[]) => (values.length === 0 ? undefined : Math.max(...values));

/** The medians of the runs of one mode; undefined without a run. */
function modeMedians(runs: readonly BenchRun[]): ModeMedians | undefined {
  if (runs.length === 0) return undefined;
  const middle = (figure: (run: BenchRun) => number, decimals = 1) => rounded(median(runs.map(figure)) ?? 0, decimals);
  const parts = [...new Set(runs.flatMap(({ cpuSeconds }) => Object.keys(cpuSeconds)))];
  return {
    runs: runs.length,
    totalTimeMs: middle((run) => run.totalTimeMs),
    ...optional('fromRunMs', runs, median),
    qemuDowntimeMs: middle((run) => run.qemuDowntimeMs),
    pausedMs: middle((run) => run.pausedMs),
    streamBytes: middle((run) => run.streamBytes, 0),
    ...optional('sentBytes', runs, median),
    cpuSecondsPerGb: middle((run) => perGb(run, total(run.cpuSeconds)), 2),
    cpuParts: Object.fromEntries(parts.map((part) => [part, middle((run) => perGb(run, run.cpuSeconds[part] ?? 0), 2)])),
    ...optional('senderPeakRssMb', runs, largest),
    ...optional('receiverPeakRssMb', runs, largest),
    ...optional('xpingDowntimeMs', runs, median),
  };
}

/** The median of the quotients of the rounds in which both modes moved the guest. */
export function pairedRatio(ours: readonly BenchRun[], others: readonly BenchRun[]): number | undefined {
  const quotients = ours.flatMap((run) => {
    const other = others.find(({ round }) => round === run.round);
    const quotient = ratio(run.totalTimeMs, other?.totalTimeMs);
    return quotient === undefined ? [] : [quotient];
  });
  const middle = median(quotients);
  return middle === undefined ? undefined : rounded(middle, 3);
}

/** The figures of one case. */
export function caseResult(which: BenchCase, runs: readonly BenchRun[]): CaseResult {
  const own = runs.filter((run) => run.dirtyMbPerSecond === which.dirtyMbPerSecond && run.memory === which.memory);
  const of = (mode: BenchMode) => own.filter((run) => run.mode === mode);
  const modes: Partial<Record<BenchMode, ModeMedians>> = {};
  for (const mode of benchModes) {
    const medians = modeMedians(of(mode));
    if (medians !== undefined) modes[mode] = medians;
  }
  const { xia } = modes;
  const ratios: Partial<Record<BenchMode, ModeRatios>> = {};
  for (const mode of benchModes) {
    const other = modes[mode];
    if (mode === 'xia' || xia === undefined || other === undefined) continue;
    ratios[mode] = {
      totalTime: pairedRatio(of('xia'), of(mode)),
      qemuDowntime: ratio(xia.qemuDowntimeMs, other.qemuDowntimeMs),
      cpuPerGb: ratio(xia.cpuSecondsPerGb, other.cpuSecondsPerGb),
    };
  }
  const figures = { ...which, modes, ratios };
  return { ...figures, goals: caseGoals(figures) };
}

/** Whether `--check` holds: every goal of every case is reached, and nothing went wrong. */
export function isReached({ cases, failures }: BenchResult): boolean {
  return cases.length > 0 && failures.length === 0 && cases.every(({ goals }) => goals.every(({ ok }) => ok));
}
