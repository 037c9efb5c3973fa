import type { BenchResult } from './bench-result.js';
import { caseRows, linksText, measuredText, oursText } from './bench-rows.js';
import { caseTitle } from './bench-run.js';
import { modeTitles, type BenchMode } from './modes.js';

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const pad = (cell: string, column: number) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0));
  return rows.map((row) => `  ${row.map(pad).join('   ')}`).join('\n');
}

/** The result as tables for people: medians of each case, then its reaches. */
export function benchTable(result: BenchResult): string {
  const sections = result.cases.map((one) => {
    const goals = one.goals.map(({ name, ok, measured }) => `  ${ok ? 'ok  ' : 'MISS'}  ${name}: ${measuredText(measured)}`);
    const lines = [aligned(caseRows(one)), '', ...oursText(one).map((line) => `  ${line}`), '', ...goals];
    return `Medians, ${caseTitle(one)}\n${lines.join('\n')}\n`;
  });
  const missing = Object.entries(result.notMeasured).map(([mode, reason]) => `${modeTitles[mode as BenchMode]}: not measured: ${reason}\n`);
  const failures = result.failures.map((one) => `${modeTitles[one.mode]}: failed, ${caseTitle(one)}: ${one.reason}\n`);
  const links = `XIA over ${linksText(result)}\n`;
  return `\n${[...sections, ...missing, ...failures, links].join('\n')}`;
}
