import { describe, expect, it } from 'vitest';
import { ShortStop } from '../../../migrate/src/pace/short-stop.js';

describe('how long a guest may stand still', () => {
  it('is little at first, and all that is allowed from the third pass on, said once', () => {
    const stop = new ShortStop(300);
    expect(stop.firstLimitMs).toBe(30);
    expect([1, 1, 2, 2].map((pass) => stop.handle({ status: 'active', pass }))).toEqual([undefined, undefined, undefined, undefined]);
    expect(stop.handle({ status: 'device', pass: 3 })).toBeUndefined();
    expect(stop.handle({ status: 'active', pass: 3 })).toBe(300);
    expect(stop.handle({ status: 'active', pass: 4 })).toBeUndefined();
  });

  it('is never more than what is allowed', () => {
    for (const limitMs of [1, 10, 30]) {
      const stop = new ShortStop(limitMs);
      expect(stop.firstLimitMs).toBe(limitMs);
      expect(stop.handle({ status: 'active', pass: 9 })).toBeUndefined();
    }
  });

  it('is all that is allowed at once where little may be carried in a short stop', () => {
    const slow = new ShortStop(300, 10e6);
    expect(slow.firstLimitMs).toBe(300);
    expect(slow.handle({ status: 'active', pass: 9 })).toBeUndefined();
    expect(new ShortStop(300, 100e6).firstLimitMs).toBe(30);
  });
});
