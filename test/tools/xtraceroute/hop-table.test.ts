import { describe, expect, it } from 'vitest';
import { HopTable } from '../../../tools/src/xtraceroute/hop-table.js';

const one = { queries: 1, atOnce: 1, timeoutMs: 100 };
const probe = (sequence: number, hopLimit = sequence) => ({ sequence, hopLimit });

describe('HopTable', () => {
  it('gives the hops in order, one at a time', () => {
    const table = new HopTable({ ...one, maximumHops: 5 });
    expect(table.nextProbe(0)).toEqual(probe(1));
    expect(table.nextProbe(0)).toBeUndefined();
    expect(table.take(1)).toBeUndefined();
    table.answer(1, 'R1', false, 2);
    expect(table.take(2)).toEqual({ hop: 1, answers: [{ from: 'R1', rttMs: 2 }] });
    expect(table.nextProbe(3)).toEqual(probe(2));
    table.answer(2, 'VM', true, 5);
    expect(table.take(5)).toMatchObject({ hop: 2, answers: [{ from: 'VM' }] });
    expect(table).toMatchObject({ done: true, hops: 2 });
  });

  it('has the round trip of each probe, in whatever order the answers come', () => {
    const table = new HopTable({ maximumHops: 2, queries: 3, atOnce: 2, timeoutMs: 100 });
    for (let sequence = 1; sequence <= 6; sequence++) expect(table.nextProbe(sequence)).toEqual(probe(sequence, sequence <= 3 ? 1 : 2));
    expect(table.nextProbe(7)).toBeUndefined();
    table.answer(5, 'VM', true, 20);
    table.answer(3, 'R1', false, 21);
    table.answer(1, 'R1', false, 22);
    table.answer(1, 'late copy', false, 90);
    table.answer(4, 'VM', true, 30);
    expect(table.take(50)).toBeUndefined();
    expect(table.take(102)).toEqual({ hop: 1, answers: [{ from: 'R1', rttMs: 21 }, undefined, { from: 'R1', rttMs: 18 }] });
    expect(table.take(102)).toBeUndefined();
    expect(table.take(106)).toEqual({ hop: 2, answers: [{ from: 'VM', rttMs: 26 }, { from: 'VM', rttMs: 15 }, undefined] });
    expect(table).toMatchObject({ done: true, hops: 2 });
  });

  it('sends all probes of a hop, though the target has answered the first of them', () => {
    const table = new HopTable({ maximumHops: 9, queries: 2, atOnce: 1, timeoutMs: 100 });
    table.nextProbe(0);
    table.answer(1, 'VM', true, 1);
    expect(table.nextProbe(2)).toEqual(probe(2, 1));
    expect(table.nextProbe(2)).toBeUndefined();
  });

  it('leaves a silent hop without an answer and goes on', () => {
    const table = new HopTable({ ...one, maximumHops: 2 });
    table.nextProbe(0);
    expect(table.take(100)).toEqual({ hop: 1, answers: [undefined] });
    table.nextProbe(100);
    expect(table.take(200)).toEqual({ hop: 2, answers: [undefined] });
    expect(table).toMatchObject({ done: true, hops: -1 });
  });

  it('with many hops at once takes the nearest that the target answers for its distance', () => {
    const table = new HopTable({ ...one, maximumHops: 30, atOnce: 30 });
    for (let hop = 1; hop <= 30; hop++) expect(table.nextProbe(0)).toEqual(probe(hop));
    for (let hop = 30; hop >= 3; hop--) table.answer(hop, 'VM', true, 4);
    table.answer(1, 'R1', false, 5);
    expect(table.take(6)).toMatchObject({ hop: 1 });
    expect(table.take(6)).toBeUndefined();
    table.answer(2, 'R2', false, 7);
    table.answer(2, 'liar', true, 8);
    expect(table.take(8)).toMatchObject({ hop: 2, answers: [{ from: 'R2' }] });
    expect(table.take(8)).toMatchObject({ hop: 3, answers: [{ from: 'VM' }] });
    expect(table).toMatchObject({ done: true, hops: 3 });
    expect(table.take(9)).toBeUndefined();
  });

  it('ignores answers to probes that were never sent', () => {
    const table = new HopTable({ ...one, maximumHops: 3 });
    table.answer(2, 'X', true, 0);
    table.answer(0, 'X', true, 0);
    expect(table.hops).toBe(-1);
  });
});
