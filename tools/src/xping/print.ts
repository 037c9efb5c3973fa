import type { PingSummary } from './statistics.js';

/** Milliseconds as people read them: three significant digits below 10, one decimal above. */
export function formatMs(ms: number): string {
  if (ms < 10) return ms.toFixed(3);
  return ms.toFixed(ms < 1000 ? 1 : 0);
}

function percent(value: number): string {
  return `${Number.isInteger(value) ? value : value.toFixed(1)}%`;
}

/** The closing lines. */
export function summaryText(host: string, summary: PingSummary): string {
  const lines = [
    '',
    `----${host} PING Statistics----`,
    `${summary.sent} packets transmitted, ${summary.received} packets received, ${percent(summary.lossPercent)} packet loss` +
      (summary.pending > 0 ? `, ${summary.pending} under way` : '') +
      (summary.duplicates > 0 ? `, ${summary.duplicates} duplicates` : '') +
      (summary.late > 0 ? `, ${summary.late} late` : '') +
      (summary.errors > 0 ? `, ${summary.errors} errors` : ''),
  ];
  if (summary.rttMs !== undefined) {
    const { min, avg, max } = summary.rttMs;
    lines.push(`round-trip (ms)  min/avg/max = ${formatMs(min)}/${formatMs(avg)}/${formatMs(max)}`);
  }
  if (summary.longestLossRun > 0) {
    lines.push(
      `downtime: ${summary.longestLossRun} lost in a row from icmp_seq=${summary.longestLossFrom} = ${summary.downtimeMs} ± ${summary.deviationMs} ms`,
    );
  }
  return `${lines.join('\n')}\n`;
}
