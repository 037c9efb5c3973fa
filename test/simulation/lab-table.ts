import { labFlows, type LabCase } from './lab-case.js';
import type { LabResult } from './lab-run.js';

/** What a table tells of each run. */
const HEAD = ['preset', 'transport', 'controller', 'seed', 'time', 'MB/s', 'of link', 'resent', 'fairness', 'queue'];

/** Three digits that count, without an exponent. */
function digits(value: number): string {
  if (!Number.isFinite(value)) return 'never';
  return String(Number(value.toPrecision(3)));
}

function row({ preset, transport, controller, seed }: LabCase, result: LabResult): string[] {
  const { fault, virtualMs, goodputBytesPerSecond, share, resentShare, fairness, queueMaxBytes } = result;
  return [
    preset,
    transport,
    controller,
    String(seed),
    fault === undefined ? `${digits(virtualMs)} ms` : 'FAILED',
    digits(goodputBytesPerSecond / 1e6),
    `${digits(100 * share)} %`,
    `${digits(100 * resentShare)} %`,
    labFlows[transport].length > 1 ? digits(fairness) : '-',
    `${digits(queueMaxBytes / 1000)} kB`,
  ];
}

/** Datagrams are not repeated, and nothing controls their pace. */
const DGRAM_HEAD = ['preset', 'transport', 'seed', 'sent', 'arrived', 'late', 'twice', 'queue'];

function dgramRow({ preset, transport, seed }: LabCase, { fault, tally, queueMaxBytes }: LabResult): string[] {
  const { sent, arrived, late, twice } = tally!;
  const share = (count: number): string => `${digits((100 * count) / sent)} %`;
  const told = fault === undefined ? [share(arrived), share(late), share(twice)] : ['FAILED', '', ''];
  return [preset, transport, String(seed), String(sent), ...told, `${digits(queueMaxBytes / 1000)} kB`];
}

export interface LabRow {
  readonly what: LabCase;
  readonly result: LabResult;
}

/** The results as a table of text, one line each; datagrams have a table of their own. */
export function tableOf(results: readonly LabRow[]): string {
  const isDgram = ({ result }: LabRow): boolean => result.tally !== undefined;
  const streams = results.filter((entry) => !isDgram(entry)).map(({ what, result }) => row(what, result));
  const datagrams = results.filter(isDgram).map(({ what, result }) => dgramRow(what, result));
  const tables = [...(streams.length > 0 ? [[HEAD, ...streams]] : []), ...(datagrams.length > 0 ? [[DGRAM_HEAD, ...datagrams]] : [])];
  return tables.map((rows) => textOf(rows)).join('\n');
}

function textOf(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
