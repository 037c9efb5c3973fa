/** So many bytes in all had arrived at a moment. Wall-clock ms, in order. */
export interface Progress {
  readonly atMs: number;
  readonly bytes: number;
}

export interface Recovery {
  /** Bytes per second before the move. */
  readonly before: number;
  /** From the resume until the rate was back at the share, ms; undefined when it did not come back. */
  readonly recoveredMs: number | undefined;
  /** Bytes per second in the last second that was watched. */
  readonly after: number;
}

export interface RecoveryQuestion {
  /** What is asked of the rate before the move: 0.9. */
  readonly share: number;
  /** The rate at a moment is that of so many ms before it. */
  readonly windowMs: number;
  /** The move began: the rate before that is what is to come back. */
  readonly startedAtMs: number;
  readonly beforeMs: number;
  readonly resumedAtMs: number;
}

const LAST_MS = 1000;

/** Bytes that had arrived at a moment, between two samples in proportion. */
export function bytesAt(samples: readonly Progress[], atMs: number): number {
  const next = samples.findIndex((sample) => sample.atMs >= atMs);
  if (next < 0) return samples.at(-1)?.bytes ?? 0;
  const [before, after] = [samples[next - 1], samples[next]!];
  if (before === undefined || after.atMs === before.atMs) return after.bytes;
  return before.bytes + ((after.bytes - before.bytes) * (atMs - before.atMs)) / (after.atMs - before.atMs);
}

function rate(samples: readonly Progress[], fromMs: number, toMs: number): number {
  return toMs <= fromMs ? 0 : (1000 * (bytesAt(samples, toMs) - bytesAt(samples, fromMs))) / (toMs - fromMs);
}

/**
 * How long after the resume the first window begins in which a flow had the share of the rate that it had before the move. Undefined
 * when the samples do not reach from `beforeMs` before the move to a window after the resume, or nothing flowed before.
 */
export function recoveryOf(samples: readonly Progress[], question: RecoveryQuestion): Recovery | undefined {
  const { share, windowMs, startedAtMs, beforeMs, resumedAtMs } = question;
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first.atMs > startedAtMs - beforeMs || last.atMs < resumedAtMs + windowMs)
    return undefined;
  const before = rate(samples, startedAtMs - beforeMs, startedAtMs);
  if (before === 0) return undefined;
  const after = rate(samples, Math.max(resumedAtMs, last.atMs - LAST_MS), last.atMs);
  const starts = [resumedAtMs, ...samples.map(({ atMs }) => atMs).filter((atMs) => atMs > resumedAtMs)];
  const fast = starts.find((atMs) => atMs + windowMs <= last.atMs && rate(samples, atMs, atMs + windowMs) >= share * before);
  return { before, recoveredMs: fast === undefined ? undefined : fast - resumedAtMs, after };
}
