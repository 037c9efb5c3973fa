import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { runMigration, type RunMigrationOptions, type RunProgress } from '../../../migrate/src/run/index.js';
import { OwnershipFile } from '../../../migrate/src/state/index.js';
import { BareMachines, stateOf } from '../support/bare-machines.js';

const fake = fileURLToPath(new URL('fake-xmigrate.mjs', import.meta.url));

let machines: BareMachines;

async function plan(mode: string, destination: string[] = ['-incoming', 'defer']): Promise<RunMigrationOptions & { a: string; b: string }> {
  const [a, b] = await Promise.all([machines.start('a'), machines.start('b', ...destination)]);
  const path = (name: string) => join(machines.folder, name);
  return {
    a,
    b,
    vm: 'vm1',
    source: { qmp: a, host: path('host-a'), stateDirectory: path('state-a') },
    destination: { qmp: b, host: path('host-b'), stateDirectory: path('state-b') },
    xmigrate: [process.execPath, fake, mode],
    qemuStream: 'exec',
    settleTimeoutMs: 5_000,
  };
}

beforeEach(() => {
  machines = new BareMachines();
});

describe('runMigration between two QEMUs that start the programs', () => {
  it('moves the guest and says how', async () => {
    const options = await plan('normal');
    const seen: RunProgress[] = [];
    const result = await runMigration(options, (progress) => void seen.push(progress));
    expect(result).toMatchObject({ outcome: 'moved', runner: 'destination', reason: '', sha256: { source: 'ff', destination: 'ff' } });
    expect(result.bytes).toBeGreaterThan(100_000);
    expect(result.phases.map((moment) => moment.name)).toEqual(
      expect.arrayContaining([
        'checked',
        'listening',
        'started',
        'connected',
        'stopped',
        'input-sent',
        'received',
        'taken',
        'resumed',
        'settled',
      ]),
    );
    expect(result.pausedMs).toBeGreaterThan(0);
    expect(result.qemuDowntimeMs).toBeGreaterThanOrEqual(0);
    expect(seen.at(-1)?.phase).toBe('settled');
    expect(await stateOf(options.a)).toBe('postmigrate');
    expect(await stateOf(options.b)).toBe('running');
  });

  it('starts a destination that waits paused, because the guest ran', async () => {
    const options = await plan('normal', ['-incoming', 'defer', '-S']);
    expect(await runMigration(options)).toMatchObject({ outcome: 'moved', runner: 'destination' });
    expect(await stateOf(options.b)).toBe('running');
  });

  it.each(['refuse', 'send-dies', 'send-dies-in-commit', 'load-fails'])('leaves the guest running at the source: %s', async (mode) => {
    const options = await plan(mode);
    const result = await runMigration(options);
    expect(result).toMatchObject({ outcome: 'stayed', runner: 'source' });
    expect(result.reason).not.toBe('');
    expect(await stateOf(options.a)).toBe('running');
    expect(new OwnershipFile(options.source.stateDirectory, 'vm1').read()?.phase).toBe('running');
  });

  it('gives up when told, by way of the sender', async () => {
    const stop = new AbortController();
    const options = await plan('send-stalls');
    const onProgress = ({ phase }: RunProgress) => void (phase === 'connected' && stop.abort());
    expect(await runMigration({ ...options, signal: stop.signal }, onProgress)).toMatchObject({ outcome: 'stayed', runner: 'source' });
    expect(await stateOf(options.a)).toBe('running');
  });

  it('touches nothing when the machines do not fit', async () => {
    const options = await plan('normal', ['-incoming', 'defer', '-smp', '2']);
    await expect(runMigration(options)).rejects.toMatchObject({ code: 'refused' });
    expect(await stateOf(options.a)).toBe('running');
    expect(await stateOf(options.b)).toBe('inmigrate');
  });

  it('does not send what this host has given away', async () => {
    const options = await plan('normal');
    new OwnershipFile(options.source.stateDirectory, 'vm1').write({ role: 'source', phase: 'gone' });
    await expect(runMigration(options)).rejects.toMatchObject({ code: 'refused' });
  });
});
