import { shapeText, type DirectionReport, type LinkShapes } from '../emulated-link/index.js';
import type { UdpLinkReport } from './udp-link.js';

export function linkLines({ there, back }: LinkShapes): string {
  const [ab, ba] = [shapeText(there), shapeText(back)];
  return ab === ba ? `${ab}\n` : `a to b: ${ab}\nb to a: ${ba}\n`;
}

function directionLine(name: string, report: DirectionReport): string {
  const drops = Object.entries(report.dropped).filter(([, count]) => count > 0);
  const dropped = drops.length === 0 ? 'none' : drops.map(([reason, count]) => `${reason} ${count}`).join(', ');
  const changed = (['duplicated', 'corrupted', 'reordered'] as const).filter((what) => report[what] > 0);
  return (
    `${name}: ${report.packets} packets, ${report.delivered} delivered, ${report.held} under way; dropped: ${dropped}; ` +
    changed.map((what) => `${what} ${report[what]}; `).join('') +
    `late by ${report.meanLateMs.toFixed(2)} ms on average, ${report.maxLateMs.toFixed(2)} ms at most; ` +
    `queue at most ${report.mostQueuedBytes} bytes, under way at most ${report.mostHeldBytes} bytes\n`
  );
}

/** What a link has done, for people. */
export function reportText(report: UdpLinkReport): string {
  const { isUp, seconds, aToB, bToA, strangers, missed, refused, cpuSeconds } = report;
  return (
    directionLine('a to b', aToB) +
    directionLine('b to a', bToA) +
    `${isUp ? 'up' : 'down'}; ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(2)} s of processor; ` +
    `missed ${missed}, refused ${refused}, of strangers ${strangers}\n`
  );
}
