import { setTimeout as delay } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { moveVm } from '../demo/move-vm.js';
import { Client, pingResult, VM_NAME, type Lab, type PlacedVm } from '../lab/index.js';
import type { BenchRun } from './bench-run.js';
import { isXia, usesStandby, type BenchMode, type XiaMode } from './modes.js';
import { MoveWatch } from './move-watch.js';
import { plainMove, setTransport } from './plain-move.js';
import { childrenCounted, cpuBetween, cpuSum, readCpu, type CpuReading } from './process-cpu.js';
import { profiledXmigrate } from './profiles.js';
import type { Rivals } from './rivals.js';
import type { Standbys } from './standbys.js';

const OBSERVER = 'HOST_C';
const PING_INTERVAL_MS = 10;
const START_TIMEOUT_MS = 30_000;
const SETTLE_TIMEOUT_MS = 15_000;
const RESUME_TIMEOUT_MS = 60_000;
const CHILDREN_TIMEOUT_MS = 10_000;
const BEFORE_MS = 500;
const AFTER_MS = 2000;

export interface MeasuredMove {
  readonly lab: Lab;
  readonly rivals: Rivals;
  /** Of the modes that use them. */
  readonly standbys: Standbys | undefined;
  readonly mode: BenchMode;
  readonly vm: PlacedVm;
  readonly destination: PlacedVm;
  /** Tells the moves of a benchmark apart. */
  readonly number: number;
}

interface MeasureOptions {
  /** A secret of the VM's owner, by which memory that was moved before is known again. */
  readonly secretFile: string | undefined;
  readonly downtimeLimitMs: number;
  readonly profileFolder: string | undefined;
  readonly signal: AbortSignal;
}

type Figures = Omit<BenchRun, 'mode' | 'round' | 'from' | 'to' | 'dirtyMbPerSecond' | 'memory'>;
type Outcome = Pick<BenchRun, 'fromRunMs' | 'qemuDowntimeMs' | 'streamBytes' | 'sentBytes' | 'senderPeakRssMb' | 'receiverPeakRssMb'> & {
  /** Of programs that tell it themselves. */
  readonly programSeconds?: Readonly<Record<string, number>>;
};

/** Moves the guest once. @throws XiaError when it did not move */
export async function measureMove(move: MeasuredMove, options: MeasureOptions): Promise<Figures> {
  const { lab, mode, destination, number } = move;
  const { signal } = options;
  if (!lab.hasAgent) {
    await delay(BEFORE_MS, undefined, { signal });
    return measureTransfer(move, options);
  }
  const words = ['--interval-ms', String(PING_INTERVAL_MS), VM_NAME];
  await using ping = await Client.start(lab.testbed, OBSERVER, `xping-${number}-${mode}`, 'xping', words);
  await ping.waitFor('reply', { timeoutMs: START_TIMEOUT_MS, signal });
  await ping.waitUntilFast({ answers: 100, rttMs: 100, timeoutMs: SETTLE_TIMEOUT_MS, signal });
  await delay(BEFORE_MS, undefined, { signal });
  // Who moves a machine by other means than xmigrate has to say himself that it comes back to where it was given away.
  if (!isXia(mode)) await lab.testbed.control(destination.host, 'unfence', { hid: lab.vmHid.toString() });
  const figures = await measureTransfer(move, options);
  await delay(AFTER_MS, undefined, { signal });
  const { downtimeMs, lost } = pingResult(await ping.stop());
  return { ...figures, xpingDowntimeMs: downtimeMs, xpingLost: lost };
}

async function measureTransfer(move: MeasuredMove, options: MeasureOptions): Promise<Figures> {
  const { mode, vm, destination, rivals, standbys } = move;
  const [source, target] = [vm.qemu.qmp, destination.qemu.qmp];
  await setTransport(source, 'client', mode, rivals);
  await setTransport(target, 'server', mode, rivals);
  const watch = new MoveWatch(source, target);
  try {
    await standbys?.ready(options.signal);
    const before = await readProcesses(move);
    const { programSeconds, ...outcome } = isXia(mode) ? await xiaMove(mode, move, options) : await otherMove(mode, move, options);
    const { totalTimeMs, pausedMs } = await watch.times({ timeoutMs: RESUME_TIMEOUT_MS, signal: options.signal });
    const waitedFor = [vm.qemu.pid, destination.qemu.pid, ...(rivals.ssh === undefined ? [] : [rivals.ssh.pid])];
    if (!(await childrenCounted(waitedFor, CHILDREN_TIMEOUT_MS)))
      throw new XiaError('timeout', `${mode}: a helper of the move does not end`);
    // What a worker does behind a move is part of its price.
    await standbys?.ready(options.signal);
    const cpuSeconds = usedCpu(mode, before, await readProcesses(move), programSeconds);
    const round = (ms: number) => Math.round(ms * 10) / 10;
    return { ...outcome, totalTimeMs: round(totalTimeMs), pausedMs: round(pausedMs), cpuSeconds };
  } finally {
    watch.close();
  }
}

/** Every process that may take part, by what it is. */
async function readProcesses({ lab, mode, vm, destination, rivals, standbys }: MeasuredMove): Promise<Map<string, CpuReading>> {
  const readings = new Map([
    ['source', await readCpu(vm.qemu.pid)],
    ['destination', await readCpu(destination.qemu.pid)],
    ['sshd', await readCpu(rivals.ssh?.pid)],
  ]);
  for (const { name, kind, process } of lab.testbed.state.nodes) readings.set(`${kind}/${name}`, await readCpu(process?.pid));
  if (!usesStandby(mode) || standbys === undefined) return readings;
  return new Map([...readings, ...(await standbys.readCpu())]);
}

/** What the children of the two QEMUs are in a mode that has some. */
const CHILD_NAMES: Readonly<Partial<Record<BenchMode, readonly [string, string?]>>> = {
  socat: ['socat out', 'socat in'],
  ssh: ['ssh'],
  sshGcm: ['ssh'],
};

/** Processor seconds by part: both QEMUs, their children, and what else carried bytes in this mode. */
export function usedCpu(
  mode: BenchMode,
  before: ReadonlyMap<string, CpuReading>,
  after: ReadonlyMap<string, CpuReading>,
  programs: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const nothing: CpuReading = { own: 0, children: 0 };
  const used = (name: string) => cpuBetween(before.get(name) ?? nothing, after.get(name) ?? nothing);
  const parts: Record<string, number> = { qemu: used('source').own + used('destination').own, ...programs };
  const [out, into] = CHILD_NAMES[mode] ?? [];
  if (out !== undefined) parts[out] = used('source').children;
  if (into !== undefined) parts[into] = used('destination').children;
  if (mode === 'ssh' || mode === 'sshGcm') parts['sshd'] = cpuSum(used('sshd'));
  if (isXia(mode)) {
    for (const name of after.keys()) {
      const kind = /^(\w+)\//.exec(name)?.[1];
      const part = kind === 'standby' ? kind : kind === 'router' || kind === 'host' ? `${kind}s` : 'others';
      if (kind !== undefined) parts[part] = (parts[part] ?? 0) + cpuSum(used(name));
    }
    // Their workers tell what the two programs are of it.
    const { standby } = parts;
    // Ticks are coarser than what programs say.
    if (standby !== undefined) parts['standby'] = Math.max(0, standby - Object.values(programs).reduce((sum, seconds) => sum + seconds, 0));
  }
  return Object.fromEntries(Object.entries(parts).map(([name, seconds]) => [name, Math.round(seconds * 100) / 100]));
}

async function otherMove(mode: Exclude<BenchMode, XiaMode>, move: MeasuredMove, options: MeasureOptions): Promise<Outcome> {
  const { downtimeMs, transferredBytes } = await plainMove(mode, move.vm, move.destination, { rivals: move.rivals, ...options });
  return { qemuDowntimeMs: downtimeMs ?? 0, streamBytes: transferredBytes };
}

async function xiaMove(mode: XiaMode, { lab, vm, destination, number, standbys }: MeasuredMove, options: MeasureOptions): Promise<Outcome> {
  const { downtimeLimitMs, profileFolder, secretFile, signal } = options;
  const { result } = await moveVm({
    lab,
    vm,
    destination,
    downtimeLimitMs,
    // The other modes move it behind the back of the ownership files.
    name: `vm-${number}`,
    ...(mode === 'xiaAgain' && secretFile !== undefined ? { secretFile } : {}),
    ...(usesStandby(mode) && standbys !== undefined ? { standby: (host: string) => standbys.socket(host) } : {}),
    ...(profileFolder === undefined ? {} : { xmigrate: profiledXmigrate(profileFolder) }),
    signal,
    onProgress: () => {},
  });
  if (result.outcome !== 'moved') throw new XiaError('testbed-failed', `the VM did not move: ${result.outcome}, ${result.reason}`);
  const resumed = result.phases.find(({ name }) => name === 'resumed')?.atMs;
  const { source, destination: target } = result.peakRssMb;
  return {
    ...(resumed === undefined ? {} : { fromRunMs: resumed }),
    qemuDowntimeMs: result.qemuDowntimeMs ?? 0,
    streamBytes: result.bytes,
    ...(result.servedBytes === undefined ? {} : { sentBytes: result.servedBytes }),
    ...(source === undefined ? {} : { senderPeakRssMb: source }),
    ...(target === undefined ? {} : { receiverPeakRssMb: target }),
    programSeconds: { sender: result.cpuSeconds.source ?? 0, receiver: result.cpuSeconds.destination ?? 0 },
  };
}
