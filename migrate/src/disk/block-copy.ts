import { setMigrationCapabilities, type MigrationProgress, type QmpClient } from '../qemu/index.js';
import type { DiskCopy, DiskProgress, DiskResult } from './disk-copy.js';
import type { DiskPlan } from './disk-plan.js';

/** QEMU's own block migration (capability `block`, until 9.0): the disks' blocks come in the VM stream, before and beside the memory. */
export class BlockCopy implements DiskCopy {
  readonly capabilities = {
    // A block of zeroes is a mark, and no megabyte of them.
    source: { block: true, 'zero-blocks': true },
    destination: { block: true, 'zero-blocks': true },
  };
  readonly fault = undefined;
  readonly #plan: DiskPlan;
  readonly #qmps: readonly QmpClient[];
  readonly #progress: () => MigrationProgress | undefined;
  #beganAtMs: number | undefined;
  /** QEMU says nothing of disks any more once they are over. */
  #last: MigrationProgress['disk'];

  /** @param progress QEMU's last word about the migration */
  constructor(plan: DiskPlan, qmps: readonly QmpClient[], progress: () => MigrationProgress | undefined) {
    this.#plan = plan;
    this.#qmps = qmps;
    this.#progress = progress;
  }

  async prepare(): Promise<void> {
    this.#beganAtMs = performance.now();
  }

  async switchOver(): Promise<void> {
    // The stream has everything.
  }

  /** QEMU gives one figure for all disks. */
  progress(): DiskProgress[] {
    const disk = (this.#last = this.#progress()?.disk ?? this.#last);
    const state = disk === undefined ? 'waiting' : disk.remainingBytes > 0 ? 'copying' : 'ready';
    const { transferredBytes: doneBytes = 0, totalBytes = 0 } = disk ?? {};
    return [{ name: this.#names(), state, doneBytes, totalBytes, bytesPerSecond: 0, etaMs: undefined }];
  }

  results(moved: boolean): DiskResult[] {
    const timeMs = this.#beganAtMs === undefined ? 0 : Math.round(performance.now() - this.#beganAtMs);
    const bytes = this.#last?.transferredBytes ?? 0;
    const reason = moved ? '' : 'the VM did not move';
    return [{ name: this.#names(), method: 'block', outcome: moved ? 'copied' : 'failed', reason, bytes, timeMs }];
  }

  async close(): Promise<void> {
    // A later migration of these two may want none of it.
    for (const qmp of this.#qmps) await setMigrationCapabilities(qmp, { block: false }).catch(() => undefined);
  }

  #names(): string {
    return this.#plan.pairs.map(({ source }) => source.name).join(', ');
  }
}
