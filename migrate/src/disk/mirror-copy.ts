import { setTimeout as sleep } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import type { QmpClient, QmpEvent } from '../qemu/index.js';
import type { DiskCopy, DiskProgress, DiskResult } from './disk-copy.js';
import { mirrorName } from './disk-names.js';
import type { DiskPlan } from './disk-plan.js';
import { DiskTunnel, type DiskTunnelOptions } from './disk-tunnel.js';
import { MirrorJob, parseJobs } from './mirror-job.js';
import { NbdSource, NbdTarget } from './nbd-ends.js';

const POLL_MS = 100;
/** The guest stands still meanwhile, so it is rather given back to the source. */
const SWITCH_OVER_TIMEOUT_MS = 10_000;

export interface MirrorCopyOptions {
  readonly source: QmpClient;
  readonly destination: QmpClient;
  readonly plan: DiskPlan;
  readonly tunnel: DiskTunnelOptions;
  readonly maxBandwidthBytesPerSecond?: number;
  readonly onProgress: () => void;
}

/** Copies disks by `blockdev-mirror` into the destination's NBD server: every write of the guest goes to both once a disk is in step. */
export class MirrorCopy implements DiskCopy {
  readonly capabilities = { source: { 'pause-before-switchover': true }, destination: {} };
  readonly #o: MirrorCopyOptions;
  readonly #jobs: readonly MirrorJob[];
  readonly #source: NbdSource;
  readonly #target: NbdTarget;
  readonly #onEvent = (event: QmpEvent) => {
    for (const job of this.#jobs) job.event(event);
  };
  /** Disks whose writes wait for the copy. */
  readonly #slowed = new Set<number>();
  #tunnel: DiskTunnel | undefined;
  #startedAtMs = 0;
  #endedAtMs: number | undefined;
  #fault: string | undefined;

  constructor(options: MirrorCopyOptions) {
    this.#o = options;
    this.#jobs = options.plan.pairs.map(({ source }, index) => new MirrorJob(mirrorName(index), source.sizeBytes));
    this.#source = new NbdSource(options.source);
    this.#target = new NbdTarget(options.destination);
  }

  get fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    // The tunnel ends with its last connection, and has done its work then.
    return this.#jobs.every(({ state }) => state === 'done') ? undefined : this.#broken();
  }

  /** The processes that carry the copy, while it runs. */
  get pids(): DiskTunnel['pids'] | undefined {
    return this.#tunnel?.pids;
  }

  async prepare(signal: AbortSignal | undefined): Promise<void> {
    const { plan, source, maxBandwidthBytesPerSecond: speed } = this.#o;
    this.#startedAtMs = performance.now();
    try {
      await this.#source.clear();
      await this.#target.clear();
      this.#tunnel = await DiskTunnel.open(this.#o.tunnel, signal);
      await this.#target.open(
        this.#tunnel.farSocket,
        plan.pairs.map(({ destination }) => destination.nodeName),
      );
      source.on('event', this.#onEvent);
      for (const [index, { source: disk }] of plan.pairs.entries()) {
        await this.#source.add(index, this.#tunnel.nearSocket);
        await this.#source.mirror(index, disk.nodeName, { speed });
      }
      await this.#untilAll('ready', signal);
    } catch (error) {
      this.#fault = (error as Error).message;
      throw error;
    }
  }

  async switchOver(signal: AbortSignal | undefined): Promise<void> {
    const late = AbortSignal.timeout(SWITCH_OVER_TIMEOUT_MS);
    try {
      for (const job of this.#jobs) {
        if (!job.complete()) throw new XiaError('disk-failed', this.#broken() ?? 'a disk is not in step with its source');
      }
      // Not aborted but ended: a job that is ready has its target whole when it is told to stop.
      for (const { id } of this.#jobs) await this.#source.end(id, { force: false });
      await this.#untilAll('done', signal === undefined ? late : AbortSignal.any([signal, late]));
      await this.#source.clear();
      // Before the guest can run there: nobody but its own QEMU writes to its disk then.
      await this.#target.clear();
      this.#endedAtMs = performance.now();
    } catch (error) {
      this.#fault = late.aborted ? `the disks were not in step within ${SWITCH_OVER_TIMEOUT_MS} ms` : (error as Error).message;
      throw error;
    }
  }

  progress(): DiskProgress[] {
    return this.#o.plan.pairs.map(({ source }, index) => {
      const { state, doneBytes, totalBytes, bytesPerSecond, etaMs } = this.#jobs[index]!;
      return { name: source.name, state, doneBytes, totalBytes, bytesPerSecond, etaMs };
    });
  }

  results(): DiskResult[] {
    const timeMs = Math.round((this.#endedAtMs ?? performance.now()) - this.#startedAtMs);
    return this.#o.plan.pairs.map(({ source }, index) => {
      const { state, doneBytes, reason } = this.#jobs[index]!;
      const isWhole = state === 'done' && this.#endedAtMs !== undefined;
      const why = isWhole ? '' : reason || (this.#fault ?? 'the VM did not move');
      return { name: source.name, method: 'nbd', outcome: isWhole ? 'copied' : 'failed', reason: why, bytes: doneBytes, timeMs };
    });
  }

  async close(): Promise<void> {
    // First: what hangs in the tunnel would keep the jobs from ending.
    await this.#tunnel?.close();
    await this.#source.clear().catch(() => undefined);
    await this.#target.clear().catch(() => undefined);
    this.#o.source.off('event', this.#onEvent);
  }

  #broken(): string | undefined {
    const index = this.#jobs.findIndex(({ state }) => state === 'failed');
    const failed = this.#jobs[index];
    const job = failed === undefined ? undefined : `${this.#o.plan.pairs[index]?.source.name}: ${failed.reason}`;
    const tunnel = this.#tunnel?.fault;
    return job !== undefined && tunnel !== undefined ? `${tunnel} (${job})` : (job ?? tunnel);
  }

  async #untilAll(state: 'ready' | 'done', signal: AbortSignal | undefined): Promise<void> {
    const { source, onProgress } = this.#o;
    for (;;) {
      const broken = this.#broken();
      if (broken !== undefined) throw new XiaError('disk-failed', broken);
      if (this.#jobs.every((job) => job.state === state)) return;
      if (signal?.aborted) throw new XiaError('interrupted', 'stopped while the disks were copied');
      // Events tell of every end at once; asking gives the figures.
      const jobs = parseJobs(await source.execute('query-block-jobs'));
      for (const job of this.#jobs) {
        const figures = jobs.get(job.id);
        if (figures !== undefined || state === 'ready') job.look(figures, performance.now());
      }
      onProgress();
      if (state === 'ready') await this.#keepUp();
      await sleep(state === 'ready' ? POLL_MS : 2, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }

  /** A guest that writes faster than the copy follows has to wait for it from now on. */
  async #keepUp(): Promise<void> {
    for (const [index, job] of this.#jobs.entries()) {
      if (this.#slowed.has(index) || !job.isOvertaken(performance.now())) continue;
      this.#slowed.add(index);
      const pair = this.#o.plan.pairs[index]!;
      await this.#source.blockWrites(index, pair.source.nodeName, () => job.restart(performance.now()));
    }
  }
}
