import { describe, expect, it } from 'vitest';
import { NeighbourLimiter } from '../../../xia-core/src/bytes/neighbour-limiter.js';

const taken = (limiter: NeighbourLimiter, face: number, neighbour: number, now: number, times = 100): number =>
  Array.from({ length: times }, () => limiter.take(face, neighbour, now)).filter(Boolean).length;

describe('a budget for each neighbour', () => {
  it('is its burst, then its rate, whatever others do', () => {
    const limiter = new NeighbourLimiter({ ratePerSecond: 10, burst: 3, faceShares: 4 });
    expect(taken(limiter, 1, 1, 0)).toBe(3);
    expect(taken(limiter, 1, 2, 0)).toBe(3);
    expect(taken(limiter, 2, 1, 0)).toBe(3);
    expect(taken(limiter, 1, 1, 100)).toBe(1);
    expect(taken(limiter, 1, 1, 10_000)).toBe(3);
    expect(limiter.refused).toBe(97 + 97 + 97 + 99 + 97);
  });

  it('is a part of what the face has, which many made-up neighbours share, and no other face', () => {
    const limiter = new NeighbourLimiter({ ratePerSecond: 10, burst: 3, faceShares: 4 });
    let of1 = 0;
    for (let neighbour = 1; neighbour <= 50; neighbour++) of1 += taken(limiter, 1, neighbour, 0, 3);
    expect(of1).toBe(12);
    expect(taken(limiter, 2, 1, 0)).toBe(3);
  });

  it('is kept for a bounded number of neighbours', () => {
    const limiter = new NeighbourLimiter({ ratePerSecond: 1, burst: 1, faceShares: 1000, maxNeighbours: 8 });
    for (let neighbour = 1; neighbour <= 20; neighbour++) limiter.take(1, neighbour, 0);
    expect(limiter.gauge('budgets')).toEqual({ name: 'budgets', unit: 'entries', used: 8, highWater: 8, bound: 8, refused: 12 });
    expect(limiter.take(1, 20, 0)).toBe(false);
    expect(limiter.take(1, 1, 0), 'forgotten, so it begins anew').toBe(true);
  });
});
