import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Dag, encodeXip, NextHeader } from 'xia-core';
import { encodeSockaddr } from '../../../xia-core/src/io/socket-address.js';
import { UdpFace, type UdpFaceOptions } from '../../../xia-core/src/io/udp-face.js';
import { Errno } from '../../../xia-core/src/io/errno.js';
import { loadUdpKernel, type UdpKernel } from '../../../xia-core/src/io/udp-kernel.js';
import { RecordingHandler } from './recording-handler.js';

const open: UdpFace[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((face) => face.close()));
});

const listens = ['127.0.0.1:0', '[::1]:0', '[::]:0'];
const ADDRESS = Dag.parse('RE HID:1000000000000000000000000000000000000001');
const HEADER_BYTES = encodeXip({ nextHeader: NextHeader.NONE, destination: ADDRESS, source: ADDRESS, payload: [] }).length;

async function opened(options: Partial<UdpFaceOptions> = {}) {
  const face = new UdpFace({ name: 'lan', role: 'peer', listen: '127.0.0.1:0', mtu: 65_507, offload: 'auto', ...options });
  const heard = new RecordingHandler();
  await face.open(heard);
  open.push(face);
  return { face, heard, address: face.describe().address.replace('[::]', '127.0.0.1') };
}

/** An XIP packet with a number in it. */
function packet(bytes: number, number: number): Buffer {
  const payload = Buffer.alloc(bytes - HEADER_BYTES, number);
  payload.writeUInt32BE(number);
  return Buffer.from(encodeXip({ nextHeader: NextHeader.NONE, destination: ADDRESS, source: ADDRESS, payload }));
}

/** A kernel that answers what it is told; without an answer it sends nothing and says that it has. */
function fakeKernel(answer: Partial<UdpKernel>): () => Promise<UdpKernel> {
  return async () => ({ enableGro: () => 0, probeGso: () => 0, sendRun: () => 0, ...answer });
}

async function expectArrival(heard: RecordingHandler, sent: readonly Buffer[]): Promise<void> {
  await heard.until(({ packets }) => packets.length >= sent.length);
  expect(heard.packets.map(({ bytes }) => bytes.toString('hex'))).toEqual(sent.map((bytes) => bytes.toString('hex')));
}

describe('UdpFace with offload', () => {
  test('sends and receives runs, and says so', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    expect(a.face.describe().details).toMatchObject({ offload: 'gso+gro' });
    const sent = Array.from({ length: 100 }, (_, number) => packet(1000, number));
    for (const one of sent) expect(b.face.send(1, one)).toBe(true);
    await expectArrival(a.heard, sent);
    expect(b.face.counters).toMatchObject({ packetsOut: 100, bytesOut: 100_000, runsOut: 2 });
    expect(a.face.counters).toMatchObject({ packetsIn: 100, bytesIn: 100_000, runsIn: 2 });
  });

  test('a handler for runs gets them whole, and a face sends one on as it is', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    const runs: object[] = [];
    Object.assign(a.heard, {
      run: (neighbour: number, bytes: Uint8Array, segmentBytes: number) => runs.push({ neighbour, bytes: bytes.length, segmentBytes }),
    });
    const run = Buffer.concat([packet(1400, 1), packet(1400, 2), packet(700, 3)]);
    expect(b.face.sendRun(1, run, 1400)).toBe(3);
    await a.heard.until(() => runs.length === 1);
    expect(runs).toEqual([{ neighbour: 1, bytes: 3500, segmentBytes: 1400 }]);
    expect(b.face.counters).toMatchObject({ packetsOut: 3, bytesOut: 3500, runsOut: 1 });
    expect(b.face.sendRun(7, run, 1400)).toBe(0);
    expect(b.face.counters.droppedNoNeighbour).toBe(3);
    expect(b.face.sendRun(0, run, 1400)).toBe(3);
    await a.heard.until(() => runs.length === 2);
    expect(b.face.counters).toMatchObject({ packetsOut: 6, runsOut: 2 });
    expect(a.face.sendRun(0, run, 1400)).toBe(3);
    const nobody = await opened();
    expect(nobody.face.sendRun(0, run, 1400)).toBe(0);
    expect(nobody.face.counters.droppedNoNeighbour).toBe(3);
  });

  test.each(
    listens.flatMap((listen) =>
      (['auto', 'off'] as const).flatMap((from) => (['auto', 'off'] as const).map((to) => ({ listen, from, to }))),
    ),
  )('every packet of any size arrives whole and in order: $listen, $from to $to', async ({ listen, from, to }) => {
    const receivers = [await opened({ listen, offload: to }), await opened({ listen, offload: to })];
    const sender = await opened({ listen, offload: from, peers: receivers.map(({ address }) => address) });
    const bytes = fc.oneof(fc.constantFrom(1400, 1400, 1400, 200, 65_507), fc.integer({ min: HEADER_BYTES + 4, max: 9000 }));
    const script = fc.array(fc.record({ bytes, to: fc.constantFrom(0, 1), inTwo: fc.boolean() }), { minLength: 1, maxLength: 70 });
    await fc.assert(
      fc.asyncProperty(script, async (packets) => {
        const sent: Buffer[][] = [[], []];
        for (const [number, one] of packets.entries()) {
          const whole = packet(one.bytes, number);
          sent[one.to]!.push(whole);
          if (one.inTwo) sender.face.send(one.to + 1, whole.subarray(0, 50), whole.subarray(50));
          else sender.face.send(one.to + 1, whole);
        }
        for (const [index, { heard }] of receivers.entries()) {
          await expectArrival(heard, sent[index]!);
          heard.packets.length = 0;
        }
      }),
      { numRuns: 8 },
    );
  });

  test('a jumbo packet behind a run is one datagram', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const sizes: number[] = [];
    socket.on('message', ({ length }) => sizes.push(length));
    const { face } = await opened({ peers: [`127.0.0.1:${socket.address().port}`] });
    face.sendRun(1, Buffer.concat([packet(1400, 1), packet(1400, 2)]), 1400);
    face.send(1, packet(60_000, 3));
    face.send(1, packet(900, 4));
    while (sizes.length < 4) await once(socket, 'message');
    expect(sizes).toEqual([1400, 1400, 60_000, 900]);
    socket.close();
  });

  test('what waits leaves when the face is closed', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    b.face.send(1, packet(100, 1));
    await b.face.close();
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(a.heard.packets[0]!.bytes).toEqual(packet(100, 1));
  });

  test('the MTU bounds the packets of a run', async () => {
    const a = await opened({ mtu: 1000 });
    const b = await opened({ mtu: 1000, peers: [a.address] });
    expect(b.face.sendRun(1, Buffer.concat([packet(1001, 1), packet(1001, 2), packet(500, 3)]), 1001)).toBe(1);
    await expectArrival(a.heard, [packet(500, 3)]);
    expect(b.face.counters).toMatchObject({ packetsOut: 1, droppedTooBig: 2 });
  });

  test('a datagram whose first packet lies about its length is one packet or several, never more than its bytes', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address] });
    const lying = packet(600, 1);
    lying.writeUInt16BE(65_535, 2);
    const short = packet(600, 2);
    short.writeUInt16BE(0, 2);
    b.face.send(1, lying);
    await a.heard.until(({ packets }) => packets.length === 1);
    expect(a.heard.packets[0]!.bytes).toEqual(lying);
    b.face.send(1, short);
    await a.heard.until(({ packets }) => packets.length === 1 + Math.ceil(600 / HEADER_BYTES));
    expect(Buffer.concat(a.heard.packets.slice(1).map(({ bytes }) => bytes))).toEqual(short);
  });

  test('the system calls answer an error number', async () => {
    const kernel = await loadUdpKernel();
    expect(kernel.enableGro(-1)).not.toBe(Errno.NONE);
    expect(kernel.sendRun(-1, encodeSockaddr('127.0.0.1', 9)!, Buffer.alloc(10), 5)).not.toBe(Errno.NONE);
  });
});

describe('UdpFace where runs are refused', () => {
  const three = [packet(500, 1), packet(500, 2), packet(400, 3)];

  test('a system that cannot is told of, and packets go one by one', async () => {
    const a = await opened({ offload: 'off' });
    const refusals: [Partial<UdpKernel>, RegExp][] = [
      [{ enableGro: () => Errno.NO_OPTION }, /errno 92/],
      [{ probeGso: () => Errno.NO_OPTION }, /errno 92/],
    ];
    for (const [answer, reason] of refusals) {
      const b = await opened({ peers: [a.address], kernel: fakeKernel(answer) });
      expect(b.face.describe().details).toMatchObject({ offload: 'off', offloadReason: expect.stringMatching(reason) as string });
      for (const one of three) b.face.send(1, one);
      await expectArrival(a.heard, three);
      expect(b.face.counters).toMatchObject({ packetsOut: 3, runsOut: 0 });
      a.heard.packets.length = 0;
    }
    const missing = await opened({ kernel: () => Promise.reject(new Error('no such module')) });
    expect(missing.face.describe().details).toMatchObject({ offload: 'off', offloadReason: 'no such module' });
  });

  test('the first refused run is the last one, told once, and nothing is lost or overtaken', async () => {
    const a = await opened({ offload: 'off' });
    let calls = 0;
    const sendRun = () => {
      calls++;
      return Errno.INVALID;
    };
    const b = await opened({ peers: [a.address], kernel: fakeKernel({ sendRun }) });
    const sent = Array.from({ length: 150 }, (_, number) => packet(500, number));
    for (const one of sent) b.face.send(1, one);
    await expectArrival(a.heard, sent);
    expect(calls).toBe(1);
    expect(b.heard.faults.map(({ code }) => code)).toEqual(['face-failed']);
    expect(b.face.describe().details).toMatchObject({ offload: 'off', offloadReason: expect.stringContaining('errno 22') as string });
    expect(b.face.counters).toMatchObject({ packetsOut: 150, runsOut: 0, faults: 1 });
  });

  test.each([Errno.IO, Errno.INVALID, Errno.NO_CALL, Errno.TOO_LARGE, Errno.NO_OPTION, Errno.NOT_SUPPORTED])(
    'errno %i of a send is for good, and what arrives is taken on',
    async (errno) => {
      const a = await opened();
      const b = await opened({ peers: [a.address], kernel: fakeKernel({ sendRun: () => errno }) });
      for (let round = 0; round < 3; round++) expect(b.face.sendRun(1, Buffer.concat(three), 500)).toBe(3);
      await expectArrival(a.heard, [...three, ...three, ...three]);
      expect(b.heard.faults).toHaveLength(1);
      for (const one of three) expect(a.face.send(1, one)).toBe(true);
      await b.heard.until(({ packets }) => packets.length === 3);
      expect(b.face.counters).toMatchObject({ packetsOut: 9, runsOut: 0, packetsIn: 3 });
    },
  );

  test('a full socket takes packets one by one, and runs again later', async () => {
    const a = await opened({ offload: 'off' });
    const answers: number[] = [Errno.AGAIN, Errno.NONE];
    const b = await opened({ peers: [a.address], kernel: fakeKernel({ sendRun: () => answers.shift()! }) });
    expect(b.face.sendRun(1, Buffer.concat(three), 500)).toBe(3);
    await expectArrival(a.heard, three);
    expect(b.face.sendRun(1, Buffer.concat(three), 500)).toBe(3);
    expect(b.face.counters).toMatchObject({ packetsOut: 6, runsOut: 1, faults: 0 });
    expect(b.heard.faults).toEqual([]);
  });

  test('what waits counts against the bound of the send queue', async () => {
    const a = await opened();
    const b = await opened({ peers: [a.address], sendQueueBytes: 1200, kernel: fakeKernel({}) });
    expect(three.map((one) => b.face.send(1, one))).toEqual([true, true, false]);
    expect(b.face.counters.droppedQueueFull).toBe(1);
  });
});

describe('UdpFace with offload when busy', () => {
  const burst = (count: number, bytes: number) => Array.from({ length: count }, (_, number) => packet(bytes, number));

  /** Sends in portions that no socket buffer is too small for. */
  async function exchange(from: UdpFace, to: RecordingHandler, sent: readonly Buffer[]): Promise<void> {
    for (let at = 0; at < sent.length; at += 64) {
      const before = to.packets.length;
      for (const one of sent.slice(at, at + 64)) from.send(1, one);
      await to.until(({ packets }) => packets.length >= before + Math.min(64, sent.length - at));
    }
  }

  test('begins one by one, and goes over to runs in both directions without losing or overtaking a packet', async () => {
    const a = await opened({ offload: 'busy' });
    const b = await opened({ peers: [a.address], offload: 'busy' });
    expect(b.face.describe().details).toMatchObject({ offload: 'off', offloadReason: 'not busy yet' });
    const sent = burst(2500, 1000);
    await exchange(b.face, a.heard, sent);
    expect(a.heard.packets.map(({ bytes }) => bytes.readUInt32BE(HEADER_BYTES))).toEqual(sent.map((_, number) => number));
    expect(a.face.describe().details).toMatchObject({ offload: 'gso+gro' });
    expect(b.face.describe().details).toMatchObject({ offload: 'gso+gro' });
    expect(b.face.counters.runsOut).toBeGreaterThan(0);
    expect(a.face.counters.runsIn).toBeGreaterThan(0);
  });

  test('small packets do not make it busy, large ones do sooner', async () => {
    let loads = 0;
    const kernel = async () => {
      loads++;
      return fakeKernel({})();
    };
    const a = await opened({ offload: 'busy', kernel });
    const b = await opened({ peers: [a.address], offload: 'busy', kernel });
    await exchange(b.face, a.heard, burst(2500, 200));
    expect(loads).toBe(0);
    await exchange(b.face, a.heard, burst(300, 40_000));
    expect(loads).toBe(2);
  });

  test('a face that is closed while it loads stays closed', async () => {
    let loaded: (kernel: UdpKernel) => void = () => {};
    const kernel = () => new Promise<UdpKernel>((resolve) => (loaded = resolve));
    const a = await opened({ offload: 'off' });
    const b = await opened({ peers: [a.address], offload: 'busy', kernel });
    await exchange(b.face, a.heard, burst(2100, 600));
    await b.face.close();
    loaded(await fakeKernel({})());
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.face.send(1, packet(600, 1))).toBe(false);
    expect(b.face.gauges().map(({ name }) => name)).not.toContain('gathered');
  });
});

describe('encodeSockaddr', () => {
  test.each([
    ['192.0.2.1', 7000, '02001b58c00002010000000000000000'],
    ['::1', 1, '0a000001000000000000000000000000000000000000000100000000'],
    ['2001:db8::ff:1', 258, '0a0001020000000020010db8000000000000000000ff000100000000'],
    ['::ffff:192.0.2.1', 258, '0a0001020000000000000000000000000000ffffc000020100000000'],
    ['1:2:3:4:5:6:7:8', 258, '0a000102000000000001000200030004000500060007000800000000'],
    ['fe80::', 258, '0a00010200000000fe80000000000000000000000000000000000000'],
  ])('%s port %i', (address, port, hex) => {
    const bytes = Buffer.from(encodeSockaddr(address, port)!);
    // The family is in the byte order of the machine, which is little-endian where this is used.
    expect(bytes.toString('hex')).toBe(hex);
  });

  test('none for an address with a scope', () => {
    expect(encodeSockaddr('fe80::1%eth0', 1)).toBeUndefined();
  });
});
