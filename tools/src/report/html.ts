import { chartSvg, type ChartData } from './chart.js';
import { escapeXml } from './escape.js';
import type { Report } from './report-data.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6b82; --paper: #fbfbfd; --line: #dfe4ee; --answer: #2563eb; --loss: #d92d20; --phase: #7c3aed; --ok: #12805c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --soft: #9aa7bd; --paper: #12161e; --line: #2a3342; --answer: #74a7ff; --loss: #ff7b6e; --phase: #c4a5ff; --ok: #5fd3a5; } }
body { margin: 2.5rem auto; max-width: 66rem; padding: 0 1.5rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; } p { color: var(--soft); margin: .25rem 0 1.5rem; }
figure { margin: 1.5rem 0; } svg { width: 100%; height: auto; display: block; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .25rem 1.5rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: normal; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 0 3rem; }
.ok { color: var(--ok); } .no { color: var(--loss); font-weight: 600; } small { color: var(--soft); }
svg text { font-family: system-ui, sans-serif; } .title { font-size: 13px; font-weight: 600; fill: var(--ink); } .tick { font-size: 11px; fill: var(--soft); }
.phase-label { font-size: 11px; fill: var(--phase); } .phase { stroke: var(--phase); stroke-width: 1; stroke-dasharray: 3 3; fill: none; opacity: .75; }
.grid { stroke: var(--line); stroke-width: 1; fill: none; } .axis { stroke: var(--soft); stroke-width: 1; fill: none; }
.answer { stroke: var(--answer); stroke-width: 3; stroke-linecap: round; fill: none; } .loss { stroke: var(--loss); stroke-width: 1.5; fill: none; } .gap { fill: var(--loss); opacity: .13; }
`;

function rows(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([name, value]) => `<tr><th>${escapeXml(name)}</th><td class="n">${escapeXml(value)}</td></tr>`).join('\n');
}

/** The rows of the table that the demo prints, and that its page shows. */
export function resultRows(report: Report): [string, string][] {
  const { xping, stream, oldDag } = report;
  const mbPerSecond = report.totalTimeMs > 0 ? report.bytes / 1000 / report.totalTimeMs : 0;
  const result: [string, string][] = [
    ['moved', `${(report.bytes / 1e6).toFixed(1)} MB in ${report.chunks} chunks`],
    ['total time', `${report.totalTimeMs.toFixed(0)} ms (${mbPerSecond.toFixed(0)} MB/s)`],
    ['downtime by xping', `${xping.downtimeMs} ± ${xping.deviationMs} ms`],
    ['downtime by QEMU', `${report.qemuDowntimeMs.toFixed(0)} ms`],
    ['xping', `${xping.sent} sent, ${xping.lost} lost`],
    ['xcal stream', `${stream.answers} answers, ${stream.wrong} wrong, ${stream.reconnects} reconnects`],
    ['old address afterwards', `${oldDag.answered} of ${oldDag.sent} answered`],
  ];
  if (report.dgram !== undefined) result.splice(6, 0, ['datagram echo', `${report.dgram.answered} of ${report.dgram.sent} answered`]);
  for (const [index, move] of (report.moves ?? []).entries()) {
    result.push([
      `move ${index + 1}, ${move.from} to ${move.to}`,
      `${move.totalTimeMs.toFixed(0)} ms, QEMU's downtime ${move.qemuDowntimeMs.toFixed(0)} ms`,
    ]);
  }
  return result;
}

/** The page of a run. Everything is in the file: it opens without a network. */
export function reportHtml(report: Report, chart: ChartData): string {
  const failed = report.checks.filter(({ ok }) => !ok).length;
  const checks = report.checks
    .map(
      ({ name, ok, detail }) =>
        `<tr><td class="${ok ? 'ok' : 'no'}">${ok ? '✓' : '✗'}</td><td>${escapeXml(name)}${detail === undefined ? '' : `<br><small>${escapeXml(detail)}</small>`}</td></tr>`,
    )
    .join('\n');
  const memory = Object.entries(report.peakRssMb).map(([name, mb]) => [name, `${mb.toFixed(1)} MB`] as const);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeXml(report.scenario)}: ${report.xping.downtimeMs} ms of downtime</title>
<style>${STYLE}</style>
</head>
<body>
<h1>A running VM moved: ${escapeXml(report.scenario)}</h1>
<p>${escapeXml(report.startedAt)} · ${failed === 0 ? 'every check holds' : `${failed} of ${report.checks.length} checks failed`}</p>
<figure>
${chartSvg(chart)}
</figure>
<div class="columns">
<section><h2>Result</h2><table>${rows(resultRows(report))}</table>
<h2>Largest memory of each process</h2><table>${rows(memory)}</table></section>
<section><h2>Checks</h2><table>${checks}</table>
<h2>Phases</h2><table>${rows(report.phases.map(({ name, atMs }) => [name, `${atMs.toFixed(0)} ms`]))}</table>
<h2>Versions</h2><table>${rows(Object.entries(report.versions))}</table></section>
</div>
</body>
</html>
`;
}
