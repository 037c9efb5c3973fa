import { describe, expect, it } from 'vitest';
import { RttEstimator } from '../../../xia-core/src/congestion/rtt-estimator.js';

describe('RttEstimator', () => {
  it('begins with a guess, then with the first sample', () => {
    const rtt = new RttEstimator({ initialMs: 200 });
    expect([rtt.smoothedMs, rtt.timeoutMs(), rtt.measured, rtt.minMs]).toEqual([200, 600, false, Infinity]);
    rtt.sample(40);
    expect([rtt.smoothedMs, rtt.varianceMs, rtt.minMs, rtt.timeoutMs()]).toEqual([40, 20, 40, 120]);
  });

  it('smooths as RFC 6298 does', () => {
    const rtt = new RttEstimator();
    rtt.sample(40);
    rtt.sample(80);
    expect(rtt.varianceMs).toBe(0.75 * 20 + 0.25 * 40);
    expect(rtt.smoothedMs).toBe(45);
  });

  it('takes the acknowledgement delay off, but not below the minimum', () => {
    const rtt = new RttEstimator();
    rtt.sample(40);
    rtt.sample(60, 20);
    expect(rtt.smoothedMs).toBe(40);
    rtt.sample(50, 20);
    expect(rtt.smoothedMs).toBe(41.25);
  });

  it('never waits less than the clock can tell', () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 200; i++) rtt.sample(10);
    expect(rtt.timeoutMs()).toBeCloseTo(11, 5);
  });

  it('ignores what is no time', () => {
    const rtt = new RttEstimator();
    for (const sample of [-1, Number.NaN, Infinity]) rtt.sample(sample);
    expect(rtt.measured).toBe(false);
  });

  it('forgets a path, and keeps it as the first guess', () => {
    const rtt = new RttEstimator();
    rtt.sample(30);
    rtt.reset();
    expect([rtt.measured, rtt.smoothedMs, rtt.minMs]).toEqual([false, 30, Infinity]);
    rtt.sample(90);
    expect(rtt.smoothedMs).toBe(90);
  });
});
