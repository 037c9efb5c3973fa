import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, until } from './programs.js';
import { useTestbed } from './testbed.js';

const ROUNDS = 5;

async function freeAddress(): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return `127.0.0.1:${port}`;
}

describe('routers that read their configuration again', () => {
  const testbed = useTestbed(async (folder) => {
    // Static routes: what is configured is what turns, and nothing else.
    const builtIn = await readFile(new URL('../../tools/topologies/inter-ad.yaml', import.meta.url), 'utf8');
    const topology = join(folder, 'inter-ad-static.yaml');
    await writeFile(topology, `${builtIn}\nrouting: static\n`);
    return topology;
  });
  const configFile = testbed.config;
  const info = async (node: string) =>
    JSON.parse((await run('xrouter', ['info', '-c', configFile(node)])).stdout) as { pid: number; dag: string };
  const logged = async (node: string, message: string) => {
    // Not there for a moment, when it was renamed.
    const lines = (await readFile(join(testbed.path, 'logs', `${node}.log`), 'utf8').catch(() => '')).split('\n');
    return lines.filter((line) => line.includes(`"msg":"${message}"`)).map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('lose no echo while faces, routes, caches and logs turn', async () => {
    const [left, right, spare] = await Promise.all([freeAddress(), freeAddress(), freeAddress()]);
    const [r1, r2, target] = await Promise.all([info('R1'), info('R2'), info('HOST_B')]);
    const original = { R1: await readFile(configFile('R1'), 'utf8'), R2: await readFile(configFile('R2'), 'utf8') };
    const withFaces = (text: string, faces: string) => text.replace('routing:\n', `${faces}routing:\n`);
    const link = (name: string, listen: string, peer: string) =>
      `  - { name: ${name}, role: peer, mtu: 65507, udp: { listen: '${listen}', peers: ['${peer}'] } }\n`;
    const unused = `  - { name: spare, role: access, udp: { listen: '${spare}' } }\n`;
    const changed = (text: string) =>
      text
        .replace(/bytes: \d+/, 'bytes: 100000')
        .replace('policy: fifo', 'policy: lru')
        .replace('level: info', 'level: debug');
    // A second link between the routers comes, the way goes over it and back, and it goes.
    const r2Linked = withFaces(original.R2, link('second', right, left));
    const r1Linked = changed(withFaces(original.R1, link('second', left, right) + unused));
    const steps: { node: 'R1' | 'R2'; pid: number; text: string }[] = [
      { node: 'R2', pid: r2.pid, text: r2Linked },
      { node: 'R1', pid: r1.pid, text: r1Linked },
      { node: 'R1', pid: r1.pid, text: r1Linked.replace('via: R2\n', 'via: second\n') },
      { node: 'R2', pid: r2.pid, text: r2Linked.replace('via: R1\n', 'via: second\n') },
      { node: 'R2', pid: r2.pid, text: r2Linked },
      { node: 'R1', pid: r1.pid, text: r1Linked },
      { node: 'R1', pid: r1.pid, text: withFaces(original.R1, unused).replace('limit: 5', 'limit: 9') },
      { node: 'R1', pid: r1.pid, text: original.R1 },
      { node: 'R2', pid: r2.pid, text: original.R2 },
    ];
    const ping = testbed.begin('HOST_C', 'xping', '--json', '--interval-ms', '2', target.dag);
    await until(() => ping.output().includes('"reply"'), 10_000, 'xping is answered');
    const reloads = { R1: 0, R2: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      for (const { node, pid, text } of steps) {
        await writeFile(configFile(node), text);
        process.kill(pid, 'SIGHUP');
        reloads[node] += 1;
        await until(
          async () => (await logged(node, 'reloaded')).length === reloads[node],
          10_000,
          `${node} has reloaded ${reloads[node]} times`,
        );
      }
    }
    ping.child.kill('SIGINT');
    await ping.ended;
    const summary = ping.output().trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(summary)).toMatchObject({ lost: 0 });
    expect((JSON.parse(summary) as { received: number }).received).toBeGreaterThan(1000);
    for (const node of ['R1', 'R2']) {
      expect(await logged(node, 'reload refused')).toEqual([]);
      for (const line of await logged(node, 'reloaded')) expect(line['changes'], JSON.stringify(line)).not.toEqual([]);
    }
    expect((await info('R1')).pid).toBe(r1.pid);
  });

  it('say what they would change, and what they refuse', async () => {
    const original = await readFile(configFile('R1'), 'utf8');
    await writeFile(configFile('R1'), original.replace('limit: 5', 'limit: 8'));
    const dry = await run('xrouter', ['reload', '--dry-run', '-c', configFile('R1')]);
    expect(dry).toMatchObject({ code: 0, stdout: 'would change:\n  moves.limit: 5 -> 8\n' });
    const done = await run('xrouter', ['reload', '--json', '-c', configFile('R1')]);
    expect(JSON.parse(done.stdout)).toMatchObject({ dryRun: false, changes: [{ path: 'moves.limit', from: 5, to: 8 }] });
    await writeFile(configFile('R1'), original.replace('name: R1', 'name: R9'));
    const refused = await run('xrouter', ['reload', '-c', configFile('R1')]);
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('name: R1 -> R9: this needs a restart') });
    await writeFile(configFile('R1'), original.replace('faces:', 'fcaes:'));
    const bad = await run('xrouter', ['reload', '-c', configFile('R1')]);
    expect(bad).toMatchObject({ code: 3, stderr: expect.stringContaining('fcaes: unknown key') });
    await writeFile(configFile('R1'), original);
    expect(await run('xrouter', ['reload', '-c', configFile('R1')])).toMatchObject({
      code: 0,
      stdout: 'changed:\n  moves.limit: 8 -> 5\n',
    });
  });

  it('have a name server that does so too, and lets go of a log that was renamed', async () => {
    const configured = await readFile(configFile('NS'), 'utf8');
    const log = join(testbed.path, 'logs', 'NS.log');
    await rename(log, `${log}.1`);
    await writeFile(configFile('NS'), `${configured}limits: { records: 7, requestsPerSecond: 50 }\n`);
    process.kill(testbed.node('NS').process.pid, 'SIGHUP');
    await until(async () => (await logged('NS', 'reloaded')).length === 1, 10_000, 'the name server has reloaded');
    expect((await logged('NS', 'reloaded'))[0]).toMatchObject({
      changes: ['limits.records: 100000 -> 7', 'limits.requestsPerSecond: 100 -> 50'],
    });
    expect(await readFile(`${log}.1`, 'utf8')).not.toContain('reloaded');
  });
});
