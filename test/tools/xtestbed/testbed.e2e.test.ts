import { spawn } from 'node:child_process';
import { access, chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../e2e/programs.js';
import { environmentOf, testbedState } from '../../e2e/testbed.js';

// Real processes of the built programs, driven as a user does it by hand.
const bin = (name: string) => fileURLToPath(new URL(`../../../tools/bin/${name}.js`, import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder = '';

function start(args: readonly string[]): { child: ReturnType<typeof spawn>; done: Promise<Outcome> } {
  const child = spawn(process.execPath, [bin('xtestbed'), ...args], { env: { ...process.env, XTESTBED_DIR: join(folder, 'run') } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
  return { child, done: new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr }))) };
}

const testbed = async (...args: string[]) => start(args).done;
const exec = async (host: string, ...command: string[]) => testbed('exec', host, '--', ...command);
/** What `exec` does, without a second process: for tests of what the program does. */
const on = async (host: string, program: string, ...args: string[]) =>
  run(program, args, { env: environmentOf(join(folder, 'run'), host) });
const json = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function firstLine(process: ReturnType<typeof spawn>): Promise<Record<string, unknown>> {
  let text = '';
  return new Promise((resolve) => {
    process.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (text.includes('\n')) resolve(json(text.slice(0, text.indexOf('\n')))[0] ?? {});
    });
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'testbed-test-'));
  const up = await testbed('up', 'inter-ad', '--json');
  expect(up).toMatchObject({ code: 0, stderr: '' });
}, 60_000);

afterAll(async () => {
  await testbed('down');
  await rm(folder, { recursive: true, force: true });
});

function dagOf(name: string): string {
  const { ads, nodes } = testbedState(join(folder, 'run'));
  const { ad, hid } = nodes.find((node) => node.name === name)!;
  return `RE ${ads[ad]} ${hid}`;
}

describe('a testbed of real processes', () => {
  it('tells what runs', async () => {
    const status = await testbed('status', '--json');
    expect(status.code).toBe(0);
    expect(json(status.stdout).map((line) => [line['name'], line['running']])).toEqual(
      ['R1', 'R2', 'HOST_A', 'HOST_B', 'HOST_C', 'NS'].map((name) => [name, true]),
    );
    expect((await testbed('up', 'inter-ad')).stderr).toContain('a testbed runs from this folder');
  });

  it('answers xping across ADs, in text and as JSON', async () => {
    const target = dagOf('HOST_B');
    const text = await exec('HOST_C', 'xping', '-c', '3', '--interval-ms', '20', target);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^PING RE AD:\w+ HID:\w+: 56 data bytes\n64 bytes from RE .*: icmp_seq=0 time=[\d.]+ ms\n/);
    expect(text.stdout).toMatch(/3 packets transmitted, 3 packets received, 0% packet loss\nround-trip \(ms\)  min\/avg\/max = /);
    const lines = json((await on('HOST_C', 'xping', '--json', '-c', '3', '--interval-ms', '20', target, '1000')).stdout);
    expect(lines.map((line) => line['type'])).toEqual(['start', 'reply', 'reply', 'reply', 'summary']);
    expect(lines[1]).toMatchObject({ sequence: 0, bytes: 1008, from: target });
    expect(lines[4]).toMatchObject({ sent: 3, received: 3, lost: 0, downtimeMs: 0, deviationMs: 20 });
  });

  it('shows the way with a round trip for each hop', async () => {
    const trace = await on('HOST_C', 'xtraceroute', dagOf('HOST_B'));
    expect(trace.code).toBe(0);
    expect(trace.stdout.trim().split('\n').slice(1)).toEqual([
      expect.stringMatching(/^ 1  RE \S.*(?: {2}[\d.]+ ms){3}$/),
      expect.stringContaining(dagOf('R1')),
      expect.stringContaining(dagOf('R2')),
      expect.stringContaining(dagOf('HOST_B')),
      'hops = 4',
    ]);
  });

  it('serves and checks Goldbach pairs by name', async () => {
    const server = start(['exec', 'HOST_B', '--', 'xcal', 'serve', '--name', 'calc.xia', '--json']);
    expect(await firstLine(server.child)).toMatchObject({ ready: true, name: 'calc.xia' });
    const asked = await on('HOST_C', 'xcal', 'ask', '--json', '-c', '50', '-i', '5', 'calc.xia');
    expect(asked.code).toBe(0);
    expect(json(asked.stdout).at(-1)).toMatchObject({ questions: 50, answers: 50, wrong: 0, missing: 0, reconnects: 0 });
    server.child.kill('SIGTERM');
    expect(await server.done).toMatchObject({ stderr: '' });
  });

  it('counts every answer of an xcal that is interrupted', async () => {
    const server = start(['exec', 'HOST_B', '--', 'xcal', 'serve', '--name', 'calc2.xia', '--json']);
    await firstLine(server.child);
    const client = start(['exec', 'HOST_C', '--', 'xcal', 'ask', '--json', '-i', '2', 'calc2.xia']);
    await firstLine(client.child);
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.child.kill('SIGTERM');
    expect(json((await client.done).stdout).at(-1)).toMatchObject({ type: 'summary', wrong: 0, missing: 0, reconnects: 0 });
    server.child.kill('SIGTERM');
    await server.done;
  });

  it('carries files as chunks, through a manifest and by CID', async () => {
    const file = join(folder, 'file.bin');
    const content = Buffer.alloc(300_000, 7);
    for (let index = 0; index < content.length; index += 100) content.writeUInt32LE(index, index);
    await writeFile(file, content);
    const server = start(['exec', 'HOST_A', '--', 'xchunk', 'put', file, '--chunk-bytes', '65536', '-m', `${file}.json`, '--json']);
    const manifest = await firstLine(server.child);
    expect(manifest).toMatchObject({ name: 'file.bin', bytes: 300_000 });
    expect(await on('HOST_B', 'xchunk', 'get', `${file}.json`, '-o', `${file}.copy`)).toMatchObject({ code: 0, stderr: '' });
    expect(Buffer.compare(await readFile(`${file}.copy`), content)).toBe(0);
    const [first] = manifest['chunks'] as { dag: string }[];
    expect(await on('HOST_B', 'xchunk', 'get', first?.dag ?? '', '-o', `${file}.first`)).toMatchObject({ code: 0 });
    expect(Buffer.compare(await readFile(`${file}.first`), content.subarray(0, 65_536))).toBe(0);
    server.child.kill('SIGTERM');
    await server.done;
  });

  it('carries a sealed file to those who have its secret', async () => {
    const file = join(folder, 'sealed.bin');
    const secret = join(folder, 'secret');
    const content = Buffer.alloc(100_000, 'very private ');
    await writeFile(file, content);
    const put = (target: string) => {
      const sealing = ['--chunk-bytes', '30000', '--encrypt', '--secret', secret, '-m', `${file}.json`, '--json'];
      return start(['exec', 'HOST_A', '--', 'xchunk', 'put', target, ...sealing]);
    };
    const server = put(file);
    const { chunks } = (await firstLine(server.child)) as { chunks: { dag: string }[] };
    const get = async (...args: string[]) => on('HOST_B', 'xchunk', 'get', `${file}.json`, '-o', `${file}.copy`, ...args);
    expect(await get('--secret', secret)).toMatchObject({ code: 0, stderr: '' });
    expect(Buffer.compare(await readFile(`${file}.copy`), content)).toBe(0);
    expect(await get()).toMatchObject({ code: 2, stderr: expect.stringContaining('is sealed: give --secret') });
    await writeFile(`${secret}.other`, 'ab'.repeat(32), { mode: 0o600 });
    expect(await get('--secret', `${secret}.other`)).toMatchObject({ code: 3, stderr: expect.stringContaining('not the secret') });
    await chmod(`${secret}.other`, 0o644);
    expect(await get('--secret', `${secret}.other`)).toMatchObject({ code: 3, stderr: expect.stringContaining('mode 0644') });
    expect(await on('HOST_B', 'xchunk', 'get', chunks[0]?.dag ?? '', '-o', `${file}.first`)).toMatchObject({ code: 0 });
    expect((await readFile(`${file}.first`)).includes('private')).toBe(false);
    server.child.kill('SIGTERM');
    await server.done;
    const again = put(file);
    const cids = (dags: readonly { dag: string }[]) => dags.map(({ dag }) => dag.slice(dag.indexOf('CID:')));
    expect(cids(((await firstLine(again.child)) as { chunks: { dag: string }[] }).chunks)).toEqual(cids(chunks));
    again.child.kill('SIGTERM');
    await again.done;
  });

  it('leaves with the exit code of the table', async () => {
    const nobody = `RE AD:${'1'.repeat(40)} HID:${'2'.repeat(40)}`;
    const codes = await Promise.all([
      exec('HOST_C', 'xping', '-t', '0.3', nobody),
      exec('HOST_C', 'xping', 'no.such.name'),
      exec('HOST_C', 'xping', 'RE AD:12'),
      exec('HOST_C', 'xping', '-i', 'never', nobody),
      exec('HOST_C', 'xchunk', 'get', join(folder, 'nothing.json'), '-o', join(folder, 'x')),
      testbed('logs', 'HOST_Z'),
      testbed('up', join(folder, 'no.yaml')),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([4, 4, 2, 2, 1, 2, 3]);
    expect(codes.map(({ stderr }) => stderr.includes('    at '))).toEqual(Array.from({ length: 7 }, () => false));
    await expect(access(join(folder, 'x'))).rejects.toThrow();
  });

  it('prints a log, and leaves nothing when it goes down', async () => {
    expect((await testbed('logs', 'R1')).stdout.split('\n')[0]).toContain('"name":"R1"');
    const { socketDir } = JSON.parse(await readFile(join(folder, 'run', 'testbed.json'), 'utf8')) as { socketDir: string };
    const pids = json((await testbed('status', '--json')).stdout).map((line) => Number(line['pid']));
    expect((await testbed('down')).code).toBe(0);
    await expect(access(socketDir)).rejects.toThrow();
    // A process that ended and was not yet waited for has no command line any more.
    for (const pid of pids) expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).toBe('');
    expect(await testbed('status')).toMatchObject({ code: 3, stderr: expect.stringContaining('no testbed runs') });
  });
});
