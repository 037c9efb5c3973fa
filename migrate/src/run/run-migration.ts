import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import {
  execUri,
  migrateIn,
  QmpClient,
  queryMigration,
  setMigrationCapabilities,
  setMigrationLimits,
  type MigrationProgress,
} from '../qemu/index.js';
import { checkMayReceive, checkMaySend, OwnershipFile } from '../state/index.js';
import { GuestWatch } from './guest-watch.js';
import { GuestHosts } from './guest-hosts.js';
import { receiveArguments, sendArguments } from './program-arguments.js';
import { ProgramFollower } from './program-follower.js';
import { checkPair } from './preflight.js';
import { settle, type Settlement } from './settle.js';
import type { MigrationSide, RunMigrationOptions, RunMoment, RunPhase, RunProgress, RunResult } from './migration-plan.js';

/** How long the destination may take to end after the source has. */
const DESTINATION_TIMEOUT_MS = 45_000;

/**
 * Moves a guest between two running QEMUs: checks that they fit, lets the destination listen, starts the source, follows both
 * to the end, and leaves exactly one of them running. Once something was started it does not throw: the result says what became
 * of the VM.
 * @throws XiaError `refused` (the pair does not fit), `already-running`, `qmp-error`, `timeout`, `interrupted`; the VM runs on
 * at the source.
 */
export async function runMigration(
  options: RunMigrationOptions,
  onProgress: (progress: RunProgress) => void = () => undefined,
): Promise<RunResult> {
  const eventsDirectory = options.eventsDirectory ?? (await mkdtemp(join(tmpdir(), 'xmigrate-')));
  await mkdir(eventsDirectory, { recursive: true });
  const clients: QmpClient[] = [];
  const open = async (side: MigrationSide): Promise<QmpClient> => {
    if (typeof side.qmp !== 'string') return side.qmp;
    const client = await QmpClient.connect({ path: side.qmp, ...(options.signal === undefined ? {} : { signal: options.signal }) });
    clients.push(client);
    return client;
  };
  try {
    return await new MigrationRun(options, eventsDirectory, onProgress).run(await open(options.source), await open(options.destination));
  } finally {
    for (const client of clients) await client.close();
    if (options.eventsDirectory === undefined) await rm(eventsDirectory, { recursive: true, force: true });
  }
}

class MigrationRun {
  readonly #o: RunMigrationOptions;
  readonly #onProgress: (progress: RunProgress) => void;
  readonly #senderEvents: string;
  readonly #receiverEvents: string;
  readonly #startedAtMs = performance.now();
  readonly #moments: RunMoment[] = [];
  readonly #sender: ProgramFollower;
  readonly #receiver: ProgramFollower;
  #listeningDag: string | undefined;
  #hasBegun = false;
  #qemu: MigrationProgress | undefined;

  constructor(options: RunMigrationOptions, eventsDirectory: string, onProgress: (progress: RunProgress) => void) {
    this.#o = options;
    this.#onProgress = onProgress;
    const stamp = Date.now();
    const path = (end: string) => join(eventsDirectory, `${options.vm}.${end}.${stamp}.jsonl`);
    this.#senderEvents = path('send');
    this.#receiverEvents = path('recv');
    this.#sender = new ProgramFollower(this.#senderEvents, (event) => {
      if (event === 'connected' || event === 'input-sent' || event === 'committing') this.#moment(event);
    });
    this.#receiver = new ProgramFollower(this.#receiverEvents, (event, fields) => {
      if (event === 'listening' && typeof fields['dag'] === 'string') {
        this.#listeningDag = fields['dag'];
        this.#moment('listening');
      }
      if (event === 'connected') this.#hasBegun = true;
      if (event === 'received') this.#moment('received');
      if (event === 'taking') this.#moment('taken');
    });
  }

  async run(sourceQmp: QmpClient, destinationQmp: QmpClient): Promise<RunResult> {
    const { vm } = this.#o;
    const hosts = new GuestHosts(this.#o);
    const source = new GuestWatch(sourceQmp, (what) => {
      // Before anything else: what is sent to the guest from now on would be lost.
      if (what === 'STOP') hosts.stopped();
      else hosts.goesOn();
      if (what === 'STOP') this.#moment('stopped');
    });
    const destination = new GuestWatch(destinationQmp, (what) => {
      if (what !== 'RESUME') return;
      hosts.runsThere();
      this.#moment('resumed');
    });
    try {
      checkMaySend(new OwnershipFile(this.#o.source.stateDirectory, vm));
      checkMayReceive(new OwnershipFile(this.#o.destination.stateDirectory, vm));
      const wasRunning = await checkPair(sourceQmp, destinationQmp);
      this.#moment('checked');
      await hosts.open();
      hosts.coming();
      const dag = await this.#listen(destinationQmp);
      const { downtimeLimitMs, maxBandwidthBytesPerSecond } = this.#o;
      await setMigrationLimits(sourceQmp, {
        ...(downtimeLimitMs === undefined ? {} : { downtimeLimitMs }),
        ...(maxBandwidthBytesPerSecond === undefined ? {} : { maxBandwidthBytesPerSecond }),
      });
      await setMigrationCapabilities(sourceQmp, { events: true });
      await sourceQmp.execute('migrate', { uri: execUri(sendArguments(this.#o, dag, this.#senderEvents)) });
      this.#moment('started');
      await this.#follow(sourceQmp);
      const settlement = await settle({
        options: this.#o,
        source,
        destination,
        sender: this.#sender,
        receiver: this.#receiver,
        wasRunning,
      });
      this.#qemu = sourceQmp.closed ? this.#qemu : await queryMigration(sourceQmp);
      this.#moment('settled');
      if (settlement.outcome === 'stayed') hosts.stays();
      return this.#result(settlement, source, destination);
    } finally {
      source.close();
      destination.close();
      await hosts.close();
      this.#sender.close();
      this.#receiver.close();
    }
  }

  /** Starts the destination and waits until it says where it listens. */
  async #listen(destination: QmpClient): Promise<string> {
    const { signal, listenTimeoutMs = 30_000 } = this.#o;
    await migrateIn(destination, execUri(receiveArguments(this.#o, this.#receiverEvents)), signal);
    const deadline = performance.now() + listenTimeoutMs;
    while (this.#listeningDag === undefined) {
      const summary = this.#receiver.summary;
      if (summary !== undefined) throw new XiaError('refused', `the destination cannot listen: ${summary.reason}`);
      if (signal?.aborted || destination.closed || performance.now() > deadline) {
        this.#receiver.stop();
        if (signal?.aborted) throw new XiaError('interrupted', 'stopped before the migration began');
        throw new XiaError('timeout', `the destination's xmigrate did not listen within ${listenTimeoutMs} ms; see its QEMU's stderr`);
      }
      await sleep(10);
    }
    return this.#listeningDag;
  }

  /** Until both ends have ended. Asks QEMU beside it, whose monitor may be blocked at the very end. */
  async #follow(source: QmpClient): Promise<void> {
    const { signal, pollMs = 100 } = this.#o;
    let asking = false;
    let asked = 0;
    let endedAtMs: number | undefined;
    let toldToStop = false;
    while (!(this.#isSenderOver() && this.#receiver.isOver)) {
      if (signal?.aborted && !toldToStop) {
        // Not `migrate_cancel`: only `xmigrate send` knows whether the VM has been given up already.
        toldToStop = this.#sender.stop();
      }
      if (!asking && performance.now() - asked >= pollMs && !source.closed) {
        asking = true;
        asked = performance.now();
        void queryMigration(source)
          .then((progress) => (this.#qemu = progress))
          .catch(() => undefined)
          .finally(() => (asking = false));
        this.#tell();
      }
      if (this.#isSenderOver()) {
        endedAtMs ??= performance.now();
        // A source that failed before it was heard leaves a destination that would wait for ever.
        if (!this.#hasBegun || performance.now() - endedAtMs > DESTINATION_TIMEOUT_MS) this.#receiver.stop();
        if (performance.now() - endedAtMs > 2 * DESTINATION_TIMEOUT_MS) return;
      }
      await sleep(10);
    }
    this.#sender.poll();
    this.#receiver.poll();
  }

  /** The process is gone; or QEMU reports a failure although none was ever started. */
  #isSenderOver(): boolean {
    return this.#sender.isOver || (this.#sender.pid === undefined && this.#qemu?.status === 'failed');
  }

  #moment(name: RunPhase): void {
    this.#moments.push({ name, atMs: this.#atMs() });
    this.#tell();
  }

  #atMs(): number {
    return Math.round((performance.now() - this.#startedAtMs) * 10) / 10;
  }

  #tell(): void {
    this.#onProgress({ phase: this.#moments.at(-1)?.name ?? 'checking', atMs: this.#atMs(), ...this.#sender.figures, qemu: this.#qemu });
  }

  #result(settlement: Settlement, source: GuestWatch, destination: GuestWatch): RunResult {
    const [from, to] = [this.#sender.summary, this.#receiver.summary];
    const paused =
      source.stoppedAtMs === undefined || destination.resumedAtMs === undefined ? undefined : destination.resumedAtMs - source.stoppedAtMs;
    return {
      vm: this.#o.vm,
      ...settlement,
      bytes: from?.bytes ?? 0,
      chunks: from?.chunks ?? 0,
      totalTimeMs: this.#atMs(),
      qemuDowntimeMs: this.#qemu?.downtimeMs,
      pausedMs: paused === undefined ? undefined : Math.round(paused * 10) / 10,
      sha256: { source: from?.sha256, destination: to?.sha256 },
      phases: this.#moments,
      peakRssMb: { source: from?.peakRssMb, destination: to?.peakRssMb },
    };
  }
}
