import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { Dag } from 'xia-core';
import { DiskTunnel } from '../../../migrate/src/disk/disk-tunnel.js';
import { binary } from '../../e2e/programs.js';
import { startApplication, startHost, startRouter } from '../../xia-core/node/testbed.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const BYTES = 3_000_000;

async function startNetwork(): Promise<{ near: string; far: string }> {
  const router = await startRouter();
  const [near, far] = [await startHost(router.access), await startHost(router.access)];
  onTestFinished(async () => {
    for (const { node } of [near, far, router]) await node.close();
  });
  return { near: near.access, far: far.access };
}

/** All that comes, with the other direction left open. */
async function received(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  await once(socket, 'end');
  return Buffer.concat(pieces);
}

it('carries connections both ways, each direction to its own end, and ends with the last one', async () => {
  const network = await startNetwork();
  const xmigrate = [process.execPath, binary('xmigrate')];
  const tunnel = await DiskTunnel.open({ xmigrate, sourceHost: network.near, destinationHost: network.far }, undefined);
  onTestFinished(() => tunnel.close());
  expect(statSync(dirname(tunnel.nearSocket)).mode & 0o777).toBe(0o700);
  // It answers only once it has heard everything.
  const server = createServer({ allowHalfOpen: true }, (socket) => void received(socket).then((bytes) => socket.end(bytes)));
  await new Promise<void>((resolve) => server.listen(tunnel.farSocket, resolve));
  onTestFinished(() => void server.close());
  const contents = [randomBytes(BYTES), randomBytes(BYTES)];
  const sockets = contents.map(() => connect({ path: tunnel.nearSocket, allowHalfOpen: true }));
  const answers = contents.map((bytes, index) => {
    sockets[index]!.end(bytes);
    return received(sockets[index]!);
  });
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    expect(answer.length, tunnel.fault).toBe(BYTES);
    expect(answer.equals(contents[index]!)).toBe(true);
  }
  await expect.poll(() => tunnel.fault, { timeout: 20_000 }).toContain('every connection has ended');
  await tunnel.close();
  expect(() => statSync(dirname(tunnel.nearSocket))).toThrow('ENOENT');
});

it.each(['source', 'destination'] as const)('breaks at once for whoever waits at it when its end at the %s is killed', async (end) => {
  const network = await startNetwork();
  const xmigrate = [process.execPath, binary('xmigrate')];
  const tunnel = await DiskTunnel.open({ xmigrate, sourceHost: network.near, destinationHost: network.far }, undefined);
  onTestFinished(() => tunnel.close());
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(tunnel.farSocket, resolve));
  onTestFinished(() => void server.close());
  const [near, [far]] = [connect(tunnel.nearSocket), (await once(server, 'connection')) as [Socket]];
  const over = [near, far].map((socket) => once(socket.on('error', () => undefined).resume(), 'close'));
  process.kill(tunnel.pids[end]!, 'SIGKILL');
  // A stream that hears nothing is over after a minute: until then a QEMU stands still that waits for an answer.
  await Promise.race([Promise.all(over), once(AbortSignal.timeout(20_000), 'abort').then(() => expect.fail('it did not break'))]);
  expect(tunnel.fault).toContain(`broke at the ${end}: the disk tunnel's process ended with SIGKILL`);
});

it('lets nobody in whose key it was not told of', async () => {
  const network = await startNetwork();
  const folder = await temporaryFolder();
  const stranger = await startApplication(network.near);
  onTestFinished(() => stranger.close());
  let reached = 0;
  const server = createServer(() => void reached++);
  await new Promise<void>((resolve) => server.listen(`${folder}/nbd.sock`, resolve));
  onTestFinished(() => void server.close());
  const other = await startApplication(network.near);
  onTestFinished(() => other.close());
  const words = ['disk-listen', '--host', network.far, '--socket', `${folder}/nbd.sock`, '--allow', other.hid.toString()];
  const child = spawn(process.execPath, [binary('xmigrate'), ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  const events: Record<string, unknown>[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line) as Record<string, unknown>));
  const said = (event: string) => events.find((record) => record['event'] === event);
  await expect.poll(() => said('listening'), { timeout: 60_000 }).toBeDefined();
  const stream = await stranger.connect(Dag.parse(String(said('listening')!['dag'])));
  stream.on('error', () => undefined);
  stream.write('let me in');
  await expect.poll(() => said('refused'), { timeout: 20_000 }).toMatchObject({ peer: stranger.hid.toString() });
  await expect.poll(() => stream.destroyed, { timeout: 20_000 }).toBe(true);
  expect(reached).toBe(0);
  expect(said('connected')).toBeUndefined();
});
