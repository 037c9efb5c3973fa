import { median, ratio } from './statistics.js';

export const benchModes = ['tcp', 'execSocat', 'xia'] as const;
export type BenchMode = (typeof benchModes)[number];

/** One move. Times in ms, sizes in bytes and MB of 10^6 bytes. */
export interface BenchRun {
  readonly mode: BenchMode;
  readonly from: string;
  readonly to: string;
  /** From QEMU's `migrate` command until the guest runs at the destination. */
  readonly totalTimeMs: number;
  /** As the source's QEMU measured it. */
  readonly downtimeMs: number;
  readonly bytes: number;
  readonly xpingDowntimeMs: number;
  readonly xpingLost: number;
  readonly senderPeakRssMb?: number;
  readonly receiverPeakRssMb?: number;
}

export interface ModeMedians {
  readonly totalTimeMs: number;
  readonly downtimeMs: number;
  readonly xpingDowntimeMs: number;
  readonly runs: number;
}

export interface BenchResult {
  readonly tcp: ModeMedians;
  readonly execSocat: ModeMedians;
  readonly xia: ModeMedians & { readonly senderPeakRssMb: number; readonly receiverPeakRssMb: number };
  /** Medians of XIA over those of the others. */
  readonly ratios: {
    readonly totalTimeToTcp: number | undefined;
    readonly totalTimeToExecSocat: number | undefined;
    readonly downtimeToTcp: number | undefined;
    readonly downtimeToExecSocat: number | undefined;
  };
  readonly goals: readonly { readonly name: string; readonly ok: boolean }[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly runs: readonly BenchRun[];
}

const MAXIMUM_RATIO = 3;
const MAXIMUM_DOWNTIME_MS = 500;
const MAXIMUM_RSS_MB = 200;

function medians(runs: readonly BenchRun[]): ModeMedians {
  return {
    totalTimeMs: median(runs.map(({ totalTimeMs }) => totalTimeMs)) ?? 0,
    downtimeMs: median(runs.map(({ downtimeMs }) => downtimeMs)) ?? 0,
    xpingDowntimeMs: median(runs.map(({ xpingDowntimeMs }) => xpingDowntimeMs)) ?? 0,
    runs: runs.length,
  };
}

function largest(values: readonly (number | undefined)[]): number {
  return Math.max(0, ...values.map((value) => value ?? 0));
}

/** The whole result: medians of each mode, ratios, and whether the goals are reached. */
export function benchResult(
  runs: readonly BenchRun[],
  settings: Readonly<Record<string, unknown>>,
  versions: Readonly<Record<string, string>>,
): BenchResult {
  const of = (mode: BenchMode) => runs.filter((run) => run.mode === mode);
  const [tcp, execSocat, xia] = [medians(of('tcp')), medians(of('execSocat')), medians(of('xia'))];
  const senderPeakRssMb = largest(of('xia').map((run) => run.senderPeakRssMb));
  const receiverPeakRssMb = largest(of('xia').map((run) => run.receiverPeakRssMb));
  const toSocat = ratio(xia.totalTimeMs, execSocat.totalTimeMs);
  return {
    tcp,
    execSocat,
    xia: { ...xia, senderPeakRssMb, receiverPeakRssMb },
    ratios: {
      totalTimeToTcp: ratio(xia.totalTimeMs, tcp.totalTimeMs),
      totalTimeToExecSocat: toSocat,
      downtimeToTcp: ratio(xia.downtimeMs, tcp.downtimeMs),
      downtimeToExecSocat: ratio(xia.downtimeMs, execSocat.downtimeMs),
    },
    goals: [
      { name: `total time at most ${MAXIMUM_RATIO} times exec:socat`, ok: toSocat !== undefined && toSocat <= MAXIMUM_RATIO },
      { name: `downtime by xping under ${MAXIMUM_DOWNTIME_MS} ms`, ok: xia.runs > 0 && xia.xpingDowntimeMs < MAXIMUM_DOWNTIME_MS },
      {
        name: `sender and receiver under ${MAXIMUM_RSS_MB} MB each`,
        ok: xia.runs > 0 && Math.max(senderPeakRssMb, receiverPeakRssMb) < MAXIMUM_RSS_MB,
      },
    ],
    settings,
    versions,
    runs,
  };
}

/** The result as a table for people. */
export function benchTable(result: BenchResult): string {
  const ms = (value: number) => value.toFixed(0);
  const rows = [
    ['', 'total ms', "QEMU's downtime ms", "xping's downtime ms", 'runs'],
    ...benchModes.map((mode) => {
      const { totalTimeMs, downtimeMs, xpingDowntimeMs, runs } = result[mode];
      return [
        { tcp: 'QEMU tcp:', execSocat: 'exec:socat', xia: 'XIA' }[mode],
        ms(totalTimeMs),
        ms(downtimeMs),
        ms(xpingDowntimeMs),
        String(runs),
      ];
    }),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const table = rows
    .map(
      (row) =>
        `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('   ')}`,
    )
    .join('\n');
  const { totalTimeToTcp, totalTimeToExecSocat, downtimeToTcp, downtimeToExecSocat } = result.ratios;
  const text = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(2));
  return `
Medians
${table}

XIA takes ${text(totalTimeToTcp)} times as long as tcp:, ${text(totalTimeToExecSocat)} times as long as exec:socat; downtime ${text(downtimeToTcp)} and ${text(downtimeToExecSocat)} times.
Largest memory: sender ${result.xia.senderPeakRssMb.toFixed(0)} MB, receiver ${result.xia.receiverPeakRssMb.toFixed(0)} MB.

${result.goals.map(({ name, ok }) => `  ${ok ? 'ok  ' : 'MISS'}  ${name}`).join('\n')}
`;
}
