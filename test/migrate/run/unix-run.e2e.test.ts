import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runMigration } from '../../../migrate/src/run/index.js';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { RealPair, stateOf } from './real-pair.js';

let pair: RealPair;

beforeEach(async () => {
  pair = await RealPair.start();
});

afterEach(() => pair.stop());

describe('runMigration with programs that it starts itself', () => {
  it('moves the guest, and the destination has loaded it before the source gives it up', async () => {
    const [a, b] = await Promise.all([pair.machine('a'), pair.machine('b', ['-incoming', 'defer'])]);
    const result = await runMigration(pair.plan(a, b));
    expect(result).toMatchObject({ outcome: 'moved', runner: 'destination', reason: '' });
    expect(result.sha256.source).toBe(result.sha256.destination);
    const names = result.phases.map(({ name }) => name);
    expect(names.indexOf('connected')).toBeLessThan(names.indexOf('started'));
    expect(names.indexOf('received')).toBeLessThan(names.indexOf('resumed'));
    expect([await stateOf(a), await stateOf(b)]).toEqual(['postmigrate', 'running']);
    const phases = [pair.state('a'), pair.state('b')].map((directory) => new OwnershipFile(directory, 'vm1').read()?.phase);
    expect(phases).toEqual(['gone', 'running']);
  });
});
