import { describe, expect, it } from 'vitest';
import { chartSvg, longestGap } from '../../../tools/src/report/chart.js';
import { reportHtml } from '../../../tools/src/report/html.js';
import { placeLabels } from '../../../tools/src/report/labels.js';
import type { EchoPoint, Report } from '../../../tools/src/report/report-data.js';
import { decades, linearScale, logScale, ticks } from '../../../tools/src/report/scale.js';

const echoes: EchoPoint[] = Array.from({ length: 600 }, (_, index) => ({
  atMs: index * 10 - 1000,
  rttMs: index >= 300 && index < 325 ? undefined : 0.8 + (index % 7) * 0.1,
}));
const phases = [
  { name: 'migrate', atMs: 0 },
  { name: 'VM stopped', atMs: 1980 },
  { name: 'VM resumed on HOST_B', atMs: 2100 },
  { name: 'bound to AD2', atMs: 2230 },
];

const report: Report = {
  scenario: 'inter-ad <test>',
  startedAt: '2024-01-01T00:00:00Z',
  bytes: 403e6,
  chunks: 385,
  totalTimeMs: 3000,
  qemuDowntimeMs: 120,
  xping: { intervalMs: 10, sent: 600, lost: 25, downtimeMs: 250, deviationMs: 10 },
  stream: { answers: 200, wrong: 0, reconnects: 0 },
  oldDag: { sent: 10, answered: 10 },
  phases,
  peakRssMb: { R1: 80 },
  checks: [
    { name: 'runs on HOST_B', ok: true },
    { name: 'no stale entry', ok: false, detail: 'HID:1 & "2"' },
  ],
  versions: { node: 'v20' },
};

describe('longestGap', () => {
  it('is the longest run of losses', () => {
    expect(longestGap(echoes, 10)).toEqual({ fromMs: 2000, toMs: 2250, lost: 25 });
    expect(longestGap([{ atMs: 0, rttMs: 1 }], 10)).toBeUndefined();
  });
});

describe('chartSvg', () => {
  it('draws every answer, every loss, and the enlarged gap', () => {
    const svg = chartSvg({ echoes, phases, intervalMs: 10 });
    expect(svg.match(/h0/g)?.length).toBeGreaterThanOrEqual(575);
    expect(svg.match(/v18/g)?.length).toBe(50);
    expect(svg).toContain('25 lost in a row = 250 ± 10 ms');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  it('draws a run without losses, and one without answers', () => {
    expect(chartSvg({ echoes: [{ atMs: 0, rttMs: 1 }], phases: [], intervalMs: 10 })).not.toMatch(/NaN|Infinity/);
    expect(chartSvg({ echoes: [], phases: [], intervalMs: 10 })).not.toMatch(/NaN|Infinity/);
    expect(chartSvg({ echoes: [{ atMs: 0, rttMs: undefined }], phases: [], intervalMs: 10 })).not.toMatch(/NaN|Infinity/);
  });
});

describe('reportHtml', () => {
  it('is one file without outside references, text escaped', () => {
    const html = reportHtml(report, { echoes, phases, intervalMs: 10 });
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|href=|@import|url\(/);
    expect(html).toContain('inter-ad &lt;test&gt;');
    expect(html).toContain('HID:1 &amp; &quot;2&quot;');
    expect(html).toContain('1 of 2 checks failed');
  });
});

describe('scales', () => {
  it('map ranges to pixels and clamp the logarithm', () => {
    expect(linearScale(0, 10, 100, 200)(5)).toBe(150);
    expect(logScale(0.1, 10, 0, 100)(1)).toBeCloseTo(50);
    expect(logScale(0.1, 10, 0, 100)(0)).toBe(0);
    expect(ticks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(ticks(-3, 11, 7)).toEqual([-2, 0, 2, 4, 6, 8, 10]);
    expect(decades(0.1, 100)).toEqual([0.1, 1, 10, 100]);
  });
});

describe('placeLabels', () => {
  it('never lets two labels of a row touch, and keeps them in the picture', () => {
    const placed = placeLabels(
      Array.from({ length: 12 }, (_, index) => ({ text: 'a longer label', x: index * 30 })),
      400,
    );
    for (const a of placed) {
      for (const b of placed) {
        if (a === b || a.row !== b.row || a.anchor !== b.anchor) continue;
        expect(Math.abs(a.x - b.x)).toBeGreaterThan('a longer label'.length * 6);
      }
    }
    expect(placed.at(-1)?.anchor).toBe('end');
  });
});
