import { escapeXml } from './escape.js';
import { placeLabels } from './labels.js';
import type { EchoPoint, Phase } from './report-data.js';
import { decades, linearScale, logScale, ticks, type Scale } from './scale.js';

const WIDTH = 1040;
const LEFT = 64;
const RIGHT = WIDTH - 16;
const PLOT_HEIGHT = 190;
const LOST_BAND = 18;
const LABEL_ROW = 15;
const TITLE_HEIGHT = 26;
const AXIS_HEIGHT = 38;
/** The second panel shows this much before and after the longest gap. */
const ZOOM_MARGIN_MS = 400;

export interface ChartData {
  readonly echoes: readonly EchoPoint[];
  readonly phases: readonly Phase[];
  readonly intervalMs: number;
}

function text(x: number, y: number, content: string, className: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${className}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function formatTime(ms: number, stepMs: number): string {
  return stepMs >= 1000 ? `${ms / 1000} s` : `${Math.round(ms)} ms`;
}

/** The longest run of lost echoes, as a span of time; undefined when none was lost. */
export function longestGap(
  echoes: readonly EchoPoint[],
  intervalMs: number,
): { readonly fromMs: number; readonly toMs: number; readonly lost: number } | undefined {
  let best: { fromMs: number; toMs: number; lost: number } | undefined;
  let run: { fromMs: number; toMs: number; lost: number } | undefined;
  for (const { atMs, rttMs } of echoes) {
    if (rttMs !== undefined) {
      run = undefined;
      continue;
    }
    run = run === undefined ? { fromMs: atMs, toMs: atMs + intervalMs, lost: 1 } : { ...run, toMs: atMs + intervalMs, lost: run.lost + 1 };
    if (best === undefined || run.lost > best.lost) best = run;
  }
  return best;
}

/** One panel: dots for answers by their round trip, a band of ticks for losses, a line for each phase. */
function panel(data: ChartData, fromMs: number, toMs: number, top: number, title: string): { svg: string; height: number } {
  const echoes = data.echoes.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  const x = linearScale(fromMs, toMs, LEFT, RIGHT);
  const phases = data.phases.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).map(({ name, atMs }) => ({ text: name, x: x(atMs) }));
  const labels = placeLabels(phases, RIGHT);
  const rows = Math.max(1, ...labels.map(({ row }) => row + 1));
  const plotTop = top + TITLE_HEIGHT + rows * LABEL_ROW + 6;
  const plotBottom = plotTop + PLOT_HEIGHT;
  const rtts = echoes.flatMap(({ rttMs }) => (rttMs === undefined ? [] : [rttMs]));
  const largest = rtts.reduce((a, b) => Math.max(a, b), 1);
  const y = logScale(0.1, 10 ** Math.ceil(Math.log10(largest * 1.01)), plotBottom - 6, plotTop + 6);
  const bandTop = plotBottom + 4;
  const bottom = bandTop + LOST_BAND;
  const parts = [text(LEFT, top + 16, title, 'title'), ...axes(x, y, plotTop, plotBottom, bottom)];

  const gap = longestGap(echoes, data.intervalMs);
  if (gap !== undefined) {
    const width = Math.max(1.5, x(gap.toMs) - x(gap.fromMs));
    parts.push(
      `<rect class="gap" x="${x(gap.fromMs).toFixed(1)}" y="${plotTop}" width="${width.toFixed(1)}" height="${bottom - plotTop}"/>`,
    );
  }
  for (const { text: name, x: at, row, anchor } of labels) {
    const labelY = top + TITLE_HEIGHT + row * LABEL_ROW + 11;
    parts.push(
      `<path class="phase" d="M${at.toFixed(1)} ${labelY + 3}V${bottom}"/>`,
      text(at + (anchor === 'end' ? -3 : 3), labelY, name, 'phase-label', anchor),
    );
  }
  const dots = echoes.flatMap(({ atMs, rttMs }) => (rttMs === undefined ? [] : [`M${x(atMs).toFixed(1)} ${y(rttMs).toFixed(1)}h0`]));
  const losses = echoes.flatMap(({ atMs, rttMs }) => (rttMs === undefined ? [`M${x(atMs).toFixed(1)} ${bandTop}v${LOST_BAND}`] : []));
  parts.push(`<path class="answer" d="${dots.join('')}"/>`, `<path class="loss" d="${losses.join('')}"/>`);
  parts.push(text(LEFT - 8, bandTop + 13, 'lost', 'tick', 'end'));
  return { svg: parts.join('\n'), height: bottom + AXIS_HEIGHT - top };
}

function axes(x: Scale, y: Scale, plotTop: number, plotBottom: number, bottom: number): string[] {
  const parts: string[] = [];
  for (const value of decades(y.from, y.to)) {
    parts.push(
      `<path class="grid" d="M${LEFT} ${y(value).toFixed(1)}H${RIGHT}"/>`,
      text(LEFT - 8, y(value) + 4, value >= 1000 ? `${value / 1000} s` : `${value} ms`, 'tick', 'end'),
    );
  }
  const times = ticks(x.from, x.to, 10);
  const stepMs = (times[1] ?? 0) - (times[0] ?? 0);
  for (const value of times) {
    parts.push(
      `<path class="grid" d="M${x(value).toFixed(1)} ${plotTop}V${bottom}"/>`,
      text(x(value), bottom + 15, formatTime(value, stepMs), 'tick', 'middle'),
    );
  }
  parts.push(`<path class="axis" d="M${LEFT} ${plotTop}V${bottom}H${RIGHT}M${LEFT} ${plotBottom + 2}H${RIGHT}"/>`);
  return parts;
}

/** The picture of a run: all of it, and below that the longest gap enlarged. Colours come from the page's style sheet. */
export function chartSvg(data: ChartData): string {
  const times = data.echoes.map(({ atMs }) => atMs);
  const fromMs = times.reduce((a, b) => Math.min(a, b), 0);
  const toMs = Math.max(
    fromMs + 1,
    times.reduce((a, b) => Math.max(a, b), 0),
  );
  const whole = panel(data, fromMs, toMs, 0, 'Round trip of each xping answer; time counts from the start of the migration');
  const gap = longestGap(data.echoes, data.intervalMs);
  const zoom =
    gap === undefined
      ? undefined
      : panel(
          data,
          gap.fromMs - ZOOM_MARGIN_MS,
          gap.toMs + ZOOM_MARGIN_MS,
          whole.height,
          `The longest gap: ${gap.lost} lost in a row = ${gap.lost * data.intervalMs} ± ${data.intervalMs} ms`,
        );
  const height = whole.height + (zoom?.height ?? 0);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="xping answers over time with the phases of the migration">
${whole.svg}
${zoom?.svg ?? ''}
</svg>`;
}
