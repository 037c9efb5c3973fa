import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NetdevFace, type NetdevFaceOptions } from '../../../xia-core/src/io/netdev-face.js';
import { NetdevLink } from '../../../xia-core/src/io/netdev-link.js';
import { encodeArp, encodeEthernet, encodeIpv4Udp, EtherType } from '../../../xia-core/src/wire/index.js';
import { RecordingHandler } from './recording-handler.js';

let directory: string;
let path: string;
const open: NetdevFace[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'netdev-'));
  path = join(directory, 'nic.sock');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((face) => face.close()));
  await rm(directory, { recursive: true });
});

async function opened(options: Partial<NetdevFaceOptions> = {}) {
  const face = new NetdevFace({ name: 'vms', role: 'access', path, ...options });
  open.push(face);
  const heard = new RecordingHandler();
  await face.open(heard);
  return { face, heard };
}

async function machine(): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

const mac = Uint8Array.of(0x52, 0x54, 0, 0, 0, 1);
const guest = Uint8Array.of(169, 254, 77, 2);

function prefixed(frame: Uint8Array): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(frame.length);
  return Buffer.concat([prefix, frame]);
}

/** A packet as a machine sends it. */
function fromMachine(text: string): Buffer {
  const payload = Buffer.from(text);
  const destination = Uint8Array.of(169, 254, 77, 1);
  const datagram = encodeIpv4Udp({ source: guest, destination, sourcePort: 7000, destinationPort: 7000, payload });
  return prefixed(encodeEthernet(new Uint8Array(6).fill(0xff), mac, EtherType.IPV4, datagram));
}

describe('NetdevFace', () => {
  test('a machine comes, speaks, is answered, announces itself, and goes', async () => {
    const { face, heard } = await opened();
    const socket = await machine();
    await heard.until(({ announcements }) => announcements.length === 1);
    expect(face.describe().neighbours[0]).not.toHaveProperty('announcedMs');
    const beforeMs = Date.now();
    const rarp = encodeArp({
      operation: 'reverse-request',
      senderMac: mac,
      senderAddress: new Uint8Array(4),
      targetMac: mac,
      targetAddress: new Uint8Array(4),
    });
    socket.write(
      Buffer.concat([
        fromMachine('one'),
        fromMachine('two'),
        prefixed(encodeEthernet(mac, mac, EtherType.RARP, rarp)),
        prefixed(new Uint8Array(20)),
      ]),
    );
    await heard.until(({ announcements }) => announcements.length === 2);
    expect(heard.packets.map(({ neighbour, bytes }) => [neighbour, bytes.toString()])).toEqual([
      [1, 'one'],
      [1, 'two'],
    ]);
    expect(face.send(1, Buffer.from('re'), Buffer.from('ply'))).toBe(true);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    // The machine itself, not its network card that was plugged in before.
    const { announcedMs } = face.describe().neighbours[0] ?? {};
    expect([announcedMs! >= beforeMs - 1, announcedMs! <= Date.now() + 1]).toEqual([true, true]);
    const reference = new NetdevLink();
    reference.receive(Uint8Array.from(fromMachine('x').subarray(4)));
    expect(bytes.equals(reference.encode(Buffer.from('reply')))).toBe(true);
    expect(face.describe()).toMatchObject({
      address: `unix:${path}`,
      neighbours: [{ id: 1, address: '52:54:00:00:00:01 169.254.77.2:7000' }],
    });
    socket.destroy();
    await heard.until(({ departures }) => departures.length === 1);
    expect(heard.departures).toEqual([1]);
    expect(face.send(1, Buffer.from('x'))).toBe(false);
    expect(face.counters).toMatchObject({ packetsIn: 2, packetsOut: 1, droppedNoNeighbour: 1, ignored: 1, faults: 0 });
  });

  test('several machines are several neighbours, and one that comes later takes a free id', async () => {
    const { face, heard } = await opened();
    const first = await machine();
    await heard.until(({ announcements }) => announcements.length === 1);
    const second = await machine();
    await heard.until(({ announcements }) => announcements.length === 2);
    face.send(0, Buffer.from('all'));
    await Promise.all([once(first, 'data'), once(second, 'data')]);
    first.destroy();
    await heard.until(({ departures }) => departures.length === 1);
    const third = await machine();
    third.write(fromMachine('third'));
    await heard.until(({ packets }) => packets.length === 1);
    expect(heard.packets[0]!.neighbour).toBe(1);
    expect(heard.announcements).toEqual([1, 2, 1]);
    second.destroy();
    third.destroy();
  });

  test('a machine that sends an impossible length is disconnected, and the others are not', async () => {
    const { face, heard } = await opened();
    const good = await machine();
    const bad = await machine();
    bad.on('error', () => {});
    bad.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
    await once(bad, 'close');
    await heard.until(({ departures }) => departures.length === 1);
    expect(heard.faults).toMatchObject([{ code: 'face-failed' }]);
    expect(face.counters.faults).toBe(1);
    good.write(fromMachine('still here'));
    await heard.until(({ packets }) => packets.length === 1);
    good.destroy();
  });

  test('carries thousands of packets both ways, whole and in order', async () => {
    const { face, heard } = await opened();
    const socket = await machine();
    const total = 5000;
    const back: Buffer[] = [];
    socket.on('data', (piece: Buffer) => back.push(piece));
    heard.packet = (neighbour, bytes) => {
      heard.packets.push({ neighbour, bytes: Buffer.from(bytes) });
      face.send(neighbour, bytes);
    };
    for (let i = 0; i < total; i++) socket.write(fromMachine(`packet ${i} ${'x'.repeat(i % 1400)}`));
    await heard.until(({ packets }) => packets.length === total);
    expect(heard.texts().every((text, i) => text.startsWith(`packet ${i} `))).toBe(true);
    const expected = heard.packets.reduce((sum, { bytes }) => sum + bytes.length + 46, 0);
    await heard.until(() => back.reduce((sum, piece) => sum + piece.length, 0) === expected);
    socket.destroy();
  });

  test('drops for a machine that does not read, and keeps no more than 4 MiB for it', async () => {
    const { face, heard } = await opened();
    const socket = await machine();
    socket.pause();
    await heard.until(({ announcements }) => announcements.length === 1);
    let sent = 0;
    for (let i = 0; i < 10_000; i++) {
      if (face.send(1, Buffer.alloc(1472))) sent++;
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    expect(face.counters.droppedQueueFull).toBe(10_000 - sent);
    expect(sent).toBeLessThan(6000);
    expect(sent).toBeGreaterThan(2000);
    expect(face.send(1, Buffer.alloc(1473))).toBe(false);
    expect(face.counters.droppedTooBig).toBe(1);
    socket.destroy();
  });

  test('the socket is for this user only, and is gone after close', async () => {
    const { face } = await opened();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await face.close();
    await face.close();
    expect(existsSync(path)).toBe(false);
  });

  test('takes over the socket file of a dead process', async () => {
    const child = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    await once(child, 'exit');
    expect(existsSync(path)).toBe(true);
    const { heard } = await opened();
    const socket = await machine();
    await heard.until(({ announcements }) => announcements.length === 1);
    socket.destroy();
  });

  test('does not touch the socket of a living one, nor another file', async () => {
    const other = createServer().listen(path);
    await once(other, 'listening');
    await expect(opened()).rejects.toMatchObject({
      code: 'address-in-use',
      message: expect.stringContaining(`face vms: ${path}`) as string,
    });
    await new Promise<void>((resolve) => other.close(() => resolve()));
    await writeFile(path, 'precious');
    await expect(opened()).rejects.toMatchObject({ code: 'bad-config' });
    expect(existsSync(path)).toBe(true);
  });

  test('says what is wrong with its path', async () => {
    await expect(opened({ path: join(directory, 'missing', 'nic.sock') })).rejects.toMatchObject({
      code: 'face-failed',
      message: expect.stringContaining('directory') as string,
    });
    await expect(opened({ path: join(directory, 'x'.repeat(108)) })).rejects.toMatchObject({ code: 'bad-config' });
    expect(() => new NetdevFace({ name: 'vms', role: 'access', path, mtu: 70_000 })).toThrow(
      expect.objectContaining({ code: 'bad-config' }),
    );
  });

  describe('what a machine that stands still has not read', () => {
    async function sleeping(): Promise<Socket> {
      // Else Node reads by itself.
      const socket = new Socket();
      socket.pause();
      socket.connect(path);
      await once(socket, 'connect');
      return socket;
    }
    const numbered = (number: number): Buffer => Buffer.alloc(1000, `packet ${number} `);
    const turn = () => new Promise((done) => setTimeout(done, 20));

    test('can be taken back, in order, whether it lies here or in the kernel', async () => {
      const { face, heard } = await opened();
      const socket = await sleeping();
      await heard.until(({ announcements }) => announcements.length === 1);
      for (let number = 0; number < 1500; number++) {
        expect(face.send(1, numbered(number).subarray(0, 400), numbered(number).subarray(400))).toBe(true);
        if (number % 50 === 0) await turn();
      }
      const unsent = face.gauges().find(({ name }) => name === 'largest send queue')!.used;
      expect(unsent, 'more than the kernel takes').toBeGreaterThan(1_000_000);
      const back = face.takeBack(1);
      expect(back.map((packet) => Buffer.from(packet).toString())).toEqual(
        Array.from({ length: 1500 }, (_, number) => numbered(number).toString()),
      );
      expect(face.takeBack(1), 'once').toEqual([]);
      expect(face.takeBack(2), 'of nobody else').toEqual([]);
      expect(face.send(1, numbered(1500))).toBe(true);
      socket.destroy();
    });

    test('is nothing when it has read all some time ago', async () => {
      const { face, heard } = await opened();
      const socket = await sleeping();
      await heard.until(({ announcements }) => announcements.length === 1);
      let read = 0;
      socket.on('data', (bytes) => (read += bytes.length));
      socket.resume();
      for (let number = 0; number < 300; number++) expect(face.send(1, numbered(number))).toBe(true);
      const all = 300 * new NetdevLink().encode(numbered(0)).length;
      await expect.poll(() => read).toBe(all);
      await expect.poll(() => face.gauges().find(({ name }) => name === 'largest send queue')!.used).toBe(0);
      await new Promise((done) => setTimeout(done, 60));
      expect(face.takeBack(1)).toEqual([]);
      // QEMU reads one more when its machine has stopped, and loses it.
      expect(face.send(1, numbered(7))).toBe(true);
      await expect.poll(() => read).toBeGreaterThan(all);
      expect(face.takeBack(1).length).toBeLessThanOrEqual(1);
      socket.destroy();
    });
  });
});
