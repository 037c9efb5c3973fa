import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Testbed } from '../../tools/src/xtestbed/testbed.js';
import { BareMachines, stateOf } from '../migrate/support/bare-machines.js';
import { run } from './programs.js';
import { useTestbed } from './testbed.js';

const TIMEOUT_MS = 120_000;
const network = useTestbed('inter-ad', '--links', 'unix');

interface Node {
  readonly name: string;
  readonly ad: string;
  readonly hid: string;
  readonly pid: number;
  readonly access: string;
}

async function nodes(): Promise<Map<string, Node>> {
  const status = await network.xtestbed('status', '--json');
  expect(status).toMatchObject({ code: 0, stderr: '' });
  const lines = status.stdout.trim().split('\n');
  return new Map(lines.map((line) => JSON.parse(line) as Node).map((node) => [node.name, node]));
}

async function dagOf(name: string): Promise<string> {
  const { ads } = JSON.parse(await readFile(join(network.path, 'testbed.json'), 'utf8')) as { ads: Record<string, string> };
  const { ad, hid } = (await nodes()).get(name)!;
  return `RE ${ads[ad]} ${hid}`;
}

async function faces(node: string): Promise<{ name: string; mtu: number; address: string; packetsIn: number }[]> {
  const shown = await run('xrouter', ['show', 'faces', '-c', network.config(node), '--json']);
  return JSON.parse(shown.stdout) as Awaited<ReturnType<typeof faces>>;
}

describe('nodes that UNIX sockets link', () => {
  it('have sockets for this user only, and no UDP between them', async () => {
    const { access } = (await nodes()).get('HOST_A')!;
    const socketDir = dirname(access.slice('unix:'.length));
    expect(access).toBe(`unix:${join(socketDir, 'HOST_A.sock')}`);
    for (const name of ['HOST_A.sock', 'R1.sock', 'R1~R2.sock']) expect((await stat(join(socketDir, name))).mode & 0o777).toBe(0o600);
    const configs = await Promise.all(['R1', 'R2', 'HOST_A', 'NS'].map((name) => readFile(network.config(name), 'utf8')));
    expect(configs.join('\n')).not.toMatch(/udp|127\.0\.0\.1/);
    expect((await faces('R1')).map(({ name, mtu, address }) => ({ name, mtu, address }))).toEqual([
      { name: 'access', mtu: 65_507, address: `unix:${join(socketDir, 'R1.sock')}` },
      { name: 'R2', mtu: 65_507, address: `unix:${join(socketDir, 'R1~R2.sock')}` },
    ]);
  });

  it('answer pings with packets as large as they may be, and carry chunks', async () => {
    const there = await dagOf('HOST_B');
    for (const bytes of ['56', '60000']) {
      const pings = await network.on('HOST_C', 'xping', '--json', '-c', '3', '--interval-ms', '20', there, bytes);
      expect(JSON.parse(pings.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ sent: 3, received: 3 });
    }
    const file = join(network.folder, 'file');
    const content = randomBytes(3_000_000);
    await writeFile(file, content);
    const server = network.begin('HOST_A', 'xchunk', 'put', file, '-m', `${file}.json`, '--json');
    await expect.poll(server.output, { timeout: TIMEOUT_MS }).toContain('\n');
    expect(await network.on('HOST_B', 'xchunk', 'get', `${file}.json`, '-o', `${file}.copy`)).toMatchObject({ code: 0, stderr: '' });
    expect(Buffer.compare(await readFile(`${file}.copy`), content)).toBe(0);
    server.child.kill('SIGTERM');
    await server.ended;
  });

  it('say why nobody lets a program in where nobody listens', async () => {
    const host = `unix:${join(network.folder, 'nobody.sock')}`;
    const asked = await run('xping', ['--host', host, '--attach-timeout', '100', '-c', '1', await dagOf('HOST_B')]);
    expect(asked).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining(`${host}: there is no such socket`) });
  });

  it('carry the move of a VM', async () => {
    const machines = new BareMachines();
    const [source, destination] = await Promise.all([machines.start('a'), machines.start('b', '-incoming', 'defer')]);
    const all = await nodes();
    const before = await faces('R2');
    const options = {
      vm: 'vm1',
      'source-qmp': source,
      'destination-qmp': destination,
      'source-host': all.get('HOST_A')!.access,
      'destination-host': all.get('HOST_B')!.access,
      'source-state': join(network.folder, 'state-a'),
      'destination-state': join(network.folder, 'state-b'),
    };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const moved = await run('xmigrate', ['run', '--json', ...words], { timeoutMs: TIMEOUT_MS });
    expect(moved, moved.stderr + moved.stdout).toMatchObject({ code: 0 });
    expect(moved.stdout).toContain('"outcome":"moved"');
    expect(await Promise.all([source, destination].map(stateOf))).toEqual(['postmigrate', 'running']);
    const came = (await faces('R2')).map(({ packetsIn }, index) => packetsIn - (before[index]?.packetsIn ?? 0));
    expect(Math.min(...came)).toBeGreaterThan(10);
  });

  it('find each other again when a router was killed and started anew', async () => {
    const testbed = await Testbed.open(network.path);
    const { pid } = (await nodes()).get('R1')!;
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await testbed.status()).find(({ name }) => name === 'R1')?.running).toBe(false);
    await testbed.restart('R1');
    // Both hosts of R1 and the other router connect again, to sockets whose files the dead one had left.
    const ping = async () => network.on('HOST_C', 'xping', '--json', '-c', '1', await dagOf('HOST_B'));
    await expect.poll(async () => (await ping()).code, { timeout: TIMEOUT_MS, interval: 200 }).toBe(0);
  });
});
