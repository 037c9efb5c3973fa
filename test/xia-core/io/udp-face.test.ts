import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { DgramAsPromised } from 'dgram-as-promised';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { UdpFace, type UdpFaceOptions } from '../../../xia-core/src/io/udp-face.js';
import { RecordingHandler } from './recording-handler.js';

const open: UdpFace[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((face) => face.close()));
});

async function opened(options: Partial<UdpFaceOptions> = {}): Promise<{ face: UdpFace; heard: RecordingHandler; address: string }> {
  const face = new UdpFace({ name: 'lan', role: 'peer', listen: '127.0.0.1:0', ...options });
  const heard = new RecordingHandler();
  await face.open(heard);
  open.push(face);
  return { face, heard, address: face.describe().address };
}

describe('UdpFace', () => {
  test('peers have the ids 1..n, others the next ones when they are heard, and are answered by their id', async () => {
    const a = await opened();
    const b = await opened({ peers: ['127.0.0.1:9', a.address] });
    expect(b.face.send(2, Buffer.from('hello'))).toBe(true);
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(a.heard.packets).toEqual([{ neighbour: 1, bytes: Buffer.from('hello') }]);
    a.face.send(1, Buffer.from('reply'));
    await b.heard.until(({ packets }) => packets.length === 1);
    expect(b.heard.packets).toEqual([{ neighbour: 2, bytes: Buffer.from('reply') }]);
    expect(a.face.describe().neighbours).toEqual([{ id: 1, address: b.address }]);
    expect(a.face.counters).toMatchObject({ packetsIn: 1, bytesIn: 5, packetsOut: 1, bytesOut: 5 });
  });

  test('changes peers, role and MTU while packets flow, without another socket', async () => {
    const [a, b, c] = [await opened(), await opened(), await opened()];
    const { face, heard, address } = await opened({ peers: [a.address, b.address] });
    face.update({ role: 'access', mtu: 4, peers: [b.address, c.address] });
    expect([face.role, face.mtu, face.describe().address]).toEqual(['access', 4, address]);
    expect(heard.departures).toEqual([1]);
    expect(face.describe().neighbours).toEqual([
      { id: 1, address: c.address },
      { id: 2, address: b.address },
    ]);
    expect([face.send(0, Buffer.from('four')), face.send(0, Buffer.from('five5'))]).toEqual([true, false]);
    for (const { heard: there } of [b, c]) await there.until(({ packets }) => packets.length === 1);
    expect(a.heard.packets).toEqual([]);
    face.update({ role: 'access', mtu: 4, peers: [] });
    expect([face.send(0, Buffer.from('four')), face.send(2, Buffer.from('four')), face.counters.droppedNoNeighbour]).toEqual([
      false,
      false,
      2,
    ]);
  });

  test('changes nothing when a setting is bad', async () => {
    const { face } = await opened({ peers: ['127.0.0.1:9'], neighbours: 3 });
    const settings = { role: 'peer', mtu: 1472 } as const;
    expect(() => face.update({ ...settings, mtu: 0, peers: [] })).toThrow(expect.objectContaining({ code: 'bad-config' }));
    expect(() => face.update({ ...settings, peers: ['nowhere'] })).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
    const many = ['127.0.0.1:7', '127.0.0.1:8', '127.0.0.1:9'];
    expect(() => face.update({ ...settings, peers: many })).toThrow(expect.objectContaining({ code: 'bad-config' }));
    expect(face.describe().neighbours).toEqual([{ id: 1, address: '127.0.0.1:9' }]);
    face.update({ ...settings, peers: many.slice(0, 2) });
    expect(face.describe().neighbours.map(({ address }) => address)).toEqual(['127.0.0.1:7', '127.0.0.1:8']);
  });

  test('sends a packet in two parts as one datagram', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address], mtu: 7 });
    expect(b.face.send(1, Buffer.from('one'), Buffer.from(' two'))).toBe(true);
    expect(b.face.send(1, Buffer.from('one'), Buffer.from(' three'))).toBe(false);
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(a.heard.texts()).toEqual(['one two']);
    expect(b.face.counters).toMatchObject({ packetsOut: 1, bytesOut: 7, droppedTooBig: 1 });
  });

  test('loses none of thousands of datagrams that arrive at once', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    const total = 20_000;
    const burst = 500; // fits the smallest receive buffer of any system
    for (let sent = 0; sent < total;) {
      for (let i = 0; i < burst; i++, sent++) {
        const packet = Buffer.alloc(100);
        packet.writeUInt32BE(sent);
        expect(b.face.send(1, packet)).toBe(true);
      }
      await a.heard.until(({ packets }) => packets.length >= sent - burst);
    }
    await a.heard.until(({ packets }) => packets.length === total);
    const numbers = a.heard.packets.map(({ bytes }) => bytes.readUInt32BE());
    expect(numbers).toEqual(Array.from({ length: total }, (_, index) => index));
    expect(a.face.counters.packetsIn).toBe(total);
  });

  test('loses none of those that the socket hands up in one turn of the event loop', async () => {
    // A promise for each datagram would take the first and lose the others: nobody listens until the promise is awaited.
    const spy = vi.spyOn(DgramAsPromised, 'createSocket');
    const { heard } = await opened();
    const { socket } = spy.mock.results[0]!.value as ReturnType<typeof DgramAsPromised.createSocket>;
    spy.mockRestore();
    const from = { address: '127.0.0.1', family: 'IPv4', port: 9, size: 1 };
    for (let i = 0; i < 200; i++) socket.emit('message', Buffer.of(i), from);
    await new Promise(setImmediate);
    expect(heard.packets.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 200 }, (_, index) => index));
  });

  test('the bytes of a packet are its own, and hold no more memory than they are long', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    const kept: Uint8Array[] = [];
    a.heard.packet = (_, bytes) => void kept.push(bytes);
    for (let i = 0; i < 50; i++) b.face.send(1, Buffer.alloc(10, i));
    await a.heard.until(() => kept.length === 50);
    expect(kept.map((bytes) => bytes[9])).toEqual(Array.from({ length: 50 }, (_, index) => index));
    for (const bytes of kept) expect(bytes.buffer.byteLength).toBe(10);
  });

  test('carries the largest datagram, and drops what exceeds the MTU', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address], mtu: 65_507 });
    const packet = Buffer.alloc(65_507, 7);
    expect(b.face.send(1, packet)).toBe(true);
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(a.heard.packets[0]!.bytes.equals(packet)).toBe(true);
    expect(a.face.send(1, Buffer.alloc(1473))).toBe(false);
    expect(a.face.counters.droppedTooBig).toBe(1);
  });

  test('neighbour 0 is every neighbour, of the configuration and heard', async () => {
    const a = await opened();
    const b = await opened();
    const c = await opened({ peers: [a.address] });
    const d = await opened({ peers: [c.address] });
    d.face.send(1, Buffer.from('here I am'));
    await c.heard.until(({ packets }) => packets.length === 1);
    expect(c.face.send(0, Buffer.from('all'))).toBe(true);
    await a.heard.until(({ packets }) => packets.length === 1);
    await d.heard.until(({ packets }) => packets.length === 1);
    expect(b.face.send(0, Buffer.from('nobody'))).toBe(false);
    expect(b.face.counters.droppedNoNeighbour).toBe(1);
  });

  test('an unknown neighbour, a closed face: dropped and counted', async () => {
    const { face } = await opened();
    expect(face.send(5, Buffer.from('x'))).toBe(false);
    await face.close();
    await face.close();
    expect(face.send(0, Buffer.from('x'))).toBe(false);
    expect(face.counters.droppedNoNeighbour).toBe(2);
  });

  test('an empty datagram is ignored and counted', async () => {
    const a = await opened();
    const socket = createSocket('udp4');
    const port = Number(a.address.split(':')[1]);
    socket.send(Buffer.alloc(0), port, '127.0.0.1');
    socket.send('x', port, '127.0.0.1');
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(a.face.counters.ignored).toBe(1);
    socket.close();
  });

  test('when its neighbours are too many the oldest is gone', async () => {
    const a = await opened({ neighbours: 2 });
    const others = [await opened({ peers: [a.address] }), await opened({ peers: [a.address] }), await opened({ peers: [a.address] })];
    for (const [index, other] of others.entries()) {
      other.face.send(1, Buffer.from('x'));
      await a.heard.until(({ packets }) => packets.length === index + 1);
    }
    expect(a.heard.packets.map(({ neighbour }) => neighbour)).toEqual([1, 2, 1]);
    expect(a.heard.departures).toEqual([1]);
    expect(a.face.counters.neighboursEvicted).toBe(1);
  });

  test('drops beyond the bound of the send queue', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address], sendQueueBytes: 99 });
    expect(b.face.send(1, Buffer.alloc(100))).toBe(false);
    expect(b.face.counters.droppedQueueFull).toBe(1);
    expect(b.face.send(1, Buffer.alloc(99))).toBe(true);
  });

  test('speaks IPv6, and IPv4 with a face that listens on both', async () => {
    const a = await opened();
    const b = await opened({ listen: '[::1]:0' });
    const both = await opened({ listen: '[::]:0', peers: [a.address, b.address] });
    both.face.send(0, Buffer.from('hi'));
    await a.heard.until(({ packets }) => packets.length === 1);
    await b.heard.until(({ packets }) => packets.length === 1);
    a.face.send(1, Buffer.from('from a'));
    b.face.send(1, Buffer.from('from b'));
    await both.heard.until(({ packets }) => packets.length === 2);
    expect(both.heard.packets.map(({ neighbour }) => neighbour).toSorted((one, other) => one - other)).toEqual([1, 2]);
  });

  test('says which address is in use, and by which face it was wanted', async () => {
    const { address } = await opened();
    const second = new UdpFace({ name: 'wan', role: 'uplink', listen: address });
    await expect(second.open(new RecordingHandler())).rejects.toMatchObject({
      code: 'address-in-use',
      message: expect.stringMatching(new RegExp(`wan.*${address}`)) as string,
    });
    await expect(new UdpFace({ name: 'x', role: 'peer', listen: '192.0.2.1:7000' }).open(new RecordingHandler())).rejects.toMatchObject({
      code: 'face-failed',
    });
  });

  test('refuses a configuration that cannot work', () => {
    const make = (options: Partial<UdpFaceOptions>) => () => new UdpFace({ name: 'x', role: 'peer', listen: '127.0.0.1:0', ...options });
    expect(make({ mtu: 65_508 })).toThrow(expect.objectContaining({ code: 'bad-config' }));
    expect(make({ listen: 'somewhere' })).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
    expect(make({ peers: ['[::1]:7000'] })).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
    expect(make({ peers: ['127.0.0.1:0'] })).toThrow(expect.objectContaining({ code: 'bad-endpoint' }));
  });

  test('says how large its buffers became', async () => {
    const { details } = (await opened()).face.describe();
    expect(details?.['receiveBufferBytes']).toBeGreaterThan(64 * 1024);
    expect(details?.['sendBufferBytes']).toBeGreaterThan(64 * 1024);
  });

  test('a neighbour that does not listen is silence, not a failure', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const dead = `127.0.0.1:${socket.address().port}`;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const a = await opened();
    const b = await opened({ peers: [dead, a.address] });
    for (let i = 0; i < 5; i++) expect(b.face.send(1, Buffer.from('x'))).toBe(true);
    b.face.send(2, Buffer.from('y'));
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(b.heard.faults).toEqual([]);
  });
});
