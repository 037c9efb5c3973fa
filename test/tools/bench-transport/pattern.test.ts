import { describe, expect, it } from 'vitest';
import { MAX_PIECE_BYTES, Pattern, PatternCheck } from '../../../tools/src/bench-transport/pattern.js';

const PERIOD_BYTES = 4_194_301;

describe('Pattern', () => {
  const pattern = new Pattern();

  it('repeats after its period, and gives pieces across it in one place', () => {
    const across = pattern.piece(PERIOD_BYTES - 10, 20);
    expect(across.subarray(10)).toEqual(pattern.piece(0, 10));
    expect(pattern.piece(3 * PERIOD_BYTES + 5, MAX_PIECE_BYTES).equals(pattern.piece(5, MAX_PIECE_BYTES))).toBe(true);
  });

  it('tells bytes at their place from the same bytes elsewhere', () => {
    const piece = pattern.piece(1000, 3 * 65_536);
    expect([pattern.matches(1000, piece), pattern.matches(1001, piece)]).toEqual([true, false]);
  });

  it('compares more than a piece at a time', () => {
    const long = Buffer.concat([pattern.piece(7, MAX_PIECE_BYTES), pattern.piece(7 + MAX_PIECE_BYTES, 100)]);
    expect(pattern.matches(7, long)).toBe(true);
    long[MAX_PIECE_BYTES + 50]! ^= 1;
    expect(pattern.matches(7, long)).toBe(false);
  });
});

describe('PatternCheck', () => {
  it('counts pieces that are wrong, left out or repeated', () => {
    const pattern = new Pattern();
    const right = new PatternCheck(pattern);
    for (let at = 0; at < 50_000; at += 1000) right.take(pattern.piece(at, 1000));
    expect([right.bytes, right.wrong]).toEqual([50_000, 0]);
    const repeated = new PatternCheck(pattern);
    for (const at of [0, 1000, 1000, 2000]) repeated.take(pattern.piece(at, 1000));
    expect([repeated.bytes, repeated.wrong]).toEqual([4000, 2]);
  });
});
