import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { QemuInput } from '../../../migrate/src/xmigrate/qemu-input.js';
import { readAgain } from '../../../migrate/src/xmigrate/read-again.js';

const bytes = randomBytes(3_000_000);
const sumOf = (whole: Uint8Array) => createHash('sha256').update(whole).digest('hex');
const ends: Array<() => void> = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

it('reads what QEMU writes, in few pieces of one memory, and nothing while it is paused', async () => {
  const input = await QemuInput.listen();
  ends.push(() => input.close());
  const hash = createHash('sha256');
  const memories = new Set<ArrayBufferLike>();
  let [pieces, isPaused, whilePaused] = [0, true, 0];
  input.on('data', (piece) => {
    hash.update(piece);
    memories.add(piece.buffer);
    pieces++;
    if (isPaused) whilePaused++;
    isPaused = true;
    input.pause();
    setImmediate(() => {
      isPaused = false;
      input.resume();
    });
  });
  const ended = once(input, 'end');
  const qemu = connect(input.path);
  ends.push(() => qemu.destroy());
  qemu.end(bytes);
  await once(qemu, 'connect');
  while (!input.isConnected) await sleep(1);
  await sleep(20);
  expect(pieces).toBe(0);
  expect(existsSync(input.path)).toBe(false);
  isPaused = false;
  input.resume();
  await ended;
  expect(hash.digest('hex')).toBe(sumOf(bytes));
  expect(whilePaused).toBe(0);
  expect(memories.size).toBe(1);
});

it('ends the stream of a QEMU when it is closed', async () => {
  const input = await QemuInput.listen();
  const qemu = connect(input.path);
  ends.push(() => qemu.destroy());
  await once(qemu, 'connect');
  while (!input.isConnected) await sleep(1);
  input.resume();
  input.close();
  qemu.resume();
  await once(qemu, 'close');
  expect(existsSync(input.path)).toBe(false);
});

it('goes on as Node reads where the connection cannot be found in its socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'read-again-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  const server = createServer({ pauseOnConnect: true }).listen(join(folder, 'socket'));
  ends.push(() => server.close());
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const writer = connect(join(folder, 'socket'));
  ends.push(() => writer.destroy());
  writer.end(bytes);
  const [socket] = await accepted;
  const hidden = new Proxy(socket, { get: (target, name) => (name === '_handle' ? undefined : bound(target, name)) });
  const hash = createHash('sha256');
  const reading = readAgain(hidden, Buffer.alloc(100), (piece) => void hash.update(piece));
  const ended = once(reading, 'end');
  reading.resume();
  await ended;
  expect(hash.digest('hex')).toBe(sumOf(bytes));
});

/** A member of an object, which a method finds its own object by. */
function bound(target: Socket, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? (...values: unknown[]) => Reflect.apply(value, target, values) as unknown : value;
}
