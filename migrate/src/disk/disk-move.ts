import { XiaError } from 'xia-core';
import { continueMigration, setMigrationCapabilities, type MigrationProgress, type QmpClient, type QmpEvent } from '../qemu/index.js';
import { BlockCopy } from './block-copy.js';
import { checkDisks, type DiskOptions } from './disk-check.js';
import type { DiskCopy, DiskProgress, DiskResult } from './disk-copy.js';
import type { DiskPlan } from './disk-plan.js';
import type { DiskTunnelOptions } from './disk-tunnel.js';
import { MirrorCopy } from './mirror-copy.js';

export interface DiskMoveOptions {
  readonly source: QmpClient;
  readonly destination: QmpClient;
  readonly disk: DiskOptions;
  readonly tunnel: DiskTunnelOptions;
  /** QEMU's last word about the migration. */
  readonly progress: () => MigrationProgress | undefined;
  readonly onProgress: () => void;
  /** `disks-copied`: they are in step with the source. `disks-switched`: the destination's are whole, and it alone has them. */
  readonly onMoment: (moment: 'disks-copied' | 'disks-switched') => void;
}

/**
 * The disks of a migration, from the first question to the last clean-up: `open`, `prepare`, then the memory goes; at its
 * switch-over this ends the copies and lets QEMU go on, or gives the migration up; `close` at the end, whatever happened.
 */
export class DiskMove {
  readonly #o: DiskMoveOptions;
  readonly #plan: DiskPlan;
  readonly #copy: DiskCopy | undefined;
  readonly #stop = new AbortController();
  #switching: Promise<void> | undefined;

  private constructor(options: DiskMoveOptions, plan: DiskPlan) {
    this.#o = options;
    this.#plan = plan;
    const { source, destination, disk, tunnel, onProgress } = options;
    const { maxBandwidthBytesPerSecond } = disk;
    if (plan.method === 'nbd') {
      const limit = maxBandwidthBytesPerSecond === undefined ? {} : { maxBandwidthBytesPerSecond };
      this.#copy = new MirrorCopy({ source, destination, plan, tunnel, onProgress, ...limit });
    }
    if (plan.method === 'block') this.#copy = new BlockCopy(plan, [source, destination], options.progress);
    if (this.#copy instanceof MirrorCopy) source.on('event', this.#onEvent);
  }

  /**
   * Decides what is to be copied. Nothing is changed yet.
   * @throws XiaError `refused` with every reason why the disks cannot move, `qmp-error`
   */
  static async open(options: DiskMoveOptions): Promise<DiskMove> {
    return new DiskMove(options, await checkDisks(options.source, options.destination, options.disk));
  }

  /** Why the copy, and with it the migration, has to be given up; undefined while all is well. */
  get fault(): string | undefined {
    return this.#copy?.fault;
  }

  /**
   * Brings the destination's disks in step and both QEMUs to what the copy needs of them. The VM runs on meanwhile.
   * @throws XiaError `disk-failed`, `interrupted`, `refused`, `qmp-error`, `timeout`
   */
  async prepare(signal: AbortSignal | undefined): Promise<void> {
    // Capabilities outlive a migration that failed, so both values are said.
    await setMigrationCapabilities(this.#o.source, { 'pause-before-switchover': false, ...this.#copy?.capabilities.source });
    await setMigrationCapabilities(this.#o.destination, this.#copy?.capabilities.destination ?? {});
    await this.#copy?.prepare(signal);
    if (this.#copy instanceof MirrorCopy) this.#o.onMoment('disks-copied');
  }

  progress(): DiskProgress[] {
    return this.#copy?.progress() ?? [];
  }

  results(moved: boolean): DiskResult[] {
    const left = this.#plan.left.map(({ name, reason }): DiskResult => ({
      name,
      method: 'none',
      outcome: 'left',
      reason,
      bytes: 0,
      timeMs: 0,
    }));
    return [...(this.#copy?.results(moved) ?? []), ...left];
  }

  /** Gives up what is in work, and leaves nothing behind. Never throws. */
  async close(): Promise<void> {
    this.#o.source.off('event', this.#onEvent);
    this.#stop.abort();
    await this.#switching;
    await this.#copy?.close();
  }

  readonly #onEvent = ({ event, data }: QmpEvent) => {
    if (event === 'MIGRATION' && data['status'] === 'pre-switchover') this.#switching ??= this.#switchOver();
  };

  /** The guest has stopped, and QEMU waits for a word of ours. */
  async #switchOver(): Promise<void> {
    const { source, onMoment } = this.#o;
    try {
      await this.#copy?.switchOver(this.#stop.signal);
      onMoment('disks-switched');
      await continueMigration(source);
    } catch (error) {
      // Here it is safe to cancel: the devices' state, without which nobody can run the VM, has not left yet.
      await source.execute('migrate_cancel').catch(() => undefined);
      if (!(error instanceof XiaError)) throw error;
    }
  }
}
