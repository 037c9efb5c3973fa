import { describe, expect, it } from 'vitest';
import { Ticker, Wait } from '../../../tools/src/xlink/ticker.js';

describe('when packets of an emulated link are looked for', () => {
  it('sleeps until shortly before a packet is due, and waits for it awake', () => {
    const ticker = new Ticker();
    expect(ticker.waitMs(Infinity, 0)).toBe(Wait.NONE);
    expect(ticker.waitMs(27.4, 0)).toBe(26);
    expect(ticker.waitMs(27.4, 26.2)).toBe(Wait.SPIN);
    expect(ticker.dueMs(27)).toBe(27);
  });

  it('looks once a millisecond where packets are many, half of one ahead', () => {
    const ticker = new Ticker();
    ticker.released(1, 100);
    ticker.released(1, 101);
    expect(ticker.waitMs(101.1, 101)).toBe(1);
    expect(ticker.dueMs(102)).toBe(102.5);
    ticker.released(80, 102);
    ticker.released(80, 103);
    expect(ticker.waitMs(103.1, 103)).toBe(1);
  });

  it('is exact again when they are few again', () => {
    const ticker = new Ticker();
    ticker.released(80, 100);
    ticker.released(1, 103);
    ticker.released(1, 106);
    expect(ticker.dueMs(106)).toBe(106);
    ticker.released(80, 107);
    // Nothing left for long.
    ticker.released(1, 500);
    expect(ticker.waitMs(500.5, 500)).toBe(Wait.SPIN);
  });
});
