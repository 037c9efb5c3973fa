import { describe, expect, it } from 'vitest';
import { PaceMeter, type Estimate } from '../../../migrate/src/pace/pace-meter.js';
import { SimulatedGuest, type SimulatedGuestOptions } from './simulated-guest.js';

const MB = 1e6;
const usual: SimulatedGuestOptions = { memoryBytes: 200 * MB, bytesPerSecond: 50 * MB, dirtyBytesPerSecond: 0, busyBytes: 100 * MB };

/** Follows a guest to its end, or for a minute, with what was estimated on the way. */
function follow(
  options: Partial<SimulatedGuestOptions>,
  downtimeLimitMs = 300,
): { endMs: number; estimates: { atMs: number; estimate: Estimate }[] } {
  const guest = new SimulatedGuest({ ...usual, ...options }, downtimeLimitMs);
  const meter = new PaceMeter();
  const estimates: { atMs: number; estimate: Estimate }[] = [];
  while (!guest.isOver && guest.atMs < 60_000) {
    meter.handle(guest.next());
    estimates.push({ atMs: guest.atMs, estimate: meter.estimate(guest.atMs, downtimeLimitMs) });
  }
  return { endMs: guest.atMs, estimates };
}

describe('the estimate of the end', () => {
  it('is right for an idle guest, from the first second on', () => {
    const { endMs, estimates } = follow({});
    for (const { atMs, estimate } of estimates.filter((entry) => entry.atMs >= 1000 && entry.atMs < endMs - 500)) {
      expect(estimate.kind).toBe('converging');
      if (estimate.kind === 'converging') expect(Math.abs(atMs + estimate.remainingMs - endMs)).toBeLessThan(600);
    }
  });

  it('counts what a busy guest changes meanwhile, once that was measured', () => {
    const { endMs, estimates } = follow({ dirtyBytesPerSecond: 20 * MB });
    expect(endMs).toBeGreaterThan(5000);
    const second = estimates.find(({ atMs }) => atMs > 4500)!;
    expect(second.estimate.kind).toBe('converging');
    if (second.estimate.kind === 'converging') expect(Math.abs(second.atMs + second.estimate.remainingMs - endMs)).toBeLessThan(1500);
  });

  it.each<[string, Partial<SimulatedGuestOptions>]>([
    ['changes more than is carried', { dirtyBytesPerSecond: 80 * MB, busyBytes: 200 * MB }],
    ['writes to the same pages all the time', { dirtyBytesPerSecond: 500 * MB, busyBytes: 40 * MB }],
  ])('says so of a guest that %s', (_what, options) => {
    const { endMs, estimates } = follow(options);
    expect(endMs).toBeGreaterThanOrEqual(60_000);
    const late = estimates.filter(({ atMs }) => atMs > 20_000);
    expect(late.filter(({ estimate }) => estimate.kind === 'not-converging').length).toBeGreaterThan(late.length / 2);
  });

  it('says for how long nothing has moved', () => {
    const meter = new PaceMeter();
    expect(meter.estimate(0, 300)).toEqual({ kind: 'unknown' });
    const sample = { pass: 1, remainingBytes: MB, dirtyBytesPerSecond: 0 };
    for (let atMs = 0; atMs <= 5000; atMs += 500) meter.handle({ ...sample, atMs });
    expect(meter.estimate(5000, 300)).toEqual({ kind: 'stalled', forMs: 5000 });
    meter.handle({ ...sample, atMs: 5500, remainingBytes: MB / 2 });
    expect(meter.estimate(5500, 300).kind).toBe('converging');
  });

  it('forgets the haste of the first pass, which goes through empty memory', () => {
    const meter = new PaceMeter();
    meter.handle({ atMs: 0, pass: 1, remainingBytes: 1000 * MB, dirtyBytesPerSecond: 0 });
    meter.handle({ atMs: 1000, pass: 1, remainingBytes: 0, dirtyBytesPerSecond: 0 });
    meter.handle({ atMs: 1100, pass: 2, remainingBytes: 100 * MB, dirtyBytesPerSecond: 0 });
    meter.handle({ atMs: 1200, pass: 2, remainingBytes: 99 * MB, dirtyBytesPerSecond: 0 });
    expect(meter.bytesPerSecond).toBeCloseTo(10 * MB, -3);
  });
});
