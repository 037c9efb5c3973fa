/** What a move will take, worked out before it begins. */
export interface Expectation {
  readonly converges: boolean;
  /** Until the guest runs at the destination, ms; when it does not converge, until that is plain. */
  readonly totalMs: number;
  readonly passes: number;
  /** For how long the guest stands still, ms. */
  readonly stoppedMs: number;
}

export interface ExpectationInput {
  readonly memoryBytes: number;
  readonly bytesPerSecond: number;
  readonly dirtyBytesPerSecond: number;
  readonly downtimeLimitMs: number;
}

const MOST_PASSES = 30;
/** A pass that leaves more than this share of the one before does not lead to an end in reasonable time. */
const LARGEST_SHARE = 0.95;

/**
 * Goes through the passes of a pre-copy migration: each carries what the guest changed during the one before, until the rest fits
 * the downtime. The memory is taken to be full; what is empty goes faster.
 */
export function expectMove({ memoryBytes, bytesPerSecond, dirtyBytesPerSecond, downtimeLimitMs }: ExpectationInput): Expectation {
  let leftBytes = memoryBytes;
  let totalMs = 0;
  for (let passes = 0; passes < MOST_PASSES; passes++) {
    const passMs = (1000 * leftBytes) / bytesPerSecond;
    if (passMs <= downtimeLimitMs) return { converges: true, totalMs: Math.round(totalMs + passMs), passes, stoppedMs: Math.round(passMs) };
    totalMs += passMs;
    const changedBytes = Math.min(memoryBytes, (dirtyBytesPerSecond * passMs) / 1000);
    if (passes > 0 && changedBytes > leftBytes * LARGEST_SHARE) break;
    leftBytes = changedBytes;
  }
  return { converges: false, totalMs: Math.round(totalMs), passes: MOST_PASSES, stoppedMs: 0 };
}
