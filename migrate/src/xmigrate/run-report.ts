import { findingText, type Finding } from '../checks/index.js';
import { copiedBytes } from '../disk/index.js';
import type { Estimate } from '../pace/index.js';
import type { Inspection, MoveResult, MoveStep, UpdateTime } from '../run/index.js';
import { megabytes } from './byte-size.js';
import { diskPlanWords, diskResultWords } from './disk-words.js';

const seconds = (ms: number) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;

/** When it will be over, in a few words. */
export function estimateText(estimate: Estimate): string {
  switch (estimate.kind) {
    case 'unknown':
      return '';
    case 'converging':
      return `about ${seconds(estimate.remainingMs)} left`;
    case 'not-converging':
      return 'does not converge';
    case 'stalled':
      return `stalled for ${seconds(estimate.forMs)}`;
  }
}

export function stepText(step: MoveStep): string {
  switch (step.kind) {
    case 'throttle':
      return `the guest changes its memory faster than it is carried: its processors are slowed down by up to ${step.percent} %`;
    case 'downtime':
      return `the guest changes its memory faster than it is carried: it may stand still for ${step.limitMs} ms`;
    case 'give-up':
      return `given up: ${step.reason}`;
  }
}

/** What was found, faults before warnings, a line each. */
export function findingLines(vm: string, findings: readonly Finding[]): string[] {
  const order = findings.toSorted((a, b) => (a.level === b.level ? 0 : a.level === 'fault' ? -1 : 1));
  return order.map((finding) => `${finding.level === 'fault' ? 'FAULT  ' : 'warning'} ${vm}: ${findingText(finding)}`);
}

const DISK_STEPS = {
  nbd: 'the disks are copied, and kept in step until the guest stops',
  block: 'the disks go along with the memory',
} as const;

/** A mirror is in step before the memory goes. */
function diskTimeWords({ disks, path }: Inspection): string {
  const rate = path?.bytesPerSecond;
  if (disks?.method !== 'nbd' || rate === undefined) return '';
  const bytes = disks.pairs.reduce((sum, pair) => sum + copiedBytes(pair), 0);
  return `; the disks before that ${seconds((1000 * bytes) / rate)} or longer`;
}

export interface PlanSettings {
  readonly downtimeMs: number;
  readonly adapts: boolean;
  readonly prefaults: boolean;
}

/** The plan of one move for people. */
export function planText(inspection: Inspection, settings: PlanSettings): string {
  const { vm, source, destination, path, dirtyBytesPerSecond, disks, expected } = inspection;
  const lines = [`plan for ${vm}`];
  if (source !== undefined && destination !== undefined) {
    const version = (facts: typeof source) => Object.values(facts.version).join('.');
    const processors = `${source.processors} processor${source.processors === 1 ? '' : 's'} (${source.cpuModel.replace(/-x86_64-cpu$/, '')})`;
    const machine = source.machine.replace(/-machine$/, '');
    lines.push(`  machine   ${megabytes(source.memoryBytes)} MB, ${processors}, ${machine}, ${source.accelerator}, ${source.status}`);
    lines.push(`  QEMU      ${version(source)} to ${version(destination)}`);
  }
  const diskWords = disks === undefined ? '' : diskPlanWords(disks);
  if (diskWords !== '') lines.push(`  disks     ${diskWords}`);
  if (path !== undefined) {
    const clocks = path.clockDifferenceMs === undefined ? 'clocks unknown' : `clocks ${Math.abs(path.clockDifferenceMs)} ms apart`;
    const rate = path.bytesPerSecond === undefined ? '' : `, ${megabytes(path.bytesPerSecond)} MB/s measured`;
    lines.push(`  way       round trip ${path.roundTripMs.toFixed(1)} ms, packets of ${path.packetBytes} bytes, ${clocks}${rate}`);
  }
  if (dirtyBytesPerSecond !== undefined) lines.push(`  guest     changes about ${megabytes(dirtyBytesPerSecond)} MB/s of its memory`);
  if (expected !== undefined) {
    const passes = `${expected.passes} ${expected.passes === 1 ? 'pass' : 'passes'}, then the guest stands still for about ${expected.stoppedMs} ms`;
    const time = expected.converges ? `at most ${seconds(expected.totalMs)}: ${passes}` : 'does not end by itself: the guest is too busy';
    lines.push(`  time      ${time}${diskTimeWords(inspection)}`);
  }
  const busy = settings.adapts ? ', a guest that is too busy is slowed down' : '';
  const steps = [
    ...(settings.prefaults ? ["the destination's memory is touched"] : []),
    ...(disks !== undefined && disks.method !== 'none' ? [DISK_STEPS[disks.method]] : []),
    'the hosts are told that the VM is coming',
    '"xmigrate recv" starts at the destination and listens',
    `QEMU sends the memory until the rest takes ${settings.downtimeMs} ms${busy}`,
    'the guest stops, the rest follows, the source gives the VM up in writing: the commit',
    'the guest goes on at the destination, and the source has a copy that must not run',
  ];
  lines.push(...steps.map((step, index) => `  ${index === 0 ? 'steps' : '     '}     ${index + 1}. ${step}`));
  return lines.join('\n');
}

/** How one move ended, in a sentence. */
export function resultText(result: MoveResult): string {
  if (result.outcome !== 'moved') {
    return `${result.vm} ${result.outcome === 'stayed' ? 'stays at the source' : 'is in doubt'}: ${result.reason}`;
  }
  const { bytes, chunks, totalTimeMs, pausedMs, qemuDowntimeMs, update } = result;
  const times = `${(totalTimeMs / 1000).toFixed(2)} s, stopped for ${pausedMs ?? '?'} ms (QEMU says ${qemuDowntimeMs ?? '?'} ms)`;
  const known = update === undefined ? '' : `, ${updateText(update)}`;
  const what = `${megabytes(bytes)} MB in ${chunks} chunks${diskResultWords(result.disks)}`;
  return `${result.vm} has moved: ${what} in ${times}${known}${result.reason === '' ? '' : `; ${result.reason}`}`;
}

function updateText({ totalMs, marks }: UpdateTime): string {
  if (totalMs !== undefined) return `known at its new place after ${totalMs} ms`;
  const missing = marks.filter(({ afterMs }) => afterMs === undefined).map(({ where }) => where);
  return `its new place not known yet by ${missing.join(', ')}`;
}

/** One row of the table of a group. */
export interface GroupRow {
  readonly vm: string;
  /** `moved`, `stays`, `in doubt`, `refused`, `failed`, `not begun`. */
  readonly state: string;
  readonly reason: string;
  readonly result: MoveResult | undefined;
}

/** What became of each VM of a group, with total time, downtime and update time where it moved. */
export function groupTable(rows: readonly GroupRow[]): string {
  const ms = (value: number | undefined) => (value === undefined ? '-' : `${Math.round(value)} ms`);
  const cells = rows.map(({ vm, state, reason, result }) => {
    const moved = result?.outcome === 'moved' ? result : undefined;
    const total = moved === undefined ? '-' : `${(moved.totalTimeMs / 1000).toFixed(2)} s`;
    return [vm, state, total, ms(moved?.pausedMs), ms(moved?.update?.totalMs), reason.split('\n')[0] ?? ''];
  });
  const table = [['VM', 'end', 'total time', 'downtime', 'update time', 'why'], ...cells];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
