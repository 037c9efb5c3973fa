import type { KillResult } from './kill-case.js';
import { moments, victims, ways } from './matrix.js';

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

function cell(result: KillResult | undefined): string {
  if (result === undefined) return '';
  const mended = result.advice.length > 0 ? '*' : '';
  return `${result.faults.length > 0 ? 'WRONG ' : ''}${result.end}${mended} ${seconds(result.tookMs)}`;
}

/** A row for each way, victim and outage, a column for each moment; Markdown. A star: by what `xmigrate status` said. */
export function matrixTable(results: readonly KillResult[]): string {
  const rows = ways.flatMap((way) =>
    victims.flatMap((victim) => {
      const own = results.filter((result) => result.way === way && result.victim === victim);
      const outages = [...new Set(own.map(({ outageMs }) => outageMs))].toSorted((a, b) => a - b);
      return outages.map((outageMs) => [
        `${way === 'run' ? '' : `${way}: `}${victim}${outageMs === Infinity ? '' : `, ${outageMs / 1000} s`}`,
        ...moments.map((moment) => cell(own.find((result) => result.moment === moment && result.outageMs === outageMs))),
      ]);
    }),
  );
  const lines = [['', ...moments], Array.from({ length: moments.length + 1 }, () => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
