import { describe, expect, it } from 'vitest';
import type { CongestionName } from '../../../xia-core/src/congestion/controllers.js';
import { Bottleneck } from '../../simulation/bottleneck.js';

const WINDOW_MS = 27;
const OUTAGE_AT_MS = 3000;

/** A stream at 200 Mbit/s and 27 ms for which nothing passes for a while. Returns how long after its first byte from then on it is as fast as before, ms. */
function recoveryMs(congestion: CongestionName, forMs: number, share: number): number {
  const shape = { delayMs: 13.5, bytesPerSecond: 25_000_000, queueBytes: 675_000, blackouts: [{ atMs: OUTAGE_AT_MS, forMs }] };
  const bottleneck = new Bottleneck({ seed: 1, there: shape, back: shape, mtu: 1472, tickMs: 1, flows: [{ congestion }] });
  const [flow] = bottleneck.flows;
  bottleneck.runFor(OUTAGE_AT_MS - 1000);
  const earlier = flow!.received;
  bottleneck.runFor(1000);
  const before = (flow!.received - earlier) / 1000;
  bottleneck.runFor(forMs);
  const atEnd = flow!.received;
  while (flow!.received === atEnd && bottleneck.now < 20_000) bottleneck.runFor(1);
  const firstMs = bottleneck.now;
  while (bottleneck.now < firstMs + 20_000) {
    const last = flow!.received;
    bottleneck.runFor(WINDOW_MS);
    if ((flow!.received - last) / WINDOW_MS >= share * before) break;
  }
  return bottleneck.now - firstMs;
}

/** 2 MB, of which an outage after 100 ms has seen little; clean they take 250 ms. Returns when they are there, without the outage. */
function transferMs(congestion: CongestionName, forMs: number): number {
  const shape = { delayMs: 13.5, bytesPerSecond: 25_000_000, queueBytes: 675_000, blackouts: [{ atMs: 100, forMs }] };
  const flows = [{ congestion, bytes: 2_000_000 }];
  const bottleneck = new Bottleneck({ seed: 1, there: shape, back: shape, mtu: 1472, tickMs: 1, flows });
  while (bottleneck.flows[0]!.received < 2_000_000 && bottleneck.now < 30_000) bottleneck.runFor(10);
  return bottleneck.now - forMs;
}

describe('after an outage', () => {
  it.each([
    ['bbr', 200],
    ['bbr', 500],
    ['bbr', 2000],
    ['cubic', 500],
    ['cubic', 2000],
    ['new-reno', 500],
    ['new-reno', 2000],
  ] as const)('in its start %s begins as a new connection does: %d ms', (name, forMs) => {
    // Up to 400 ms until the next probe are in it.
    expect(transferMs(name, forMs)).toBeLessThan(900);
  });

  it.each([200, 500, 2000])('of %d ms BBR is as fast as before within ten round trips', (forMs) => {
    expect(recoveryMs('bbr', forMs, 0.9)).toBeLessThan(300);
  });

  it.each([
    ['cubic', 500],
    ['cubic', 2000],
    ['new-reno', 500],
    ['new-reno', 2000],
  ] as const)('%s is at half of before within ten round trips: %d ms', (name, forMs) => {
    expect(recoveryMs(name, forMs, 0.5)).toBeLessThan(300);
  });
});
