import { describe, expect, it } from 'vitest';
import { Bbr } from '../../../xia-core/src/congestion/bbr.js';
import { BbrPhase } from '../../../xia-core/src/congestion/bbr-phases.js';
import { SimulatedPath } from './simulated-path.js';

const MS = 1;
const SECOND = 1000 * MS;
/** 20 Mbit/s. */
const RATE = 2500;

function begun(path: SimulatedPath, ms: number): Bbr {
  const bbr = new Bbr();
  path.run(bbr, ms);
  return bbr;
}

describe('BBR on a simulated bottleneck', () => {
  it('goes through startup and drain, then cycles, and looks for the round trip', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 100_000 });
    const bbr = new Bbr();
    const phases: string[] = [];
    path.onAck = () => {
      if (phases.at(-1) !== bbr.phase) phases.push(bbr.phase);
    };
    path.run(bbr, 12 * SECOND);
    expect(phases.slice(0, 7)).toEqual([
      BbrPhase.STARTUP,
      BbrPhase.DRAIN,
      BbrPhase.DOWN,
      BbrPhase.CRUISE,
      BbrPhase.REFILL,
      BbrPhase.UP,
      BbrPhase.DOWN,
    ]);
    expect(phases.filter((phase) => phase === BbrPhase.UP).length).toBeGreaterThanOrEqual(3);
    expect(phases).toContain(BbrPhase.PROBE_RTT);
    expect(phases.filter((phase) => phase === BbrPhase.STARTUP)).toHaveLength(1);
  });

  it('finds the bandwidth within 1 s, and keeps the queue short', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 1_000_000 });
    const bbr = begun(path, SECOND);
    expect(bbr.bandwidthBytesPerMs / RATE).toBeGreaterThan(0.95);
    expect(bbr.bandwidthBytesPerMs / RATE).toBeLessThan(1.05);
    const before = path.delivered;
    let longestQueue = 0;
    path.onAck = () => (longestQueue = Math.max(longestQueue, path.queued));
    path.run(bbr, 8 * SECOND);
    expect((path.delivered - before) / (8 * SECOND * RATE)).toBeGreaterThan(0.93);
    expect(longestQueue).toBeLessThan(1.5 * RATE * 40);
  });

  it.each([
    ['1 % of random loss', 0.01, 0.9],
    ['5 % of random loss', 0.05, 0.8],
  ])('is not slowed down by %s', (_, loss, share) => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 100_000, loss, seed: 7 });
    const bbr = begun(path, 2 * SECOND);
    const before = path.delivered;
    path.run(bbr, 10 * SECOND);
    expect((path.delivered - before) / (10 * SECOND * RATE)).toBeGreaterThan(share * (1 - loss));
  });

  it('ends startup when a small queue overflows, and does not flood it afterwards', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 20_000 });
    const bbr = begun(path, 2 * SECOND);
    expect(bbr.phase).not.toBe(BbrPhase.STARTUP);
    const [sent, lost] = [path.sent, path.lost];
    path.run(bbr, 10 * SECOND);
    expect((path.lost - lost) / (path.sent - sent)).toBeLessThan(0.02);
  });

  it('follows a path that becomes faster, and one that becomes slower', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 200_000 });
    const bbr = begun(path, 3 * SECOND);
    path.rate = 4 * RATE;
    path.run(bbr, 12 * SECOND);
    expect(bbr.bandwidthBytesPerMs / (4 * RATE)).toBeGreaterThan(0.9);
    path.rate = RATE;
    path.run(bbr, 8 * SECOND);
    expect(bbr.bandwidthBytesPerMs / RATE).toBeLessThan(1.3);
  });

  it('believes a longer round trip after 10 s', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 20, queueBytes: 200_000 });
    const bbr = begun(path, 3 * SECOND);
    path.rttMs = 60;
    path.run(bbr, 15 * SECOND);
    const before = path.delivered;
    path.run(bbr, 4 * SECOND);
    expect((path.delivered - before) / (4 * SECOND * RATE)).toBeGreaterThan(0.9);
  });

  it('takes a limit back that was set because of packets that were only late', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 400_000 });
    const bbr = begun(path, 3 * SECOND);
    // A round trip that has grown looks like a queue; so a loss of a tenth of a round counts.
    path.rttMs = 60;
    path.run(bbr, 200);
    const before = bbr.windowBytes;
    bbr.lost(60_000, path.now, 40_000, path.now);
    path.run(bbr, 20);
    expect(bbr.windowBytes).toBeLessThan(before);
    bbr.spurious(path.now);
    path.run(bbr, 200);
    expect(bbr.windowBytes).toBeGreaterThanOrEqual(before * 0.9);
  });

  it('falls to two packets when everything was lost, and is back within a few round trips', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 200_000 });
    const bbr = begun(path, 3 * SECOND);
    const before = bbr.windowBytes;
    bbr.collapsed(path.now);
    expect(bbr.windowBytes).toBe(2 * path.packetBytes);
    path.run(bbr, 500);
    expect(bbr.windowBytes).toBeGreaterThan(0.7 * before);
  });

  it('begins anew on another path', () => {
    const path = new SimulatedPath({ rate: RATE, rttMs: 40, queueBytes: 200_000 });
    const bbr = begun(path, 3 * SECOND);
    bbr.reset(path.now);
    expect([bbr.phase, bbr.windowBytes, bbr.paceBytesPerMs, bbr.bandwidthBytesPerMs]).toEqual([BbrPhase.STARTUP, 12_000, Infinity, 0]);
  });

  it('keeps two large packets in flight', () => {
    const path = new SimulatedPath({ rate: 100_000, rttMs: 1, queueBytes: 1_000_000, packetBytes: 60_000 });
    const bbr = begun(path, 2 * SECOND);
    expect(bbr.windowBytes).toBeGreaterThanOrEqual(120_000);
    const before = path.delivered;
    path.run(bbr, 6 * SECOND);
    expect((path.delivered - before) / (6 * SECOND * 100_000)).toBeGreaterThan(0.9);
  });
});
