import type { CaseFigures, ModeMedians } from './bench-figures.js';
import type { BenchResult } from './bench-result.js';
import { benchModes, modeTitles, type BenchMode } from './modes.js';

const NOTHING = '-';

function whole(value: number | undefined): string {
  return value === undefined ? NOTHING : value.toFixed(0);
}

function quotient(value: number | undefined): string {
  return value === undefined ? NOTHING : value.toFixed(2);
}

/** A column of a case's table: its heading, and its cell for one mode. */
interface Column {
  readonly heading: string;
  readonly cell: (medians: ModeMedians, mode: BenchMode, result: CaseFigures) => string;
}

const COLUMNS: readonly Column[] = [
  { heading: 'total ms', cell: ({ totalTimeMs }) => whole(totalTimeMs) },
  { heading: 'XIA takes', cell: (_, mode, { ratios }) => quotient(ratios[mode]?.totalTime) },
  { heading: 'downtime ms', cell: ({ qemuDowntimeMs }) => whole(qemuDowntimeMs) },
  { heading: 'paused ms', cell: ({ pausedMs }) => whole(pausedMs) },
  { heading: 'stream MB', cell: ({ streamBytes }) => whole(streamBytes / 1e6) },
  { heading: 'sent MB', cell: ({ sentBytes }) => (sentBytes === undefined ? NOTHING : whole(sentBytes / 1e6)) },
  { heading: 'CPU s/GB', cell: ({ cpuSecondsPerGb }) => quotient(cpuSecondsPerGb) },
  { heading: 'of QEMU', cell: ({ cpuParts }) => quotient(cpuParts['qemu']) },
  { heading: 'xping ms', cell: ({ xpingDowntimeMs }) => whole(xpingDowntimeMs) },
  { heading: 'runs', cell: ({ runs }) => String(runs) },
];

/** The table of one case, its headings first. A column in which nothing was measured is left out. */
export function caseRows(result: CaseFigures): string[][] {
  const modes = benchModes.flatMap((mode) => {
    const medians = result.modes[mode];
    return medians === undefined ? [] : [{ mode, medians }];
  });
  const columns = COLUMNS.map(({ heading, cell }) => [heading, ...modes.map(({ mode, medians }) => cell(medians, mode, result))]).filter(
    ([, ...cells]) => cells.some((cell) => cell !== NOTHING),
  );
  const names = ['', ...modes.map(({ mode }) => modeTitles[mode])];
  return names.map((name, row) => [name, ...columns.map((column) => column[row] ?? '')]);
}

/** What is said of XIA alone. */
export function oursText({ modes, ratios }: CaseFigures): string[] {
  const { xia } = modes;
  if (xia === undefined) return [];
  const { fromRunMs, senderPeakRssMb, receiverPeakRssMb, cpuSecondsPerGb, cpuParts } = xia;
  const parts = Object.entries(cpuParts).map(([name, seconds]) => `${name} ${seconds.toFixed(2)}`);
  const tls =
    modes.tls === undefined ? '' : `; TLS x509 ${modes.tls.cpuSecondsPerGb.toFixed(2)}, so ${quotient(ratios.tls?.cpuPerGb)} times as much`;
  return [
    `from the start of "xmigrate run": ${whole(fromRunMs)} ms; memory: sender ${whole(senderPeakRssMb)} MB, receiver ${whole(receiverPeakRssMb)} MB`,
    `CPU seconds per GB: ${cpuSecondsPerGb.toFixed(2)} (${parts.join(', ')})${tls}`,
  ];
}

/** A measured value beside its reach. */
export function measuredText(measured: number | undefined): string {
  if (measured === undefined) return 'not measured';
  return Number.isInteger(measured) ? String(measured) : measured.toFixed(measured < 10 ? 2 : 1);
}

/** What hosts and routers of XIA were linked by. */
export function linksText({ settings }: BenchResult): string {
  return settings['links'] === 'unix' ? 'UNIX sockets' : 'UDP';
}
