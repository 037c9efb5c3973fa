import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { FakeQmpServer } from '../support/fake-qmp-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function start(prepare: (server: FakeQmpServer) => void = () => undefined) {
  const path = join(await temporaryFolder(), 'qmp.sock');
  const server = await FakeQmpServer.listen(path);
  onTestFinished(() => server.close());
  prepare(server);
  return { path, server };
}

async function connected(prepare?: (server: FakeQmpServer) => void) {
  const { path, server } = await start(prepare);
  const client = await QmpClient.connect({ path });
  onTestFinished(() => client.close());
  return { client, server };
}

const code = (expected: string) => expect.objectContaining({ name: 'XiaError', code: expected });

describe('QmpClient', () => {
  test('greets, enters command mode and tells the version', async () => {
    const { client, server } = await connected();
    expect(client.version).toEqual({ major: 7, minor: 2, micro: 22 });
    expect(server.commands.map(({ execute }) => execute)).toEqual(['qmp_capabilities']);
  });

  test('matches answers to overlapping commands by id', async () => {
    const { client, server } = await connected((fake) => (fake.onCommand = () => undefined));
    const first = client.execute('query-status');
    const second = client.execute('query-name', { detail: true });
    await expect.poll(() => server.commands.length).toBe(3);
    expect(server.commands[2]?.arguments).toEqual({ detail: true });
    server.send({ return: 'second', id: server.commands[2]?.id });
    server.send({ return: 'first', id: server.commands[1]?.id });
    expect(await second).toBe('second');
    expect(await first).toBe('first');
  });

  test('turns a refusal into an error with the class and the words of QEMU', async () => {
    const error = { class: 'CommandNotFound', desc: 'The command fly has not been found' };
    const { client } = await connected((fake) => (fake.onCommand = () => ({ error })));
    await expect(client.execute('fly')).rejects.toMatchObject({ code: 'qmp-error', context: { command: 'fly', ...error } });
    expect(client.closed).toBe(false);
  });

  test('passes events on, with keys that it does not know', async () => {
    const { client, server } = await connected();
    const resumed = client.waitForEvent('RESUME');
    const timestamp = { seconds: 12, microseconds: 5000 };
    server.send({ event: 'STOP', timestamp });
    server.send({ event: 'RESUME', data: { news: 1 }, timestamp, 'x-future': true });
    expect(await resumed).toEqual({ event: 'RESUME', data: { news: 1 }, timestampMs: 12_005 });
    expect(client.listenerCount('event')).toBe(0);
  });

  test.each([
    ['no JSON', 'hello\n'],
    ['no object', '[1]\n'],
    ['an answer without an id', '{"return":{}}\n'],
    ['an event without a time', '{"event":"STOP"}\n'],
    ['a refusal of an unreadable line', '{"error":{"class":"GenericError","desc":"JSON parse error"}}\n'],
    ['a second greeting', '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":0}},"capabilities":[]}}\n'],
  ])('ends the conversation after %s', async (_what, line) => {
    const { client, server } = await connected((fake) => (fake.onCommand = () => undefined));
    const pending = client.execute('query-status');
    const waiting = client.waitForEvent('RESUME');
    pending.catch(() => undefined);
    waiting.catch(() => undefined);
    server.send(line);
    await expect(pending).rejects.toEqual(code('qmp-error'));
    await expect(waiting).rejects.toEqual(code('qmp-error'));
    expect(client.closed).toBe(true);
    await expect(client.execute('query-status')).rejects.toEqual(code('qmp-error'));
  });

  test('ends the conversation after a line beyond the bound', async () => {
    const { path, server } = await start();
    const client = await QmpClient.connect({ path, maxLineBytes: 1000 });
    const closed = new Promise((resolve) => client.once('close', resolve));
    server.send('x'.repeat(1001));
    expect(await closed).toMatchObject({ code: 'qmp-error', context: { maxLineBytes: 1000 } });
  });

  test('rejects what waits when QEMU goes', async () => {
    const { client, server } = await connected((fake) => (fake.onCommand = () => undefined));
    const pending = client.execute('quit');
    pending.catch(() => undefined);
    await expect.poll(() => server.commands.length).toBe(2);
    server.drop();
    await expect(pending).rejects.toMatchObject({ code: 'qmp-error', context: { command: 'quit' } });
  });

  test('gives a command up by time and by signal, and drops its late answer', async () => {
    const { client, server } = await connected((fake) => (fake.onCommand = () => undefined));
    await expect(client.execute('query-status', {}, { timeoutMs: 20 })).rejects.toEqual(code('timeout'));
    const abort = new AbortController();
    const pending = client.execute('query-status', {}, { signal: abort.signal });
    abort.abort();
    await expect(pending).rejects.toEqual(code('interrupted'));
    server.onCommand = () => ({ return: 'late' });
    for (const { id } of server.commands) server.send({ return: 'late', id });
    expect(await client.execute('query-name')).toBe('late');
  });

  test('says why it cannot connect', async () => {
    const folder = await temporaryFolder();
    await expect(QmpClient.connect({ path: join(folder, 'none') })).rejects.toMatchObject({
      code: 'qmp-error',
      context: { cause: 'ENOENT' },
    });
    const silent = await start((fake) => (fake.greeting = ''));
    await expect(QmpClient.connect({ path: silent.path, timeoutMs: 20 })).rejects.toEqual(code('timeout'));
    const stranger = await start((fake) => (fake.greeting = '{"event":"X","timestamp":{"seconds":1,"microseconds":1}}\n'));
    await expect(QmpClient.connect({ path: stranger.path })).rejects.toThrow(/did not greet/);
  });
});
