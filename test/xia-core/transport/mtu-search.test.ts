import { describe, expect, it } from 'vitest';
import { BASE_MTU, LEAST_MTU, MtuSearch, MtuState } from '../../../xia-core/src/transport/mtu-search.js';

/** A search that has just found that packets of `limit` bytes vanish. */
function fallen(limit: number): MtuSearch {
  const search = new MtuSearch();
  search.limit(limit, 0);
  for (let sentMs = 1; sentMs <= 3; sentMs++) search.lost(limit, sentMs);
  search.acked(BASE_MTU, 4);
  return search;
}

/** Answers probes as a path would that carries `passes` bytes, until none is wanted; says how many there were. */
function probe(search: MtuSearch, passes: number): number {
  let probes = 0;
  while (search.wantsProbe) {
    const size = search.nextProbe;
    search.probeSent();
    expect(search.wantsProbe).toBe(false);
    if (size <= passes) search.probeAcked(size);
    else search.probeLost(size);
    expect(++probes).toBeLessThan(100);
  }
  return probes;
}

describe('MtuSearch', () => {
  it('trusts what the face says, and follows it down', () => {
    const search = new MtuSearch();
    search.limit(1472, 0);
    expect([search.state, search.packetBytes, search.wantsProbe]).toEqual([MtuState.TRUSTING, 1472, false]);
    search.limit(1300, 1);
    expect([search.state, search.packetBytes, search.foundBytes]).toEqual([MtuState.TRUSTING, 1300, 0]);
  });

  it('tries a limit that rose before it uses it', () => {
    const search = new MtuSearch();
    search.limit(1300, 0);
    search.limit(8972, 1);
    expect([search.state, search.packetBytes, search.nextProbe]).toEqual([MtuState.SEARCHING, 1300, 8972]);
    probe(search, 8972);
    expect([search.state, search.packetBytes]).toEqual([MtuState.SETTLED, 8972]);
  });

  it('takes no loss for a black hole as long as a packet of the size that was sent later has passed', () => {
    const search = new MtuSearch();
    search.limit(1472, 0);
    search.acked(1472, 10);
    for (let sentMs = 1; sentMs <= 9; sentMs++) search.lost(1472, sentMs);
    expect(search.packetBytes).toBe(1472);
    search.lost(1472, 11);
    search.lost(1472, 12);
    search.acked(1472, 13);
    search.lost(1472, 14);
    search.lost(1472, 15);
    search.acked(200, 16);
    expect(search.packetBytes).toBe(1472);
  });

  it('waits for something that passes: silence is no black hole', () => {
    const search = new MtuSearch();
    search.limit(1472, 0);
    search.acked(300, 0);
    for (let sentMs = 1; sentMs <= 30; sentMs++) search.lost(1472, sentMs);
    expect(search.blackHoles).toBe(0);
    search.acked(300, 31);
    expect([search.blackHoles, search.packetBytes]).toEqual([1, BASE_MTU]);
  });

  it('is back at the old size with one probe when it was mistaken', () => {
    const search = fallen(1472);
    expect([search.packetBytes, search.nextProbe]).toEqual([BASE_MTU, 1472]);
    expect(probe(search, 1472)).toBe(1);
    expect([search.state, search.packetBytes, search.foundBytes]).toEqual([MtuState.SETTLED, 1472, 0]);
  });

  it('finds what passes, to within two percent, and stays below it', () => {
    for (const limit of [1472, 8972, 65_507]) {
      for (let passes = BASE_MTU; passes < limit; passes += 37) {
        const search = fallen(limit);
        expect(probe(search, passes)).toBeLessThan(50);
        expect(search.packetBytes).toBeLessThanOrEqual(passes);
        expect(search.packetBytes).toBeGreaterThan(passes - 17 - passes / 50);
        expect(search.foundBytes).toBe(search.packetBytes);
      }
    }
  });

  it('falls below the base when that does not pass either, and forgets nothing that is to be tried', () => {
    const search = fallen(1472);
    for (let sentMs = 5; sentMs <= 7; sentMs++) search.lost(BASE_MTU, sentMs);
    search.acked(LEAST_MTU, 8);
    expect([search.packetBytes, search.nextProbe, search.blackHoles]).toEqual([LEAST_MTU, BASE_MTU, 2]);
    probe(search, 1472);
    expect(search.packetBytes).toBeGreaterThan(1400);
  });

  it('counts what left before the fall only once', () => {
    const search = fallen(1472);
    for (let sentMs = 1; sentMs <= 4; sentMs++) search.lost(BASE_MTU, sentMs);
    for (let sentMs = 5; sentMs <= 9; sentMs++) search.lost(1472, sentMs);
    search.acked(300, 10);
    expect([search.packetBytes, search.blackHoles]).toEqual([BASE_MTU, 1]);
  });

  it('tries again after ten minutes', () => {
    const search = fallen(1472);
    probe(search, 1300);
    search.limit(1472, 1000);
    search.limit(1472, 600_999);
    expect(search.wantsProbe).toBe(false);
    search.limit(1472, 601_000);
    expect(search.nextProbe).toBe(1472);
  });

  it('knows nothing of another path', () => {
    const search = fallen(1472);
    probe(search, 1300);
    search.reset();
    search.limit(1472, 5);
    expect([search.state, search.packetBytes]).toEqual([MtuState.TRUSTING, 1472]);
  });
});
