import * as v from 'valibot';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlClient, loadSecret, XiaError } from 'xia-core';
import {
  availableMemoryBytes,
  fault,
  machineFacts,
  memoryFindings,
  pairFindings,
  placeFindings,
  probePath,
  socketOwner,
  standbyFindings,
  warning,
  type Finding,
  type MachineFacts,
  type PathFigures,
} from '../checks/index.js';
import { lookAtDisks, type DiskOptions, type DiskPlan } from '../disk/index.js';
import { expectMove, type Expectation } from '../pace/index.js';
import { DEFAULT_DOWNTIME_LIMIT_MS, type QmpClient } from '../qemu/index.js';
import type { MoveOptions } from './guarded-migration.js';
import type { MigrationSide } from './migration-plan.js';
import { prefaultAdvice, queryMemdevs } from './prefault.js';
import { Monitors } from './open-monitors.js';

const DIRTY_RATE_SECONDS = 1;
const DIRTY_RATE_TIMEOUT_MS = 10_000;
const MIB = 1024 ** 2;

const dirtyRateSchema = v.object({ status: v.string(), 'dirty-rate': v.optional(v.number()) });

/** What was found out about a move before it began. */
export interface Inspection {
  readonly vm: string;
  readonly findings: readonly Finding[];
  readonly source: MachineFacts | undefined;
  readonly destination: MachineFacts | undefined;
  readonly path: PathFigures | undefined;
  /** As QEMU sampled it for a second; undefined when that was not asked for, or this QEMU cannot. */
  readonly dirtyBytesPerSecond: number | undefined;
  /** Memory of this machine that the destination will take; undefined when its QEMU is elsewhere, or another user's. */
  readonly takesBytes: number | undefined;
  /** What would become of the disks; undefined when a QEMU does not tell. */
  readonly disks: DiskPlan | undefined;
  /** Undefined when the memory or the bandwidth is unknown. */
  readonly expected: Expectation | undefined;
}

/**
 * Looks at both sides of a move and at the way between them, and changes nothing: every fault at once.
 * @param measures whether bandwidth and dirty rate are measured too, which takes two seconds more
 * @throws XiaError `interrupted`
 */
export async function inspectMove(options: MoveOptions, measures: boolean): Promise<Inspection> {
  const { vm, source, destination, trust, signal } = options;
  await using monitors = await Monitors.open(source, destination, signal);
  const [machines, places, controls, way] = await Promise.all([
    inspectMachines(monitors, options, measures),
    placeFindings(vm, source, destination),
    controlFindings(options),
    probePath({ sourceHost: source.host, destinationHost: destination.host, trust, measureBandwidth: measures, signal }),
  ]);
  const takesBytes = machines.source === undefined ? undefined : await memoryToCome(machines.source, destination);
  const memory =
    takesBytes === undefined ? [] : memoryFindings([{ who: vm, bytes: takesBytes }], (await availableMemoryBytes()) ?? Infinity);
  const { maxBandwidthBytesPerSecond = Infinity, downtimeLimitMs = DEFAULT_DOWNTIME_LIMIT_MS } = options;
  const bytesPerSecond = Math.min(maxBandwidthBytesPerSecond, way.figures?.bytesPerSecond ?? Infinity);
  const { dirtyBytesPerSecond } = machines;
  const memoryBytes = machines.source?.memoryBytes;
  const known = memoryBytes !== undefined && Number.isFinite(bytesPerSecond);
  const expected = known
    ? expectMove({ memoryBytes, bytesPerSecond, dirtyBytesPerSecond: dirtyBytesPerSecond ?? 0, downtimeLimitMs })
    : undefined;
  const findings = [
    ...monitors.findings,
    ...machines.findings,
    ...memory,
    ...places,
    ...(await standbyFindings(source, destination)),
    ...(await secretFindings(options.secretFile)),
    ...way.findings,
    ...controls,
    ...optionFindings(options, expected),
  ];
  const { source: from, destination: to } = machines;
  return {
    vm,
    findings,
    source: from,
    destination: to,
    path: way.figures,
    dirtyBytesPerSecond,
    takesBytes,
    disks: machines.disks,
    expected,
  };
}

/** Only the source reads it, and only when it has begun. */
async function secretFindings(file: string | undefined): Promise<Finding[]> {
  try {
    if (file !== undefined) await loadSecret(file);
    return [];
  } catch (error) {
    return [fault('source', (error as Error).message, 'name a file of 64 hex digits that only its owner may read, or leave --secret out')];
  }
}

interface Machines {
  readonly findings: readonly Finding[];
  readonly source: MachineFacts | undefined;
  readonly destination: MachineFacts | undefined;
  readonly disks: DiskPlan | undefined;
  readonly dirtyBytesPerSecond: number | undefined;
}

async function inspectMachines(monitors: Monitors, { disk = {}, prefaults }: MoveOptions, measures: boolean): Promise<Machines> {
  const findings: Finding[] = [];
  const facts = async (where: 'source' | 'destination', qmp: QmpClient | undefined) => {
    if (qmp === undefined) return undefined;
    return machineFacts(qmp).catch((error: unknown) => {
      findings.push(
        fault(where, `QEMU does not describe its machine: ${(error as Error).message}`, 'see that it is a PC of QEMU 7.2 or later'),
      );
      return undefined;
    });
  };
  const [source, destination] = await Promise.all([facts('source', monitors.source), facts('destination', monitors.destination)]);
  if (source !== undefined && destination !== undefined) findings.push(...pairFindings(source, destination));
  if (monitors.destination !== undefined && !prefaults) findings.push(...(await prefaultFindings(monitors.destination)));
  const disks = await inspectDisks(monitors, disk, findings);
  const runs = source?.status === 'running' && monitors.source !== undefined;
  return { findings, source, destination, disks, dirtyBytesPerSecond: measures && runs ? await dirtyRate(monitors.source) : undefined };
}

async function inspectDisks({ source, destination }: Monitors, options: DiskOptions, findings: Finding[]): Promise<DiskPlan | undefined> {
  if (source === undefined || destination === undefined) return undefined;
  try {
    const plan = await lookAtDisks(source, destination, options);
    findings.push(...plan.faults);
    return plan;
  } catch (error) {
    if (!(error instanceof XiaError)) throw error;
    findings.push(fault('both', `QEMU does not describe its disks: ${error.message}`, 'see to it, or say --disk none'));
    return undefined;
  }
}

/** Not worth a word for machines as small as this. */
const SMALL_BYTES = 64 * MIB;

async function prefaultFindings(qmp: QmpClient): Promise<Finding[]> {
  const advice = await queryMemdevs(qmp).then(prefaultAdvice, () => undefined);
  if (advice?.advice === undefined || advice.untouchedBytes < SMALL_BYTES) return [];
  return [warning('destination', advice.advice.what, advice.advice.todo)];
}

/** Lets QEMU compare samples of the guest's memory a second apart. Undefined where it cannot. */
async function dirtyRate(qmp: QmpClient): Promise<number | undefined> {
  try {
    await qmp.execute('calc-dirty-rate', { 'calc-time': DIRTY_RATE_SECONDS });
    const deadlineMs = performance.now() + DIRTY_RATE_TIMEOUT_MS;
    while (performance.now() < deadlineMs) {
      await sleep(100);
      const { status, 'dirty-rate': rate } = v.parse(dirtyRateSchema, await qmp.execute('query-dirty-rate'));
      if (status === 'measured') return (rate ?? 0) * MIB;
    }
  } catch (error) {
    if (!(error instanceof XiaError)) throw error;
  }
  return undefined;
}

/** What the destination's QEMU has not taken yet, where it is a process of this machine that this user may see. */
async function memoryToCome({ memoryBytes }: MachineFacts, { qmp }: MigrationSide): Promise<number | undefined> {
  const owner = typeof qmp === 'string' ? await socketOwner(qmp) : undefined;
  return owner === undefined ? undefined : Math.max(0, memoryBytes - owner.residentBytes);
}

async function controlFindings({ guest, source, destination, watchedControls = [] }: MoveOptions): Promise<Finding[]> {
  const found: Finding[] = [];
  const sides = [['source', source.control] as const, ['destination', destination.control] as const];
  if (guest === undefined) {
    const todo = 'give --guest HID with --source-control and --destination-control: the hosts then hold and turn its packets at once';
    found.push(warning('plan', 'no --guest is given, so no host is told of the move', todo));
  }
  for (const [where, path] of [...sides, ...watchedControls.map((control) => ['path', control] as const)]) {
    if (path !== undefined) found.push(...(await controlFinding(where, path)));
    else if (guest !== undefined) {
      found.push(
        warning(where, `no --${where}-control is given, so its host is not told of the move`, 'name the control socket of its xrouter'),
      );
    }
  }
  return found;
}

async function controlFinding(where: 'source' | 'destination' | 'path', path: string): Promise<Finding[]> {
  try {
    using client = await ControlClient.connect(path);
    await client.call('info', {}, 5000);
    return [];
  } catch (error) {
    return [fault(where, (error as Error).message, 'name the control socket of a running xrouter, or leave the option out')];
  }
}

function optionFindings({ adapts, maxDowntimeMs, downtimeLimitMs, timeoutMs }: MoveOptions, expected: Expectation | undefined): Finding[] {
  const found: Finding[] = [];
  const limitMs = downtimeLimitMs ?? DEFAULT_DOWNTIME_LIMIT_MS;
  if (maxDowntimeMs !== undefined && maxDowntimeMs < limitMs) {
    const what = `--max-downtime ${maxDowntimeMs} is less than --downtime-limit ${limitMs}, which counts`;
    found.push(warning('plan', what, 'leave one of them out'));
  }
  if (expected === undefined) return found;
  if (!expected.converges) {
    const what = 'the guest changes its memory about as fast as it can be carried';
    const todo = adapts
      ? 'it will be slowed down; allow more by --max-downtime'
      : 'leave --no-adapt out, or allow a longer --downtime-limit';
    found.push(warning('plan', what, todo));
  }
  if (timeoutMs !== undefined && expected.totalMs > timeoutMs) {
    const seconds = (expected.totalMs / 1000).toFixed(0);
    found.push(warning('plan', `the move may take ${seconds} s, --timeout is ${timeoutMs / 1000} s`, 'allow more time or bandwidth'));
  }
  return found;
}
