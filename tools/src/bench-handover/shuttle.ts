import * as v from 'valibot';
import { XiaError } from 'xia-core';
import { plainMove } from '../bench/plain-move.js';
import { moveVm } from '../demo/move-vm.js';
import type { Lab, PlacedVm } from '../lab/index.js';

/** One move of the machine. Wall-clock ms by QEMU's own stamps, durations in ms. */
export interface Passage {
  readonly from: string;
  readonly to: string;
  /** The guest's last instruction at the source. */
  readonly stoppedAtMs: number;
  /** Its first one at the destination. */
  readonly resumedAtMs: number;
  /** From STOP to RESUME: the guest runs nowhere. */
  readonly pausedMs: number;
  /** What the source's QEMU calls its downtime: until its last byte was written. */
  readonly downtimeMs: number | undefined;
  readonly totalTimeMs: number;
  /** When the machine announced itself at the destination host (RARP); undefined when it did not. */
  readonly announcedAtMs: number | undefined;
}

export interface ShuttleOptions {
  readonly downtimeLimitMs: number;
  readonly signal: AbortSignal;
}

/** `xia`: by `xmigrate`, which tells the hosts. `silent`: by QEMU alone; nobody is told, and QEMU does not announce the machine. */
export type MoveKind = 'xia' | 'silent';

/** On a machine that is too busy a guest changes its memory faster than it can be sent. Then it stays. */
const MOVE_TIMEOUT_MS = 90_000;
/** Waited for from before the move begins. */
const EVENT_TIMEOUT_MS = MOVE_TIMEOUT_MS + 60_000;

const facesSchema = v.array(v.object({ name: v.string(), neighbours: v.array(v.object({ announcedMs: v.optional(v.number()) })) }));

/**
 * Takes one machine back and forth between two hosts. A move is quiet around it: QEMU that waits for the machine is started before, and the
 * one that it has left is ended when the next move is prepared.
 */
export class Shuttle {
  readonly lab: Lab;
  readonly #sites: readonly [string, string];
  readonly #options: ShuttleOptions;
  #vm: PlacedVm;
  #left: PlacedVm | undefined;
  #destination: PlacedVm | undefined;

  private constructor(lab: Lab, sites: readonly [string, string], options: ShuttleOptions, vm: PlacedVm) {
    this.lab = lab;
    this.#sites = sites;
    this.#options = options;
    this.#vm = vm;
  }

  /** Boots the machine at the first site. @throws XiaError as `Lab.boot` */
  static async start(lab: Lab, sites: readonly [string, string], options: ShuttleOptions): Promise<Shuttle> {
    return new Shuttle(lab, sites, options, await lab.boot(sites[0]));
  }

  /** The machine's address where it is now. Names are not asked for: they are another service, and not what is measured. */
  get address(): string {
    return this.lab.vmDag(this.lab.adOf(this.#vm.host));
  }

  get qemuVersion(): string {
    const { major, minor, micro } = this.#vm.qemu.qmp.version;
    return `${major}.${minor}.${micro}`;
  }

  /** Ends what the last move left, and starts a QEMU that waits for the machine. Returns the host that it waits at. */
  async prepare(): Promise<string> {
    if (this.#left !== undefined) await this.lab.remove(this.#left);
    this.#left = undefined;
    const next = this.#sites.find((site) => site !== this.#vm.host) ?? this.#vm.host;
    this.#destination ??= await this.lab.destination(next);
    return this.#destination.host;
  }

  /** Moves the machine to where `prepare` has a QEMU wait. @throws XiaError `testbed-failed` when it did not move, and as `runMigration` */
  async move(kind: MoveKind): Promise<Passage> {
    const [vm, destination] = [this.#vm, await this.#prepared()];
    const { host } = destination;
    const events = Promise.all([
      vm.qemu.qmp.waitForEvent('STOP', { timeoutMs: EVENT_TIMEOUT_MS }),
      destination.qemu.qmp.waitForEvent('RESUME', { timeoutMs: EVENT_TIMEOUT_MS }),
    ]);
    // When the move itself fails, that is what is told.
    events.catch(() => undefined);
    // Whatever comes of it, this QEMU waits for nobody any more.
    [this.#left, this.#destination] = [destination, undefined];
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(MOVE_TIMEOUT_MS)]);
    const figures = kind === 'xia' ? await this.#byXia(destination, signal) : await this.#bySilence(destination, signal);
    const [stop, resume] = await events;
    [this.#left, this.#vm] = [vm, destination];
    const announcedAtMs = await this.#announcedAt(host);
    return {
      from: vm.host,
      to: host,
      stoppedAtMs: stop.timestampMs,
      resumedAtMs: resume.timestampMs,
      pausedMs: resume.timestampMs - stop.timestampMs,
      announcedAtMs: announcedAtMs !== undefined && announcedAtMs >= stop.timestampMs ? announcedAtMs : undefined,
      ...figures,
    };
  }

  async #prepared(): Promise<PlacedVm> {
    await this.prepare();
    if (this.#destination !== undefined) return this.#destination;
    throw new XiaError('testbed-failed', 'no QEMU waits for the VM');
  }

  async #byXia(destination: PlacedVm, signal: AbortSignal): Promise<Pick<Passage, 'downtimeMs' | 'totalTimeMs'>> {
    const move = { lab: this.lab, vm: this.#vm, destination, onProgress: () => {}, ...this.#options, signal };
    const { result, totalTimeMs } = await moveVm(move);
    if (result.outcome !== 'moved') throw new XiaError('testbed-failed', `the VM did not move: ${result.outcome}, ${result.reason}`);
    return { downtimeMs: result.qemuDowntimeMs, totalTimeMs };
  }

  async #bySilence(destination: PlacedVm, signal: AbortSignal): Promise<Pick<Passage, 'downtimeMs' | 'totalTimeMs'>> {
    // Whoever moves a machine by other means than xmigrate has to say himself that it comes back to where it was given away.
    await this.lab.testbed.control(destination.host, 'unfence', { hid: this.lab.vmHid.toString() });
    await destination.qemu.qmp.execute('migrate-set-parameters', { 'announce-rounds': 0 });
    const startedAtMs = performance.now();
    const { downtimeMs } = await plainMove('tcp', this.#vm, destination, { rivals: { ssh: undefined }, ...this.#options, signal });
    return { downtimeMs, totalTimeMs: performance.now() - startedAtMs };
  }

  /** When the newest machine at a host announced itself. */
  async #announcedAt(host: string): Promise<number | undefined> {
    const faces = v.parse(facesSchema, await this.lab.testbed.control(host, 'show', { what: 'faces' }));
    const stamps = faces.flatMap(({ neighbours }) => neighbours.flatMap(({ announcedMs }) => announcedMs ?? []));
    return stamps.length === 0 ? undefined : Math.max(...stamps);
  }
}
