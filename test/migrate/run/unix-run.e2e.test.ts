import { writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { runMigration } from '../../../migrate/src/run/index.js';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { QmpClient } from '../../../migrate/src/qemu/index.js';
import { stateOf } from '../support/bare-machines.js';
import { RealPair } from './real-pair.js';
import { xmigrate } from './xmigrate-process.js';

let pair: RealPair;

beforeEach(async () => {
  pair = await RealPair.start();
});

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

  it('is mended after a crash in the commit by what the destination has written', async () => {
    const [a, b] = await Promise.all([pair.machine('a'), pair.machine('b', ['-incoming', 'defer'])]);
    await runMigration(pair.plan(a, b));
    const end = (name: 'a' | 'b', phase: string) => leave(new OwnershipFile(pair.state(name), 'vm1'), phase);
    const phases = () => [pair.state('a'), pair.state('b')].map((directory) => new OwnershipFile(directory, 'vm1').read()?.phase);
    const resume = async (name: 'a' | 'b', ...words: string[]) =>
      (await xmigrate('resume', '--vm', 'vm1', '--state', pair.state(name), ...words).ended).code;

    // The sender died before it heard that the VM was taken.
    end('a', 'handed-over');
    expect(await resume('a')).toBe(5);
    expect(phases()).toEqual(['handed-over', 'running']);
    expect(await resume('a', '--peer-state', pair.state('b'))).toBe(0);
    expect(phases()).toEqual(['gone', 'running']);
    expect([await stateOf(a), await stateOf(b)]).toEqual(['postmigrate', 'running']);

    // Both died before the destination took it: its QEMU holds the VM, and promises to give it back.
    await using qmp = await QmpClient.connect({ path: b });
    await qmp.execute('stop');
    await qmp.close();
    end('a', 'handed-over');
    end('b', 'received');
    expect(await resume('a', '--peer-state', pair.state('b'))).toBe(0);
    expect(phases()).toEqual(['running', 'aborted']);
    expect(await resume('b')).toBe(0);
    expect([await stateOf(a), await stateOf(b)]).toEqual(['running', 'gone']);
    expect(await resume('a', '--peer-state', pair.state('b'))).toBe(0);
  });
});

/** Leaves a state file as a process that was killed would have. */
function leave(file: OwnershipFile, phase: string): void {
  writeFileSync(file.path, JSON.stringify({ ...file.read(), phase, pid: 2 ** 22 - 1 }));
}
