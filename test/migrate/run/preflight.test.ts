import { describe, expect, it } from 'vitest';
import { pairFaults, type MachineFacts } from '../../../migrate/src/run/index.js';

const source: MachineFacts = {
  machine: 'pc-i440fx-7.2-machine',
  memoryBytes: 2 ** 30,
  processors: 2,
  version: { major: 7, minor: 2, micro: 22 },
  status: 'running',
};
const destination: MachineFacts = { ...source, status: 'inmigrate' };

describe('the check of a pair', () => {
  it('passes twins, a newer destination and a paused guest', () => {
    expect(pairFaults(source, destination)).toEqual([]);
    expect(pairFaults(source, { ...destination, version: { major: 8, minor: 0, micro: 0 } })).toEqual([]);
    expect(pairFaults({ ...source, status: 'paused' }, destination)).toEqual([]);
  });

  it.each<[string, Partial<MachineFacts>, Partial<MachineFacts>, RegExp]>([
    ['memory', {}, { memoryBytes: 2 ** 29 }, /memory differs/],
    ['machine', {}, { machine: 'q35' }, /machines differ/],
    ['processors', {}, { processors: 1 }, /processors differ/],
    ['an older destination', {}, { version: { major: 7, minor: 1, micro: 0 } }, /older/],
    ['a destination that runs', {}, { status: 'running' }, /-incoming defer/],
    ['a source that has left', { status: 'postmigrate' }, {}, /postmigrate/],
  ])('says what is wrong with %s', (_what, from, to, words) => {
    const faults = pairFaults({ ...source, ...from }, { ...destination, ...to });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(words);
  });
});
