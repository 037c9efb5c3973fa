import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { Dag, encodeXip, NextHeader } from 'xia-core';
import type { DatagramCalls } from '../../../xia-core/src/io/datagram-calls.js';
import { Errno } from '../../../xia-core/src/io/errno.js';
import { SenderMemo } from '../../../xia-core/src/io/sender-memo.js';
import { decodeSockaddr, encodeSockaddr } from '../../../xia-core/src/io/socket-address.js';
import { UdpFace, type UdpFaceOptions } from '../../../xia-core/src/io/udp-face.js';
import { loadUdpKernel, type UdpKernel } from '../../../xia-core/src/io/udp-kernel.js';
import { RecordingHandler } from './recording-handler.js';

const open: UdpFace[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((face) => face.close()));
});

async function opened(options: Partial<UdpFaceOptions> = {}, heard = new RecordingHandler()) {
  const face = new UdpFace({ name: 'lan', role: 'peer', listen: '127.0.0.1:0', mtu: 65_507, offload: 'auto', ...options });
  await face.open(heard);
  open.push(face);
  return { face, heard, address: face.describe().address };
}

const ADDRESS = Dag.parse('RE HID:1000000000000000000000000000000000000001');
const NUMBER_BYTES = 4;

/** An XIP packet with a number at its end. */
function packetOf(number: number, bytes: number): Buffer {
  const header = { nextHeader: NextHeader.NONE, destination: ADDRESS, source: ADDRESS };
  const payload = Buffer.alloc(bytes - encodeXip({ ...header, payload: [] }).length, number);
  payload.writeUInt32BE(number, payload.length - NUMBER_BYTES);
  return Buffer.from(encodeXip({ ...header, payload }));
}

/** So large that each leaves alone, unless said otherwise. */
const numbered = (count: number, bytes = 40_000) => Array.from({ length: count }, (_, number) => packetOf(number, bytes));
const numberOf = (bytes: Uint8Array) => Buffer.from(bytes).readUInt32BE(bytes.length - NUMBER_BYTES);
const numbersOf = ({ packets }: RecordingHandler) => packets.map(({ bytes }) => numberOf(bytes));
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** The real system calls, some of them replaced. */
async function kernelWith(change: (calls: DatagramCalls) => Partial<DatagramCalls>): Promise<() => Promise<UdpKernel>> {
  const kernel = await loadUdpKernel();
  const datagrams = { ...kernel.datagrams!, ...change(kernel.datagrams!) };
  return async () => ({ ...kernel, datagrams });
}

/** Notes what it was lent, as it was and as it lies there. */
class Borrower extends RecordingHandler {
  readonly takesLent = true;
  readonly lent: boolean[] = [];
  readonly views: Uint8Array[] = [];

  override packet(neighbour: number, bytes: Uint8Array, lent = false): void {
    super.packet(neighbour, bytes);
    this.lent.push(lent);
    this.views.push(bytes);
  }
}

describe('UdpFace past Node', () => {
  test('says so, and loses none of thousands of datagrams that arrive at once', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    expect(a.face.describe().details).toMatchObject({ datagrams: 'past Node' });
    const total = 20_000;
    const burst = 500; // fits the smallest receive buffer of any system
    for (let sent = 0; sent < total;) {
      for (let i = 0; i < burst; i++, sent++) {
        expect(b.face.send(1, packetOf(sent, 100))).toBe(true);
      }
      await a.heard.until(({ packets }) => packets.length >= sent - burst);
    }
    await a.heard.until(({ packets }) => packets.length === total);
    expect(numbersOf(a.heard)).toEqual(upTo(total));
    expect(a.face.counters.packetsIn).toBe(total);
  });

  test('lends the same memory again and again to who can do with that, and gives others their own', async () => {
    const a = await opened({}, new Borrower());
    const b = await opened({ peers: [a.address] });
    for (const packet of numbered(3)) b.face.send(1, packet);
    await a.heard.until(({ packets }) => packets.length === 3);
    const { lent, views } = a.heard as Borrower;
    expect(lent).toEqual([true, true, true]);
    expect(new Set(views.map(({ buffer }) => buffer)).size).toBe(1);
    expect(numbersOf(a.heard)).toEqual(upTo(3));
    for (const packet of numbered(3)) expect(Buffer.from(a.heard.packets[numberOf(packet)]!.bytes).equals(packet)).toBe(true);
    const kept: Uint8Array[] = [];
    b.heard.packet = (_, bytes) => void kept.push(bytes);
    for (const packet of numbered(1, 100)) a.face.send(1, packet);
    await b.heard.until(() => kept.length === 1);
    expect(kept[0]!.buffer.byteLength).toBe(100);
    expect(Buffer.from(kept[0]!).equals(numbered(1, 100)[0]!)).toBe(true);
  });

  test('has taken what it was lent when it returns, whatever the size, also where Node must send it', async () => {
    let calls = 0;
    const kernel = await kernelWith(({ send }) => ({ send: (...call) => (calls++ % 2 === 0 ? Errno.AGAIN : send(...call)) }));
    const a = await opened();
    const b = await opened({ peers: [a.address], kernel });
    const memory = Buffer.alloc(40_000);
    for (const packet of [...numbered(10), ...numbered(10, 900)]) {
      packet.copy(memory);
      expect(b.face.send(1, memory.subarray(0, packet.length), undefined, true)).toBe(true);
      memory.fill(0xee);
    }
    await a.heard.until(({ packets }) => packets.length === 20);
    const bytes = a.heard.packets.map((one) => one.bytes.toString('hex')).toSorted();
    expect(bytes).toEqual([...numbered(10), ...numbered(10, 900)].map((packet) => packet.toString('hex')).toSorted());
  });

  test('sends a packet in two parts as one datagram', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    const [packet] = numbered(1) as [Buffer];
    expect(b.face.send(1, packet.subarray(0, 90), packet.subarray(90))).toBe(true);
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(a.heard.packets[0]!.bytes.equals(packet)).toBe(true);
    expect(b.face.counters).toMatchObject({ packetsOut: 1, bytesOut: 40_000 });
  });

  test('what is told while datagrams are handed up is not told later than by Node: promises go on in the same turn', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    const settled = new Promise<string>((resolve) => {
      a.heard.packet = () => void Promise.resolve('at once').then(resolve);
    });
    b.face.send(1, Buffer.from('go'));
    // Nothing else happens in this process that would let promises go on; the longest timer is far away.
    const late = new Promise<string>((resolve) => setTimeout(resolve, 5000, 'late').unref());
    expect(await Promise.race([settled, late])).toBe('at once');
  });

  test('a handler that throws is an uncaught exception, as with Node, and the next datagram is taken', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const thrown = new Promise<unknown>((resolve) => process.once('uncaughtException', resolve));
    const taken: string[] = [];
    a.heard.packet = (_, bytes) => {
      taken.push(Buffer.from(bytes).toString());
      if (taken.length === 1) throw new Error('a listener of the owner');
    };
    try {
      b.face.send(1, Buffer.from('first'));
      expect(await thrown).toMatchObject({ message: 'a listener of the owner' });
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    b.face.send(1, Buffer.from('second'));
    await a.heard.until(() => taken.length === 2);
    expect(taken).toEqual(['first', 'second']);
  });

  test('Node takes datagrams where a descriptor cannot be watched, and again when it cannot be any more', async () => {
    const refusing = await kernelWith(() => ({
      watch: () => {
        throw new Error('no such thing');
      },
    }));
    let giveUp: () => void = () => {};
    const ending = await kernelWith(({ watch }) => ({
      watch: (fd, onReadable) => {
        giveUp = () => onReadable(false);
        return watch(fd, onReadable);
      },
    }));
    const plain = await opened({ kernel: refusing });
    expect(plain.face.describe().details).toMatchObject({ offload: 'gso+gro', datagrams: 'by Node' });
    const a = await opened({ kernel: ending });
    const b = await opened({ peers: [a.address, plain.address] });
    b.face.send(0, Buffer.from('one'));
    for (const { heard } of [a, plain]) await heard.until(({ packets }) => packets.length === 1);
    giveUp();
    b.face.send(0, Buffer.from('two'));
    for (const { heard } of [a, plain]) await heard.until(({ packets }) => packets.length === 2);
    expect([a.heard.texts(), plain.heard.texts()]).toEqual([
      ['one', 'two'],
      ['one', 'two'],
    ]);
  });

  test('takes nothing more once it is closed, also from within a datagram', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    let closing: Promise<void> | undefined;
    let taken = 0;
    a.heard.packet = () => {
      taken++;
      closing = a.face.close();
    };
    for (const packet of numbered(5)) b.face.send(1, packet);
    await a.heard.until(() => closing !== undefined);
    await closing;
    expect(taken).toBe(1);
  });
});

describe('who a datagram is from', () => {
  test.each([
    ['192.0.2.1', 7000],
    ['255.255.255.255', 65_535],
    ['::1', 1],
    ['2001:db8::ff:1', 258],
    ['::ffff:192.0.2.1', 258],
    ['1:2:3:4:5:6:7:8', 258],
  ])('%s port %i is read as it was written', (address, port) => {
    const sockaddr = new Uint8Array(28);
    sockaddr.set(encodeSockaddr(address, port)!);
    expect(decodeSockaddr(sockaddr)).toEqual({ address, port });
    const memo = new SenderMemo();
    for (let again = 0; again < 2; again++) {
      expect(memo.of(sockaddr)).toEqual({ address, port });
      const other = new Uint8Array(28);
      other.set(encodeSockaddr('192.0.2.7', 7)!);
      expect(memo.of(other)).toEqual({ address: '192.0.2.7', port: 7 });
    }
  });

  test('a scope is told by the name of its interface, and by its number where there is none', () => {
    const sockaddr = new Uint8Array(28);
    sockaddr.set(encodeSockaddr('fe80::1', 9)!);
    sockaddr[24] = 0xfd;
    sockaddr[25] = 0xff;
    expect(decodeSockaddr(sockaddr).address).toBe('fe80::1%65533');
    const scoped = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
      (all ?? []).flatMap((one) => (one.family === 'IPv6' && one.scopeid !== 0 ? [{ name, scope: one.scopeid }] : [])),
    );
    for (const { name, scope } of scoped) {
      sockaddr[24] = scope & 0xff;
      sockaddr[25] = scope >> 8;
      expect(decodeSockaddr(sockaddr).address).toBe(`fe80::1%${name}`);
    }
  });
});
