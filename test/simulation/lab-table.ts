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

/** The results as a table of text, one line each. */
export function tableOf(results: readonly { readonly what: LabCase; readonly result: LabResult }[]): string {
  const rows = [HEAD, ...results.map(({ what, result }) => row(what, result))];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
