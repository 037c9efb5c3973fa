import type { BenchCase } from './bench-run.js';
import type { BenchMode } from './modes.js';

/** The medians of one mode in one case; absent keys were not measured. */
export interface ModeMedians {
  readonly runs: number;
  readonly totalTimeMs: number;
  readonly fromRunMs?: number;
  readonly qemuDowntimeMs: number;
  readonly pausedMs: number;
  readonly streamBytes: number;
  readonly sentBytes?: number;
  /** Processor seconds for 10^9 bytes of the stream: of all, and by what used them. */
  readonly cpuSecondsPerGb: number;
  readonly cpuParts: Readonly<Record<string, number>>;
  /** The largest of all runs. */
  readonly senderPeakRssMb?: number;
  readonly receiverPeakRssMb?: number;
  readonly xpingDowntimeMs?: number;
}

/** XIA over another mode. */
export interface ModeRatios {
  /** Median of the quotients of each round. */
  readonly totalTime: number | undefined;
  /** Quotients of the medians. */
  readonly qemuDowntime: number | undefined;
  readonly cpuPerGb: number | undefined;
}

/** What was measured in one case. */
export interface CaseFigures extends BenchCase {
  readonly modes: Readonly<Partial<Record<BenchMode, ModeMedians>>>;
  readonly ratios: Readonly<Partial<Record<BenchMode, ModeRatios>>>;
}
