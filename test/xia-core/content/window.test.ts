import { describe, expect, it } from 'vitest';
import { FetchWindow } from '../../../xia-core/src/content/index.js';

describe('FetchWindow', () => {
  it('doubles per round trip up to its limit', () => {
    const window = new FetchWindow({ initialBytes: 40_000, maxBytes: 100_000 });
    window.grow(40_000, 0, 10, 10, 1200);
    expect(window.bytes).toBe(80_000);
    window.grow(80_000, 10, 20, 10, 1200);
    expect(window.bytes).toBe(100_000);
  });

  it('halves once for all losses of one round trip', () => {
    const window = new FetchWindow({ initialBytes: 64_000 });
    window.lost(5, 10);
    window.lost(6, 11);
    window.lost(9, 12);
    expect(window.bytes).toBe(32_000);
    window.lost(10, 13);
    expect(window.bytes).toBe(16_384);
  });

  it('then grows by a segment per round trip, and by time', () => {
    const window = new FetchWindow({ initialBytes: 64_000 });
    window.lost(0, 1);
    window.grow(32_000, 1, 11, 10, 1000);
    expect(window.bytes).toBe(33_000);
    const slow = new FetchWindow({ initialBytes: 8_000_000 });
    slow.lost(0, 1);
    const after = slow.bytes;
    for (let now = 100; now < 40_000; now += 100) slow.grow(slow.bytes, now - 100, now, 100, 1000);
    // A segment a round trip would have been 400 kB; the cubic is back where the loss was, and beyond.
    expect(slow.bytes).toBeGreaterThan(2 * after);
  });

  it('starts from the bottom after silence, but only once', () => {
    const window = new FetchWindow({ initialBytes: 400_000, minBytes: 10_000 });
    window.collapse(10);
    window.collapse(20);
    expect(window.bytes).toBe(10_000);
    window.grow(150_000, 20, 30, 10, 1000);
    expect([window.bytes, window.inSlowStart]).toEqual([160_000, true]);
    window.grow(50_000, 30, 40, 10, 1000);
    expect(window.inSlowStart).toBe(false);
  });

  it('stops doubling when round trips grow', () => {
    const window = new FetchWindow({ initialBytes: 64_000 });
    for (let i = 0; i < 3; i++) window.sampled(80, 20, i);
    window.sampled(21, 20, 3);
    expect(window.inSlowStart).toBe(true);
    for (let i = 0; i < 4; i++) window.sampled(26, 20, 4 + i);
    expect([window.inSlowStart, window.bytes]).toEqual([false, 64_000]);
    window.reset(10);
    expect(window.inSlowStart).toBe(true);
  });
});
