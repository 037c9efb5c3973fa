import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { execUri, followMigration, migrateOut, queryMigration, waitUntilRunning } from '../../../migrate/src/qemu/migration.js';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { FakeQmpServer } from '../support/fake-qmp-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** A monitor that answers `query-migrate` with these, one by one, and the last for ever. */
async function migrating(answers: Record<string, unknown>[]) {
  const path = join(await temporaryFolder(), 'qmp.sock');
  const server = await FakeQmpServer.listen(path);
  onTestFinished(() => server.close());
  server.onCommand = ({ execute }) => {
    if (execute !== 'query-migrate') return { return: {} };
    return { return: answers.length > 1 ? answers.shift() : answers[0] };
  };
  const qmp = await QmpClient.connect({ path });
  onTestFinished(() => qmp.close());
  return { qmp, server, sent: () => server.commands.slice(1).map(({ execute }) => execute) };
}

const ram = { transferred: 1000, remaining: 500, total: 4000, mbps: 8.5, 'dirty-pages-rate': 2, 'dirty-sync-count': 3, 'page-size': 4096 };

describe('migration', () => {
  test('reads the progress, and knows nothing before the first migration', async () => {
    const active = { status: 'active', ram: { ...ram, 'x-new': 1 }, 'expected-downtime': 20, future: {} };
    const { qmp } = await migrating([{}, active]);
    expect(await queryMigration(qmp)).toMatchObject({ status: 'none', transferredBytes: 0, pass: 0, totalMs: undefined });
    expect(await queryMigration(qmp)).toMatchObject({
      status: 'active',
      transferredBytes: 1000,
      remainingBytes: 500,
      pass: 3,
      megabitsPerSecond: 8.5,
      dirtyBytesPerSecond: 8192,
      expectedDowntimeMs: 20,
    });
  });

  test('refuses an answer that contradicts what QEMU documents', async () => {
    const { qmp } = await migrating([{ status: 'active', ram: { ...ram, transferred: 'much' } }]);
    await expect(queryMigration(qmp)).rejects.toMatchObject({ code: 'qmp-error', context: { command: 'query-migrate' } });
  });

  test('sets the limits, starts, follows to the end, and waits for the times', async () => {
    const completed = { status: 'completed', ram, 'total-time': 0, downtime: 0 };
    const { qmp, server, sent } = await migrating([
      { status: 'setup' },
      { status: 'active', ram },
      completed,
      { ...completed, 'total-time': 70, downtime: 3 },
    ]);
    const seen: string[] = [];
    const outcome = await migrateOut(qmp, {
      uri: 'exec:true',
      pollMs: 1,
      downtimeLimitMs: 40,
      onProgress: ({ status }) => seen.push(status),
    });
    expect(outcome).toMatchObject({ status: 'completed', progress: { totalMs: 70, downtimeMs: 3 } });
    expect(seen).toEqual(['setup', 'active', 'completed']);
    expect(sent().slice(0, 2)).toEqual(['migrate-set-parameters', 'migrate']);
    expect(server.commands[1]?.arguments).toEqual({ 'max-bandwidth': 1e12, 'downtime-limit': 40 });
  });

  test('gives the reason of a failure as a value', async () => {
    const { qmp } = await migrating([{ status: 'failed', 'error-desc': 'Unable to write to command' }]);
    const outcome = await followMigration(qmp, {});
    expect(outcome).toMatchObject({ status: 'failed', reason: 'Unable to write to command' });
  });

  test('cancels on a signal, once, and believes QEMU when it was too late', async () => {
    const abort = new AbortController();
    const { qmp, sent } = await migrating([
      { status: 'active', ram },
      { status: 'cancelling', ram },
      { status: 'completed', ram, 'total-time': 5 },
    ]);
    const outcome = await followMigration(qmp, { pollMs: 1, signal: abort.signal, onProgress: () => abort.abort() });
    expect(outcome.status).toBe('completed');
    expect(sent().filter((command) => command === 'migrate_cancel')).toHaveLength(1);
  });

  test('waits for the guest to run, whether it does already or not', async () => {
    const { qmp, server } = await migrating([{}]);
    server.onCommand = () => ({ return: { status: 'inmigrate', running: false } });
    const waiting = waitUntilRunning(qmp);
    await expect.poll(() => server.commands.length).toBe(2);
    server.send({ event: 'RESUME', timestamp: { seconds: 1, microseconds: 1 } });
    await waiting;
    server.onCommand = () => ({ return: { status: 'running', running: true } });
    await waitUntilRunning(qmp);
    await expect.poll(() => qmp.listenerCount('event')).toBe(0);
  });

  test('quotes the words of a command as the shell reads them', () => {
    const word = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (words) => {
        const uri = execUri(['printf', '%s\\n', ...words]);
        const output = execFileSync('/bin/sh', ['-c', uri.slice('exec:'.length)]).toString();
        expect(output).toBe(words.map((text) => `${text}\n`).join(''));
      }),
      { numRuns: 20 },
    );
    expect(execUri(['cat', '/tmp/a.fifo'])).toBe('exec:cat /tmp/a.fifo');
  });
});
