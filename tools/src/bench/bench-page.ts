import { escapeXml } from '../report/index.js';
import type { BenchResult, CaseResult } from './bench-result.js';
import { caseRows, linksText, measuredText, oursText } from './bench-rows.js';
import { caseTitle } from './bench-run.js';
import { benchModes, modeTitles, type BenchMode } from './modes.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6b82; --paper: #fbfbfd; --line: #dfe4ee; --bar: #9db7e8; --ours: #2563eb; --no: #d92d20; --ok: #12805c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --soft: #9aa7bd; --paper: #12161e; --line: #2a3342; --bar: #3c5688; --ours: #74a7ff; --no: #ff7b6e; --ok: #5fd3a5; } }
body { margin: 2.5rem auto; max-width: 66rem; padding: 0 1.5rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2.5rem 0 .5rem; } p { color: var(--soft); margin: .25rem 0; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { text-align: right; padding: .25rem 0 .25rem 1.5rem; border-bottom: 1px solid var(--line); font-weight: normal; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; padding-left: 0; } th { color: var(--soft); } .ok { color: var(--ok); } .no { color: var(--no); font-weight: 600; }
svg { width: 100%; height: auto; display: block; margin: 1rem 0; } svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.bar { fill: var(--bar); } .ours { fill: var(--ours); } .run { stroke: var(--ink); stroke-width: 1.5; opacity: .55; } .figure { fill: var(--soft) !important; }
`;
const WIDTH = 1040;
const LEFT = 230;
const RIGHT = WIDTH - 90;
const ROW = 30;

/** One bar for the median of each mode, with a tick for every run. */
function benchBars(result: CaseResult, totals: Readonly<Partial<Record<BenchMode, readonly number[]>>>): string {
  const modes = benchModes.filter((mode) => result.modes[mode] !== undefined);
  const longest = Math.max(1, ...modes.flatMap((mode) => totals[mode] ?? []), ...modes.map((mode) => result.modes[mode]?.totalTimeMs ?? 0));
  const x = (ms: number) => LEFT + (ms / longest) * (RIGHT - LEFT);
  const rows = modes.map((mode, index) => {
    const top = index * ROW;
    const median = result.modes[mode]?.totalTimeMs ?? 0;
    const ticks = (totals[mode] ?? []).map((ms) => `M${x(ms).toFixed(1)} ${top + 5}v${ROW - 10}`).join('');
    const end = Math.max(x(median), ...(totals[mode] ?? []).map(x));
    return `<text x="${LEFT - 12}" y="${top + 20}" text-anchor="end">${escapeXml(modeTitles[mode])}</text>
<rect class="${mode === 'xia' ? 'ours' : 'bar'}" x="${LEFT}" y="${top + 5}" width="${(x(median) - LEFT).toFixed(1)}" height="${ROW - 10}" rx="2"/>
<path class="run" d="${ticks}"/><text class="figure" x="${(end + 8).toFixed(1)}" y="${top + 20}">${median.toFixed(0)} ms</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${modes.length * ROW}" role="img" aria-label="Total time of each mode: median and single runs">\n${rows.join('\n')}\n</svg>`;
}

function table(rows: readonly (readonly string[])[]): string {
  return `<table>${rows
    .map(
      (row, index) =>
        `<tr>${row.map((cell) => (index === 0 ? `<th>${escapeXml(cell)}</th>` : `<td>${escapeXml(cell)}</td>`)).join('')}</tr>`,
    )
    .join('\n')}</table>`;
}

function section(one: CaseResult, result: BenchResult): string {
  const totals: Partial<Record<BenchMode, number[]>> = {};
  for (const run of result.runs) {
    if (run.memory === one.memory && run.dirtyMbPerSecond === one.dirtyMbPerSecond) (totals[run.mode] ??= []).push(run.totalTimeMs);
  }
  const goals = one.goals.map(
    ({ name, ok, measured }) =>
      `<tr><td class="${ok ? 'ok' : 'no'}">${ok ? '✓' : '✗'} ${escapeXml(name)}</td><td>${escapeXml(measuredText(measured))}</td></tr>`,
  );
  return `<h2>${escapeXml(caseTitle(one))}</h2>
${benchBars(one, totals)}
${table(caseRows(one))}
${oursText(one)
  .map((line) => `<p>${escapeXml(line)}</p>`)
  .join('\n')}
<table>${goals.join('\n')}</table>`;
}

/** The page of a benchmark. Everything is in the file: it opens without a network. */
export function benchPage(result: BenchResult): string {
  const { rounds, memoryMb, workloadBytes, downtimeLimitMs, guest } = result.settings;
  const facts = [
    `${String(guest)} guest of ${String(memoryMb)} MB, ${Number(workloadBytes) / 1e6} MB of it random; ${String(rounds)} rounds; downtime-limit ${String(downtimeLimitMs)} ms; XIA over ${linksText(result)}`,
    Object.entries(result.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(' · '),
    ...Object.entries(result.notMeasured).map(([mode, reason]) => `${modeTitles[mode as BenchMode]}: not measured: ${reason}`),
    ...result.failures.map((one) => `${modeTitles[one.mode]}: failed, ${caseTitle(one)}: ${one.reason}`),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Moving one guest by each mode</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Moving one guest by each mode</h1>
${facts.map((fact) => `<p>${escapeXml(fact)}</p>`).join('\n')}
${result.cases.map((one) => section(one, result)).join('\n')}
</body>
</html>
`;
}
