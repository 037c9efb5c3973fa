import { randomBytes } from 'node:crypto';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { release } from 'node:os';
import { queryRunState } from 'xmigrate';
import { Disposals } from '../common/disposals.js';
import { Lab, prepareGuest, prepareLoadGuest, type PlacedVm } from '../lab/index.js';
import { loadTopology, withUnderlay, type Topology, type Underlay } from '../xtestbed/index.js';
import { caseResult, type BenchResult } from './bench-result.js';
import { caseTitle, type BenchCase, type BenchFailure, type BenchRun } from './bench-run.js';
import { measureMove } from './measure-move.js';
import { modeTitles, rotated, usesStandby, type BenchMode, type MemoryCase } from './modes.js';
import { endsByPid, nameProfiles, profileOptions } from './profiles.js';
import { Rivals } from './rivals.js';
import { Standbys } from './standbys.js';

export interface BenchOptions {
  readonly runDir: string;
  /** `plain` holds memory and nothing else; `agent` runs our programs and is watched by xping. */
  readonly guest: 'plain' | 'agent';
  readonly modes: readonly BenchMode[];
  /** Moves by each mode in each case. */
  readonly rounds: number;
  /** Moves over XIA before the first that is measured: daemons have been running for long wherever a VM is moved. */
  readonly warmUps: number;
  /** MiB. */
  readonly memoryMb: number;
  readonly workloadBytes: number;
  /** A series of cases for each. */
  readonly dirtyMbPerSecond: readonly number[];
  readonly memoryCases: readonly MemoryCase[];
  readonly downtimeLimitMs: number;
  /** Between the hosts and routers of XIA. */
  readonly links: Underlay;
  /** Where processor profiles of our processes go. */
  readonly profileFolder: string | undefined;
  readonly onNote: (text: string) => void;
  readonly signal: AbortSignal;
}

const SITES = ['HOST_A', 'HOST_B'] as const;
/** A guest that rewrites its memory faster than a mode carries it never gets there. */
const MOVE_TIMEOUT_MS = 300_000;

/** Moves one guest back and forth by each mode in turn: the same machine, limits and watchers for all. */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const { profileFolder } = options;
  const pids = new Map<number, string>();
  const result = await measureAll(options, (name, pid) => pids.set(pid, name));
  // The daemons write theirs when they end.
  if (profileFolder !== undefined)
    await nameProfiles(profileFolder, new Map([...pids, ...(await endsByPid(join(options.runDir, 'logs')))]));
  return result;
}

async function measureAll(options: BenchOptions, onDaemon: (name: string, pid: number) => void): Promise<BenchResult> {
  const { runDir, modes, signal, onNote, memoryCases, profileFolder } = options;
  await using stack = new Disposals();
  const rivals = stack.use(await Rivals.prepare(modes, signal));
  for (const [mode, reason] of rivals.missing) onNote(`${modeTitles[mode]}: not measured: ${reason}`);
  const isPlain = options.guest === 'plain';
  const guest = isPlain ? await prepareLoadGuest(signal) : await prepareGuest(runDir, { signal });
  const topology = withUnderlay(withCaches(await loadTopology('inter-ad'), options), options.links);
  const secretFile = modes.includes('xiaAgain') ? await writeSecret(runDir) : undefined;
  const lab = stack.use(
    await Lab.start({
      ...options,
      // A benchmark moves more often than an honest VM does.
      topology: { ...topology, moves: { limit: 1000, windowMs: 180_000 } },
      guest,
      isPlain,
      dirtyBytesPerSecond: 0,
      preallocate: false,
      nodeOptions: profileOptions(profileFolder),
    }),
  );
  for (const { name, process } of lab.testbed.state.nodes) if (process !== undefined) onDaemon(name, process.pid);
  const measured = modes.filter((mode) => !rivals.missing.has(mode));
  const standbys = measured.some(usesStandby) ? stack.use(await Standbys.start(SITES, profileOptions(profileFolder))) : undefined;
  const series = new Series({ ...options, secretFile }, lab, rivals, standbys, measured);
  const cases: BenchCase[] = [];
  for (const dirtyMbPerSecond of options.dirtyMbPerSecond) {
    let vm = await lab.boot(SITES[0], dirtyMbPerSecond * 1e6);
    onNote(`guest booted (${guest.accelerator.accelerator})`);
    for (const memory of memoryCases) {
      const which = { dirtyMbPerSecond, memory };
      cases.push(which);
      onNote(`${caseTitle(which)}:`);
      vm = await series.run(which, vm);
    }
    await lab.remove(vm);
  }
  const { rounds, warmUps, memoryMb, workloadBytes, dirtyMbPerSecond, downtimeLimitMs, links } = options;
  return {
    cases: cases.map((which) => caseResult(which, series.runs)),
    notMeasured: Object.fromEntries(rivals.missing),
    failures: series.failures,
    settings: {
      guest: options.guest,
      rounds,
      warmUps,
      memoryMb,
      workloadBytes,
      dirtyMbPerSecond,
      memoryCases,
      downtimeLimitMs,
      links,
      modes,
    },
    versions: {
      node: process.version,
      qemu: series.qemuVersion,
      accelerator: guest.accelerator.accelerator,
      guestKernel: guest.kernelRelease,
      hostKernel: release(),
    },
    runs: series.runs,
  };
}

/** Caches that hold all that is moved, by this mode and by another, where it is to be found there. */
function withCaches(topology: Topology, { modes, memoryMb }: BenchOptions): Topology {
  if (!modes.includes('xiaAgain')) return topology;
  const routers = Object.entries(topology.routers).map(([name, router]) => [name, { ...router, cacheMegabytes: 2 * memoryMb }] as const);
  return { ...topology, routers: Object.fromEntries(routers) };
}

type SeriesOptions = BenchOptions & { readonly secretFile: string | undefined };

async function writeSecret(runDir: string): Promise<string> {
  const file = join(runDir, 'secret');
  await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600 });
  return file;
}

/** Every move of a benchmark, one after the other. */
class Series {
  readonly runs: BenchRun[] = [];
  readonly failures: BenchFailure[] = [];
  qemuVersion = '';
  readonly #options: SeriesOptions;
  readonly #lab: Lab;
  readonly #rivals: Rivals;
  readonly #standbys: Standbys | undefined;
  readonly #modes: readonly BenchMode[];
  #number = 0;
  #warmUpsLeft: number;

  constructor(options: SeriesOptions, lab: Lab, rivals: Rivals, standbys: Standbys | undefined, modes: readonly BenchMode[]) {
    this.#options = options;
    this.#warmUpsLeft = options.warmUps;
    this.#lab = lab;
    this.#rivals = rivals;
    this.#standbys = standbys;
    this.#modes = modes;
  }

  /** All rounds of one case. Returns the QEMU that the guest is in afterwards. */
  async run(which: BenchCase, first: PlacedVm): Promise<PlacedVm> {
    let vm = first;
    const { major, minor, micro } = vm.qemu.qmp.version;
    this.qemuVersion = `${major}.${minor}.${micro}`;
    const warming = this.#modes.find((mode) => mode === 'xia' || mode === 'xiaCold');
    while (warming !== undefined && this.#warmUpsLeft > 0) {
      this.#warmUpsLeft--;
      vm = await this.#move(which, warming, 0, vm, false);
    }
    // The memory has to be moved once before it can be moved again; that is not measured.
    if (this.#modes.includes('xiaAgain')) vm = await this.#move(which, 'xiaAgain', 0, vm, false);
    for (let round = 0; round < this.#options.rounds; round++) {
      for (const mode of rotated(this.#modes, round)) vm = await this.#move(which, mode, round, vm);
    }
    return vm;
  }

  async #move(which: BenchCase, mode: BenchMode, round: number, vm: PlacedVm, isMeasured = true): Promise<PlacedVm> {
    const { onNote, signal } = this.#options;
    const destination = await this.#lab.destination(vm.host === SITES[0] ? SITES[1] : SITES[0], which.memory === 'pre-faulted');
    try {
      const move = { lab: this.#lab, rivals: this.#rivals, standbys: this.#standbys, mode, vm, destination, number: ++this.#number };
      const bound = AbortSignal.any([signal, AbortSignal.timeout(MOVE_TIMEOUT_MS)]);
      const figures = await measureMove(move, { ...this.#options, signal: bound });
      const run = { mode, ...which, round, from: vm.host, to: destination.host, ...figures };
      if (isMeasured) {
        this.runs.push(run);
        // What was measured before somebody ends it is not lost.
        await appendFile(join(this.#options.runDir, 'runs.jsonl'), `${JSON.stringify(run)}\n`);
      }
      const xping = run.xpingDowntimeMs === undefined ? '' : `, by xping ${run.xpingDowntimeMs} ms`;
      onNote(
        `  ${modeTitles[mode]}${isMeasured ? '' : ' (not measured)'}: ${run.totalTimeMs.toFixed(0)} ms, downtime ${run.qemuDowntimeMs.toFixed(0)} ms${xping}`,
      );
    } catch (error) {
      signal.throwIfAborted();
      // A guest that is nowhere, or somewhere in between, ends the benchmark; one that has stayed can be moved by the next mode.
      if (vm.qemu.qmp.closed || !(await queryRunState(vm.qemu.qmp)).running) throw error;
      const reason = (error as Error).message;
      this.failures.push({ mode, ...which, round, reason });
      onNote(`  ${modeTitles[mode]}: failed: ${reason}`);
      await this.#lab.remove(destination);
      return vm;
    }
    await this.#lab.remove(vm);
    return destination;
  }
}
