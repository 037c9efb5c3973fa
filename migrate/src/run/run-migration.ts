import { setTimeout as sleep } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { DiskMove } from '../disk/index.js';
import { ShortStop } from '../pace/index.js';
import { DEFAULT_DOWNTIME_LIMIT_MS, QmpClient, queryMigration, setMigrationLimits, type MigrationProgress } from '../qemu/index.js';
import { ExecPair } from './exec-pair.js';
import { GuestWatch } from './guest-watch.js';
import { GuestHosts } from './guest-hosts.js';
import type { ProgramPair } from './program-pair.js';
import { preflight } from './preflight.js';
import { prefaultAdvice, prefaultMemory, queryMemdevs } from './prefault.js';
import { settle, type Settlement } from './settle.js';
import { StragglerWatch } from './straggler-watch.js';
import { OwnershipFile } from '../state/index.js';
import { UnixPair } from './unix-pair.js';
import {
  ownXmigrate,
  type MigrationSide,
  type RunMigrationOptions,
  type RunMoment,
  type RunPhase,
  type RunProgress,
  type RunResult,
} from './migration-plan.js';

/**
 * Moves a guest between two running QEMUs: checks that they fit, makes both programs ready, starts the source, follows both
 * to the end, and leaves exactly one of them running. Once something was started it does not throw: the result says what became
 * of the VM.
 * @throws XiaError `refused` (the pair does not fit, or the state files forbid it), `qmp-error`, `timeout`, `interrupted`; the VM runs on
 * at the source.
 */
export async function runMigration(
  options: RunMigrationOptions,
  onProgress: (progress: RunProgress) => void = () => undefined,
): Promise<RunResult> {
  const clients: QmpClient[] = [];
  const open = async (side: MigrationSide): Promise<QmpClient> => {
    if (typeof side.qmp !== 'string') return side.qmp;
    const client = await QmpClient.connect({ path: side.qmp, ...(options.signal === undefined ? {} : { signal: options.signal }) });
    clients.push(client);
    return client;
  };
  try {
    return await new MigrationRun(options, onProgress).run(await open(options.source), await open(options.destination));
  } finally {
    for (const client of clients) await client.close();
  }
}

class MigrationRun {
  readonly #o: RunMigrationOptions;
  readonly #onProgress: (progress: RunProgress) => void;
  readonly #startedAtMs = performance.now();
  readonly #moments: RunMoment[] = [];
  #pair: ProgramPair | undefined;
  readonly #stop: ShortStop;
  #qemu: MigrationProgress | undefined;
  #disks: DiskMove | undefined;

  constructor(options: RunMigrationOptions, onProgress: (progress: RunProgress) => void) {
    this.#o = options;
    this.#onProgress = onProgress;
    this.#stop = new ShortStop(options.downtimeLimitMs ?? DEFAULT_DOWNTIME_LIMIT_MS, options.maxBandwidthBytesPerSecond);
  }

  async run(sourceQmp: QmpClient, destinationQmp: QmpClient): Promise<RunResult> {
    const { maxBandwidthBytesPerSecond } = this.#o;
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
      const wasRunning = await preflight(this.#o, sourceQmp, destinationQmp);
      this.#disks = await this.#openDisks(sourceQmp, destinationQmp);
      this.#moment('checked');
      if (this.#o.prefaults === true) {
        await prefaultMemory(destinationQmp, prefaultAdvice(await queryMemdevs(destinationQmp)).ids, this.#o.signal);
        this.#moment('prefaulted');
      }
      const diskFault = await this.#disks.prepare(this.#o.signal).catch((error: unknown) => {
        if (error instanceof XiaError && error.code === 'refused') throw error;
        return error as Error;
      });
      if (diskFault !== undefined) {
        const settlement = { outcome: 'stayed', runner: wasRunning ? 'source' : 'none', reason: diskFault.message } as const;
        await this.#disks.close();
        return this.#result(settlement, source, destination);
      }
      await hosts.open();
      hosts.coming();
      const earlier = new OwnershipFile(this.#o.destination.stateDirectory, this.#o.vm).read();
      const pair = await this.#openPair(sourceQmp, destinationQmp, wasRunning);
      this.#pair = pair;
      await pair.prepare();
      await setMigrationLimits(sourceQmp, {
        downtimeLimitMs: this.#stop.firstLimitMs,
        ...(maxBandwidthBytesPerSecond === undefined ? {} : { maxBandwidthBytesPerSecond }),
      });
      this.#moment('started');
      await pair.start();
      await this.#follow(pair, sourceQmp);
      const settlement = await settle({ options: this.#o, source, destination, pair, wasRunning, earlier });
      this.#qemu = await queryMigration(sourceQmp).catch(() => this.#qemu);
      this.#moment('settled');
      if (settlement.outcome === 'stayed') hosts.stays();
      // What the ends of the transfer tell is a consequence then.
      const reason = settlement.outcome === 'stayed' ? (this.#disks.fault ?? settlement.reason) : settlement.reason;
      return this.#result({ ...settlement, reason }, source, destination);
    } finally {
      await this.#pair?.close();
      await this.#disks?.close();
      source.close();
      destination.close();
      await hosts.close();
    }
  }

  #openDisks(source: QmpClient, destination: QmpClient): Promise<DiskMove> {
    const { xmigrate = ownXmigrate(), trust, disk = {} } = this.#o;
    const [sourceHost, destinationHost] = [this.#o.source.host, this.#o.destination.host];
    return DiskMove.open({
      source,
      destination,
      disk,
      tunnel: { xmigrate, sourceHost, destinationHost, ...(trust === undefined ? {} : { trust }) },
      progress: () => this.#qemu,
      onProgress: () => this.#tell(),
      onMoment: (moment) => this.#moment(moment),
    });
  }

  async #openPair(source: QmpClient, destination: QmpClient, wasRunning: boolean): Promise<ProgramPair> {
    const listeners = {
      onSender: (event: string) => {
        if (event === 'connected' || event === 'input-sent' || event === 'committing') this.#moment(event);
      },
      onReceiver: (event: string) => {
        if (event === 'listening' || event === 'received') this.#moment(event);
        if (event === 'taking') this.#moment('taken');
      },
    };
    if (this.#o.qemuStream === 'exec') return ExecPair.open(this.#o, source, destination, wasRunning, listeners);
    return new UnixPair(this.#o, source, destination, wasRunning, listeners);
  }

  /** Until both ends have ended. Asks QEMU beside it, whose monitor may be blocked at the very end. */
  async #follow(pair: ProgramPair, source: QmpClient): Promise<void> {
    const { signal, pollMs = 100 } = this.#o;
    const { sender, receiver } = pair;
    const stragglers = new StragglerWatch(pair, this.#o);
    let asking = false;
    let asked = 0;
    let toldToStop = false;
    const isSenderOver = () => sender.isOver || (sender.pid === undefined && this.#qemu?.status === 'failed');
    while (!(isSenderOver() && receiver.isOver)) {
      if ((signal?.aborted || this.#disks?.fault !== undefined) && !toldToStop) {
        // Not `migrate_cancel`: only `xmigrate send` knows whether the VM has been given up already.
        toldToStop = sender.stop();
      }
      if (!asking && performance.now() - asked >= pollMs && !source.closed) {
        asking = true;
        asked = performance.now();
        void queryMigration(source)
          .then((progress) => this.#heard(source, progress))
          .catch(() => undefined)
          .finally(() => (asking = false));
        this.#tell();
      }
      if (stragglers.look(isSenderOver()) === 'give-up') return;
      await sleep(10);
    }
    sender.poll();
    receiver.poll();
  }

  async #heard(source: QmpClient, progress: MigrationProgress): Promise<void> {
    this.#qemu = progress;
    const limitMs = this.#stop.handle(progress);
    if (limitMs !== undefined) await source.execute('migrate-set-parameters', { 'downtime-limit': limitMs });
  }

  #moment(name: RunPhase): void {
    this.#moments.push({ name, atMs: this.#atMs() });
    this.#tell();
  }

  #atMs(): number {
    return Math.round((performance.now() - this.#startedAtMs) * 10) / 10;
  }

  #tell(): void {
    const { bytes, chunks, bytesPerSecond } = this.#pair?.sender.figures ?? { bytes: 0, chunks: 0, bytesPerSecond: 0 };
    const phase = this.#moments.at(-1)?.name ?? 'checking';
    this.#onProgress({ phase, atMs: this.#atMs(), bytes, chunks, bytesPerSecond, qemu: this.#qemu, disks: this.#disks?.progress() ?? [] });
  }

  #result(settlement: Settlement, source: GuestWatch, destination: GuestWatch): RunResult {
    const [from, to] = [this.#pair?.sender.summary, this.#pair?.receiver.summary];
    const paused =
      source.stoppedAtMs === undefined || destination.resumedAtMs === undefined ? undefined : destination.resumedAtMs - source.stoppedAtMs;
    return {
      vm: this.#o.vm,
      ...settlement,
      bytes: from?.bytes ?? 0,
      chunks: from?.chunks ?? 0,
      offeredBytes: from?.offeredBytes,
      servedBytes: from?.servedBytes,
      pages: from?.pages,
      totalTimeMs: this.#atMs(),
      qemuDowntimeMs: this.#qemu?.downtimeMs,
      pausedMs: paused === undefined ? undefined : Math.round(paused * 10) / 10,
      sha256: { source: from?.sha256, destination: to?.sha256 },
      phases: this.#moments,
      disks: this.#disks?.results(settlement.outcome === 'moved') ?? [],
      peakRssMb: { source: from?.peakRssMb, destination: to?.peakRssMb },
      cpuSeconds: { source: from?.cpuSeconds, destination: to?.cpuSeconds },
    };
  }
}
