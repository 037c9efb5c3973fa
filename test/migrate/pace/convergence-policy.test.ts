import { describe, expect, it } from 'vitest';
import { ConvergencePolicy, type ConvergenceLimits, type PaceStep } from '../../../migrate/src/pace/convergence-policy.js';
import { PaceMeter } from '../../../migrate/src/pace/pace-meter.js';
import { SimulatedGuest, type SimulatedGuestOptions } from './simulated-guest.js';

const MB = 1e6;
const usual: SimulatedGuestOptions = { memoryBytes: 200 * MB, bytesPerSecond: 50 * MB, dirtyBytesPerSecond: 0, busyBytes: 100 * MB };
const LONGEST_MS = 600_000;

/** Lets the policy steer a guest, as QEMU would obey it. */
function steer(
  options: Partial<SimulatedGuestOptions>,
  limits: Partial<ConvergenceLimits> = {},
): { steps: PaceStep[]; moved: boolean; guest: SimulatedGuest } {
  const all = { downtimeLimitMs: 300, maxDowntimeMs: 300, ...limits };
  const guest = new SimulatedGuest({ ...usual, ...options }, all.downtimeLimitMs);
  const [policy, meter] = [new ConvergencePolicy(all), new PaceMeter()];
  const steps: PaceStep[] = [];
  while (!guest.isOver && guest.atMs < LONGEST_MS) {
    const sample = guest.next();
    meter.handle(sample);
    const step = policy.handle(sample, meter.bytesPerSecond);
    if (step === undefined) continue;
    steps.push(step);
    if (step.kind === 'throttle') guest.throttlePercent = step.percent;
    if (step.kind === 'downtime') guest.downtimeLimitMs = step.limitMs;
    if (step.kind === 'give-up') break;
  }
  return { steps, moved: guest.isOver, guest };
}

describe('what is done for a guest that does not converge', () => {
  it.each([0, 5, 20, 30])('is nothing where it does: %i MB/s changed, 50 carried', (rate) => {
    expect(steer({ dirtyBytesPerSecond: rate * MB })).toMatchObject({ moved: true, steps: [] });
  });

  it('is a throttle, no more of it than is needed', () => {
    const { steps, moved, guest } = steer({ dirtyBytesPerSecond: 80 * MB, busyBytes: 150 * MB });
    expect(moved).toBe(true);
    expect(steps.every(({ kind }) => kind === 'throttle')).toBe(true);
    expect(guest.throttlePercent).toBeLessThan(99);
    expect(guest.atMs).toBeLessThan(120_000);
  });

  it('goes on step by step where writing to the same pages hides how much it is', () => {
    const { steps, moved } = steer({ dirtyBytesPerSecond: 2000 * MB, busyBytes: 60 * MB });
    expect(moved).toBe(true);
    const percents = steps.flatMap((step) => (step.kind === 'throttle' ? step.percent : []));
    expect(percents.length).toBeGreaterThan(1);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
  });

  it('is a longer stop where that helps sooner than a crawl, and never longer than allowed', () => {
    const { steps, moved } = steer({ dirtyBytesPerSecond: 50_000 * MB, busyBytes: 40 * MB }, { maxDowntimeMs: 2000 });
    expect(moved).toBe(true);
    expect(steps.map(({ kind }) => kind)).toEqual(['throttle', 'throttle', 'downtime']);
    const last = steps.at(-1)!;
    expect(last.kind === 'downtime' && last.limitMs > 300 && last.limitMs <= 2000).toBe(true);
  });

  it('is to give up at the end, with the reason', () => {
    const { steps, moved } = steer({ dirtyBytesPerSecond: 50_000 * MB, busyBytes: 150 * MB }, { maxDowntimeMs: 1000 });
    expect(moved).toBe(false);
    const kinds = steps.map(({ kind }) => kind);
    expect(kinds.slice(-2)).toEqual(['downtime', 'give-up']);
    const last = steps.at(-1)!;
    expect(last.kind === 'give-up' && last.reason).toMatch(/faster than it is carried: the rest would take \d+ ms.*1000 ms/);
  });

  it('slows nobody down without steps of the throttle', () => {
    const { steps } = steer({ dirtyBytesPerSecond: 500 * MB, busyBytes: 150 * MB }, { throttleSteps: [] });
    expect(steps.map(({ kind }) => kind)).toEqual(['give-up']);
  });

  it('says nothing more after it gave up, and takes its time', () => {
    const policy = new ConvergencePolicy({ downtimeLimitMs: 100, maxDowntimeMs: 100, throttleSteps: [] });
    const said: PaceStep[] = [];
    // Passes within a few milliseconds of each other say nothing.
    for (let pass = 1; pass < 40; pass++) {
      const step = policy.handle({ atMs: pass * 10, pass, remainingBytes: MB, dirtyBytesPerSecond: MB }, MB);
      if (step !== undefined) said.push(step);
    }
    expect(said).toEqual([]);
    for (let pass = 40; pass < 80; pass++) {
      const step = policy.handle({ atMs: pass * 1000, pass, remainingBytes: MB, dirtyBytesPerSecond: MB }, MB);
      if (step !== undefined) said.push(step);
    }
    expect(said.map(({ kind }) => kind)).toEqual(['give-up']);
  });
});
