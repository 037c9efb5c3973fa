import { release } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { Disposals } from '../common/disposals.js';
import { moveVm } from '../demo/move-vm.js';
import { Client, Lab, pingResult, prepareGuest, VM_NAME, type PlacedVm } from '../lab/index.js';
import { loadTopology } from '../xtestbed/index.js';
import { benchModes, benchResult, type BenchMode, type BenchResult, type BenchRun } from './bench-result.js';
import { plainMove } from './plain-move.js';

export interface BenchOptions {
  readonly runDir: string;
  /** Moves by each mode. */
  readonly rounds: number;
  readonly workloadBytes: number;
  readonly dirtyBytesPerSecond: number;
  readonly downtimeLimitMs: number;
  readonly preallocate: boolean;
  readonly onNote: (text: string) => void;
  readonly signal: AbortSignal;
}

const SITES = ['HOST_A', 'HOST_B'] as const;
const OBSERVER = 'HOST_C';
const PING_INTERVAL_MS = 10;
const START_TIMEOUT_MS = 30_000;
const SETTLE_TIMEOUT_MS = 15_000;
const BEFORE_MS = 500;
const AFTER_MS = 2000;

/** Moves one guest back and forth by each mode in turn, the same machine, topology, limits and watcher for all. */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const { runDir, signal, onNote } = options;
  await using stack = new Disposals();
  const guest = await prepareGuest(runDir, { signal });
  const topology = await loadTopology('inter-ad');
  // A benchmark moves more often than an honest VM does.
  const lab = stack.use(await Lab.start({ ...options, topology: { ...topology, moves: { limit: 1000, windowMs: 180_000 } }, guest }));
  let vm = await lab.boot(SITES[0]);
  onNote(`guest booted (${guest.accelerator.accelerator}); ${options.rounds} rounds of ${benchModes.join(', ')}`);
  const runs: BenchRun[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const mode of benchModes) {
      const destination = await lab.destination(vm.host === SITES[0] ? SITES[1] : SITES[0]);
      const run = await measure(lab, mode, vm, destination, runs.length, options);
      runs.push(run);
      onNote(
        `${mode}: ${run.from} to ${run.to} in ${run.totalTimeMs.toFixed(0)} ms, downtime ${run.downtimeMs.toFixed(0)} ms, by xping ${run.xpingDowntimeMs} ms`,
      );
      await lab.remove(vm);
      vm = destination;
    }
  }
  const { major, minor, micro } = vm.qemu.qmp.version;
  const { rounds, workloadBytes, dirtyBytesPerSecond, downtimeLimitMs, preallocate } = options;
  const versions = {
    node: process.version,
    qemu: `${major}.${minor}.${micro}`,
    accelerator: guest.accelerator.accelerator,
    guestKernel: guest.kernelRelease,
    hostKernel: release(),
  };
  return benchResult(
    runs,
    { rounds, workloadBytes, dirtyBytesPerSecond, downtimeLimitMs, preallocate, xpingIntervalMs: PING_INTERVAL_MS },
    versions,
  );
}

async function measure(
  lab: Lab,
  mode: BenchMode,
  vm: PlacedVm,
  destination: PlacedVm,
  number: number,
  { downtimeLimitMs, signal }: BenchOptions,
): Promise<BenchRun> {
  await using ping = await Client.start(lab.testbed, OBSERVER, `xping-${number}-${mode}`, 'xping', [
    '--interval-ms',
    String(PING_INTERVAL_MS),
    VM_NAME,
  ]);
  await ping.waitFor('reply', { timeoutMs: START_TIMEOUT_MS, signal });
  await ping.waitUntilFast({ answers: 100, rttMs: 100, timeoutMs: SETTLE_TIMEOUT_MS, signal });
  await delay(BEFORE_MS, undefined, { signal });
  // Who moves a machine by other means than xmigrate has to say himself that it comes back to where it was given away.
  if (mode !== 'xia') await lab.testbed.control(destination.host, 'unfence', { hid: lab.vmHid.toString() });
  const moved =
    mode === 'xia'
      ? await xiaMove(lab, vm, destination, { downtimeLimitMs, signal })
      : await plainMove(mode, vm, destination, { downtimeLimitMs, signal });
  await delay(AFTER_MS, undefined, { signal });
  const watched = pingResult(await ping.stop());
  return {
    mode,
    from: vm.host,
    to: destination.host,
    ...moved,
    totalTimeMs: Math.round(moved.totalTimeMs * 10) / 10,
    xpingDowntimeMs: watched.downtimeMs,
    xpingLost: watched.lost,
  };
}

async function xiaMove(
  lab: Lab,
  vm: PlacedVm,
  destination: PlacedVm,
  { downtimeLimitMs, signal }: { downtimeLimitMs: number; signal: AbortSignal },
): Promise<Pick<BenchRun, 'totalTimeMs' | 'downtimeMs' | 'bytes' | 'senderPeakRssMb' | 'receiverPeakRssMb'>> {
  const { result, totalTimeMs } = await moveVm({ lab, vm, destination, downtimeLimitMs, signal, onProgress: () => {} });
  if (result.outcome !== 'moved') throw new XiaError('testbed-failed', `the VM did not move: ${result.outcome}, ${result.reason}`);
  const { source, destination: target } = result.peakRssMb;
  return {
    totalTimeMs,
    downtimeMs: result.qemuDowntimeMs ?? 0,
    bytes: result.bytes,
    ...(source === undefined ? {} : { senderPeakRssMb: source }),
    ...(target === undefined ? {} : { receiverPeakRssMb: target }),
  };
}
