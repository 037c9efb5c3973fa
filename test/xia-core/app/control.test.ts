import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlClient, controlCall } from '../../../xia-core/src/app/control-client.js';
import { ControlServer } from '../../../xia-core/src/app/control-server.js';
import { XiaError } from '../../../xia-core/src/bytes/index.js';

let folder = '';
let path = '';
let server: ControlServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xia-control-'));
  path = join(folder, 'run', 'node.ctl');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

describe('control socket', () => {
  it('answers overlapping calls, each with its own answer', async () => {
    server = await ControlServer.listen(path, {
      twice: async ({ value }) => Number(value) * 2,
      nothing: () => undefined,
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    using client = await ControlClient.connect(path);
    expect(await Promise.all([1, 2, 3].map(async (value) => client.call('twice', { value })))).toEqual([2, 4, 6]);
    expect(await client.call('nothing')).toBeNull();
  });

  it('carries error codes, and answers unknown methods with one', async () => {
    server = await ControlServer.listen(path, {
      fail: () => {
        throw new XiaError('refused', 'not today');
      },
    });
    await expect(controlCall(path, 'fail')).rejects.toMatchObject({ code: 'refused', message: 'not today' });
    await expect(controlCall(path, 'other')).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('retires: answers whom it owes an answer, and lets nobody else in', async () => {
    const calls: Array<(answer: string) => void> = [];
    const retired = await ControlServer.listen(path, { wait: () => new Promise((resolve) => calls.push(resolve)) });
    using idle = await ControlClient.connect(path);
    using client = await ControlClient.connect(path);
    const asked = Promise.all([client.call('wait'), client.call('wait')]);
    while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    retired.retire();
    await expect(ControlClient.connect(path)).rejects.toMatchObject({ code: 'control-unreachable' });
    await expect(idle.call('wait', {}, 1000)).rejects.toMatchObject({ code: 'control-failed' });
    server = await ControlServer.listen(path, {});
    for (const answer of calls) answer('late');
    expect(await asked).toEqual(['late', 'late']);
  });

  it('removes a stale socket, and leaves a live one alone', async () => {
    server = await ControlServer.listen(path, {});
    await expect(ControlServer.listen(path, {})).rejects.toMatchObject({ code: 'already-running' });
    await server.close();
    const dead = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    await once(dead, 'exit');
    expect((await stat(path)).isSocket()).toBe(true);
    server = await ControlServer.listen(path, { ping: () => 'pong' });
    expect(await controlCall(path, 'ping')).toBe('pong');
  });

  it('leaves a file that is no socket alone', async () => {
    await mkdir(dirname(path));
    await writeFile(path, 'precious');
    await expect(ControlServer.listen(path, {})).rejects.toMatchObject({ code: 'bad-config' });
    expect(await readFile(path, 'utf8')).toBe('precious');
  });

  it('survives garbage, and cuts off a line without end', async () => {
    server = await ControlServer.listen(path, { ping: () => 'pong' });
    const socket = connect(path);
    const answers: Buffer[] = [];
    socket.on('data', (piece: Buffer) => answers.push(piece));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.write('{"id": nonsense\n');
    for (let sent = 0; sent < 20; sent++) socket.write('x'.repeat(8192));
    await closed;
    const text = Buffer.concat(answers).toString();
    expect(text).toContain('"id":null');
    expect(text).toContain('request too long');
    expect(await controlCall(path, 'ping')).toBe('pong');
  });

  it('says that nobody is there, and fails calls of a daemon that goes', async () => {
    await expect(controlCall(path, 'ping')).rejects.toMatchObject({ code: 'control-unreachable' });
    server = await ControlServer.listen(path, { hang: async () => new Promise(() => {}) });
    using client = await ControlClient.connect(path);
    const call = client.call('hang');
    // oxlint-disable-next-line vitest/valid-expect -- awaited below: the call must fail while the server closes
    const outcome = expect(call).rejects.toMatchObject({ code: 'control-failed' });
    await server.close();
    server = undefined;
    await outcome;
    await expect(ControlServer.listen(join(folder, 'x'.repeat(120)), {})).rejects.toMatchObject({ code: 'bad-config' });
  });

  it('gives up after the time limit', async () => {
    server = await ControlServer.listen(path, { hang: async () => new Promise(() => {}) });
    await expect(controlCall(path, 'hang', {}, 30)).rejects.toMatchObject({ code: 'timeout' });
  });
});
