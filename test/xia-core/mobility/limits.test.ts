import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { BeaconToken, TOKEN_EPOCH_MS } from '../../../xia-core/src/mobility/beacon-token.js';
import { KeyedRateLimiter } from '../../../xia-core/src/bytes/rate-limiter.js';
import { SequenceSource } from '../../../xia-core/src/bytes/sequence.js';

describe('a rate limiter', () => {
  it('gives each key its burst, then its rate', () => {
    const limiter = new KeyedRateLimiter({ ratePerSecond: 10, burst: 3, maxKeys: 10 });
    const take = (key: string, now: number, times: number): number =>
      Array.from({ length: times }, () => limiter.take(key, now)).filter(Boolean).length;
    expect(take('a', 0, 9)).toBe(3);
    expect(take('b', 0, 9)).toBe(3);
    expect(take('a', 100, 9)).toBe(1);
    expect(take('a', 10_000, 9)).toBe(3);
  });

  it('forgets the key not seen for longest', () => {
    const limiter = new KeyedRateLimiter({ ratePerSecond: 1, burst: 1, maxKeys: 2 });
    for (const key of ['a', 'b', 'a']) limiter.take(key, 0);
    limiter.take('c', 0);
    expect(limiter.take('a', 0)).toBe(false);
    expect(limiter.take('b', 0)).toBe(true);
  });
});

describe('a sequence source', () => {
  it('follows the wall clock, and never stands or goes back', () => {
    const source = new SequenceSource();
    expect([1000, 1000, 900, 5000.7].map((wall) => source.next(wall))).toEqual([1000, 1001, 1002, 5000]);
    source.skipPast(9000);
    expect(source.next(0)).toBe(9001);
    source.skip(10);
    expect(source.next(0)).toBe(9012);
  });
});

describe('a beacon token', () => {
  it('is good for its epoch and the next', () => {
    const token = new BeaconToken(nodeCrypto, new SeededRandom(1));
    const first = token.current(0);
    expect(first).toHaveLength(16);
    expect(token.current(TOKEN_EPOCH_MS - 1)).toEqual(first);
    expect(token.current(TOKEN_EPOCH_MS)).not.toEqual(first);
    expect([0, 1, 2].map((epoch) => token.accepts(first, epoch * TOKEN_EPOCH_MS))).toEqual([true, true, false]);
    expect(new BeaconToken(nodeCrypto, new SeededRandom(2)).accepts(first, 0)).toBe(false);
  });
});
