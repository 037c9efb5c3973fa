import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { guardedMigration, type MoveOptions } from '../../../migrate/src/run/index.js';
import { BareMachines } from '../support/bare-machines.js';
import { dirtyingKernel } from '../support/dirtying-kernel.js';

const fake = fileURLToPath(new URL('fake-xmigrate.mjs', import.meta.url));
const BUSY_BYTES = 2 << 20;
/** Some 100 MB/s where there are 2.5 ticks a nanosecond and a processor for itself; a twentieth of it will do. */
const TICKS_PER_PAGE = 100_000;
const BYTES_PER_SECOND = 3 << 20;

async function statusOf(path: string): Promise<unknown> {
  await using qmp = await QmpClient.connect({ path });
  return await qmp.execute('query-status');
}

it('a guest that changes its memory faster than it is carried moves only when something is done about it', async () => {
  const machines = new BareMachines();
  const kernel = join(machines.folder, 'busy');
  writeFileSync(kernel, dirtyingKernel(BUSY_BYTES, TICKS_PER_PAGE));
  const source = await machines.start('a', '-kernel', kernel);
  const place = (name: string, qmp: string) => ({ qmp, host: join(machines.folder, name), stateDirectory: join(machines.folder, name) });
  const plan = (name: string, destination: string): MoveOptions => ({
    vm: 'busy',
    source: place('source', source),
    destination: place(name, destination),
    xmigrate: [process.execPath, fake, 'normal'],
    qemuStream: 'exec',
    maxBandwidthBytesPerSecond: BYTES_PER_SECOND,
    downtimeLimitMs: 50,
    maxDowntimeMs: 3000,
    adapts: true,
  });

  const first = plan('first', await machines.start('b', '-incoming', 'defer'));
  const estimates = new Set<string>();
  const stayed = await guardedMigration(
    { ...first, adapts: false, timeoutMs: 8000 },
    { onProgress: ({ estimate }) => estimates.add(estimate.kind) },
  );
  expect(stayed).toMatchObject({ outcome: 'stayed', runner: 'source', steps: [], reason: expect.stringContaining('longer than 8 s') });
  expect(estimates).toContain('not-converging');
  expect(await statusOf(source)).toMatchObject({ status: 'running' });

  const moved = await guardedMigration(plan('second', await machines.start('c', '-incoming', 'defer')));
  expect(moved).toMatchObject({ outcome: 'moved', runner: 'destination' });
  expect(moved.steps[0]).toMatchObject({ kind: 'throttle' });
  expect(moved.steps.some(({ kind }) => kind === 'give-up')).toBe(false);
});
