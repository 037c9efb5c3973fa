import type { BenchMode, MemoryCase } from './modes.js';

/** What a series of moves has in common. */
export interface BenchCase {
  /** How fast the guest rewrites its memory, in MB (10^6 bytes) per second; 0 when it is idle. */
  readonly dirtyMbPerSecond: number;
  readonly memory: MemoryCase;
}

/** One move. Times in ms, sizes in bytes and MB of 10^6 bytes. */
export interface BenchRun extends BenchCase {
  readonly mode: BenchMode;
  /** Within its case; all modes have one move in a round. */
  readonly round: number;
  readonly from: string;
  readonly to: string;
  /** From QEMU's `migrate` command until the guest runs at the destination. */
  readonly totalTimeMs: number;
  /** From the start of `xmigrate run`, which brings up the receiver first. */
  readonly fromRunMs?: number;
  /** As the source's QEMU measured it. */
  readonly qemuDowntimeMs: number;
  /** From STOP at the source to RESUME at the destination, on their monitors. */
  readonly pausedMs: number;
  /** Of the migration stream, as its sender counts them. */
  readonly streamBytes: number;
  /** Of the stream, what the source has sent; the rest was in caches. */
  readonly sentBytes?: number;
  /** Processor seconds by what used them; `qemu` is both. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
  readonly senderPeakRssMb?: number;
  readonly receiverPeakRssMb?: number;
  readonly xpingDowntimeMs?: number;
  readonly xpingLost?: number;
}

/** A move that did not come about; the guest stayed where it was. */
export interface BenchFailure extends BenchCase {
  readonly mode: BenchMode;
  readonly round: number;
  readonly reason: string;
}

export function caseTitle({ dirtyMbPerSecond, memory }: BenchCase): string {
  const load = dirtyMbPerSecond === 0 ? 'idle guest' : `guest that rewrites ${dirtyMbPerSecond} MB/s`;
  return `${load}, destination ${memory === 'as-started' ? 'as started' : 'with its memory pre-faulted'}`;
}
