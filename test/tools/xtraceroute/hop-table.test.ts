import { describe, expect, it } from 'vitest';
import { HopTable } from '../../../tools/src/xtraceroute/hop-table.js';

describe('HopTable', () => {
  it('gives the hops in order, one probe at a time', () => {
    const table = new HopTable({ maximumHops: 5, atOnce: 1, timeoutMs: 100 });
    expect(table.nextProbe(0)).toBe(1);
    expect(table.nextProbe(0)).toBeUndefined();
    expect(table.take(1)).toBeUndefined();
    table.answer(1, 'R1', false, 2);
    expect(table.take(2)).toEqual({ hop: 1, from: 'R1', rttMs: 2, isTarget: false });
    expect(table.nextProbe(3)).toBe(2);
    table.answer(2, 'VM', true, 5);
    expect(table.take(5)).toMatchObject({ hop: 2, from: 'VM' });
    expect(table).toMatchObject({ done: true, hops: 2 });
  });

  it('prints a star for a silent hop and goes on', () => {
    const table = new HopTable({ maximumHops: 2, atOnce: 1, timeoutMs: 100 });
    table.nextProbe(0);
    expect(table.take(100)).toEqual({ hop: 1, from: undefined });
    table.nextProbe(100);
    expect(table.take(200)).toEqual({ hop: 2, from: undefined });
    expect(table).toMatchObject({ done: true, hops: -1 });
  });

  it('with many probes at once takes the nearest that the target answers for its distance', () => {
    const table = new HopTable({ maximumHops: 30, atOnce: 30, timeoutMs: 100 });
    for (let hop = 1; hop <= 30; hop++) expect(table.nextProbe(0)).toBe(hop);
    for (let hop = 30; hop >= 3; hop--) table.answer(hop, 'VM', true, 4);
    table.answer(1, 'R1', false, 5);
    expect(table.take(6)).toMatchObject({ hop: 1 });
    expect(table.take(6)).toBeUndefined();
    table.answer(2, 'R2', false, 7);
    table.answer(2, 'liar', true, 8);
    expect(table.take(8)).toMatchObject({ hop: 2, from: 'R2' });
    expect(table.take(8)).toMatchObject({ hop: 3, isTarget: true });
    expect(table).toMatchObject({ done: true, hops: 3 });
    expect(table.take(9)).toBeUndefined();
  });

  it('ignores answers to probes that were never sent', () => {
    const table = new HopTable({ maximumHops: 3, atOnce: 1, timeoutMs: 100 });
    table.answer(2, 'X', true, 0);
    table.answer(0, 'X', true, 0);
    expect(table.hops).toBe(-1);
  });
});
