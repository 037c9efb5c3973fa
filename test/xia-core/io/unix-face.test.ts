import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../../xia-core/src/io/errno.js';
import { loadUnixCalls, type UnixCalls } from '../../../xia-core/src/io/unix-calls.js';
import { UnixFace, type UnixFaceOptions } from '../../../xia-core/src/io/unix-face.js';
import { MAX_MESSAGE_BYTES, MAX_UNSENT_BYTES } from '../../../xia-core/src/io/unix-link.js';
import { RecordingHandler } from './recording-handler.js';

let directory: string;
let path: string;
const open: UnixFace[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'unixface-'));
  path = join(directory, 'face.sock');
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((face) => face.close()));
  await rm(directory, { recursive: true });
});

/** Also hears of runs, as a node does, and is lent what comes. */
class RunHandler extends RecordingHandler {
  readonly takesLent = true;
  readonly runs: { bytes: Buffer; segmentBytes: number }[] = [];

  run(neighbour: number, bytes: Uint8Array, segmentBytes: number): void {
    this.runs.push({ bytes: Buffer.from(bytes), segmentBytes });
    for (let at = 0; at < bytes.length; at += segmentBytes) this.packet(neighbour, bytes.subarray(at, at + segmentBytes));
  }
}

function made(options: Partial<UnixFaceOptions>): UnixFace {
  const face = new UnixFace({ name: 'near', role: 'access', ...options });
  open.push(face);
  return face;
}

async function opened<Handler extends RecordingHandler>(options: Partial<UnixFaceOptions>, heard: Handler) {
  const face = made(options);
  await face.open(heard);
  return { face, heard };
}

async function pair(options: Partial<UnixFaceOptions> = {}) {
  const near = await opened({ listen: path }, new RunHandler());
  const far = await opened({ peers: [path], role: 'uplink', ...options }, new RunHandler());
  await near.heard.until(({ announcements }) => announcements.length > 0);
  return { near, far };
}

/** The system's calls, some of them other ones. */
function changed(change: (calls: UnixCalls) => Partial<UnixCalls>) {
  return async () => {
    const calls = await loadUnixCalls();
    return { ...calls, ...change(calls) };
  };
}

const text = (bytes: string) => Buffer.from(bytes);
const numbered = (count: number, bytes: number) => Array.from({ length: count }, (_, index) => Buffer.alloc(bytes, index));

function expectPackets({ packets }: RecordingHandler, expected: readonly Buffer[]): void {
  expect(packets.map(({ bytes }) => bytes.length)).toEqual(expected.map(({ length }) => length));
  expect(packets.findIndex(({ bytes }, index) => !bytes.equals(expected[index]!))).toBe(-1);
}

describe('UnixFace', () => {
  test('packets go both ways, and a neighbour comes and goes', async () => {
    const { near, far } = await pair();
    expect(far.face.send(1, text('to the listener'))).toBe(true);
    await near.heard.until(({ packets }) => packets.length === 1);
    near.face.send(1, text('to the '), text('peer'));
    await far.heard.until(({ packets }) => packets.length === 1);
    expect(near.heard.packets).toEqual([{ neighbour: 1, bytes: text('to the listener') }]);
    expect(far.heard.texts()).toEqual(['to the peer']);
    expect(near.face.describe()).toMatchObject({ address: `unix:${path}`, neighbours: [{ id: 1 }], details: { connected: 1 } });
    expect(far.face.describe().neighbours).toEqual([{ id: 1, address: `unix:${path}` }]);
    await far.face.close();
    await near.heard.until(({ departures }) => departures.length === 1);
    expect(near.face.send(1, text('nobody'))).toBe(false);
    expect(near.face.counters).toMatchObject({ packetsIn: 1, packetsOut: 1, bytesOut: 11, droppedNoNeighbour: 1 });
  });

  test('packets of one size that are sent in a turn arrive as one run, others by themselves, all in order', async () => {
    const { near, far } = await pair();
    const large = numbered(5, 60_000);
    for (const packet of large) far.face.send(1, packet.subarray(0, 100), packet.subarray(100));
    far.face.send(1, text('short'));
    far.face.send(1, text('much longer than what was before'));
    await near.heard.until(({ packets }) => packets.length === 7);
    expect(near.heard.runs.map(({ bytes, segmentBytes }) => [bytes.length, segmentBytes])).toEqual([[300_005, 60_000]]);
    expectPackets(near.heard, [...large, text('short'), text('much longer than what was before')]);
    expect(near.face.counters).toMatchObject({ packetsIn: 7, runsIn: 1 });
  });

  test('what a message cannot hold goes with the next one', async () => {
    const { near, far } = await pair();
    for (const packet of numbered(12, 60_000)) far.face.send(1, packet);
    for (const packet of numbered(300, 100)) far.face.send(1, packet);
    await near.heard.until(({ packets }) => packets.length === 312);
    // The first of the short ones goes with the last of the long ones.
    expect(near.heard.runs.map(({ bytes, segmentBytes }) => Math.ceil(bytes.length / segmentBytes))).toEqual([5, 5, 3, 127, 127, 45]);
    expect(near.heard.runs.every(({ bytes }) => bytes.length <= MAX_MESSAGE_BYTES)).toBe(true);
  });

  test('a run is sent as it is, and cut where it is too large or its packets are', async () => {
    const { near, far } = await pair({ mtu: 1000 });
    expect(far.face.sendRun(1, Buffer.alloc(2500, 1), 1000)).toBe(3);
    expect(far.face.sendRun(1, Buffer.alloc(MAX_MESSAGE_BYTES + 1, 2), 1000)).toBe(Math.ceil((MAX_MESSAGE_BYTES + 1) / 1000));
    expect(far.face.sendRun(1, Buffer.alloc(2500, 3), 1001)).toBe(1);
    await near.heard.until(({ packets }) => packets.length === 3 + 328 + 1);
    expect(near.heard.runs[0]).toEqual({ bytes: Buffer.alloc(2500, 1), segmentBytes: 1000 });
    expect(far.face.counters).toMatchObject({ droppedTooBig: 2, packetsOut: 332 });
  });

  test('memory that was lent may change after the call', async () => {
    const { near, far } = await pair();
    const small = Buffer.alloc(50, 1);
    const large = Buffer.alloc(50_000, 2);
    far.face.send(1, small, undefined, true);
    far.face.send(1, large, undefined, true);
    far.face.sendRun(1, large, 1000, true);
    small.fill(9);
    large.fill(9);
    await near.heard.until(({ packets }) => packets.length === 52);
    expect(near.heard.packets.map(({ bytes }) => bytes[0])).toEqual([1, ...Array<number>(51).fill(2)]);
  });

  test('a neighbour that does not read makes packets wait, in order, and then be dropped', async () => {
    let isReading = false;
    const near = await opened(
      { listen: path, calls: changed((calls) => ({ receive: (fd, into) => (isReading ? calls.receive(fd, into) : -Errno.AGAIN) })) },
      new RecordingHandler(),
    );
    const far = await opened({ peers: [path] }, new RecordingHandler());
    await near.heard.until(({ announcements }) => announcements.length > 0);
    let sent = 0;
    const packet = Buffer.alloc(60_000);
    for (; sent < 2000; sent++) {
      packet.writeUInt32LE(sent);
      if (!far.face.send(1, packet, undefined, true)) break;
    }
    expect(sent * 60_000).toBeGreaterThan(MAX_UNSENT_BYTES - 60_000);
    expect(far.face.counters.droppedQueueFull).toBe(1);
    const gauge = far.face.gauges()[0]!;
    expect(gauge.used).toBeLessThanOrEqual(gauge.bound);
    isReading = true;
    await near.heard.until(({ packets }) => packets.length === sent);
    expect(near.heard.packets.map(({ bytes }) => bytes.readUInt32LE())).toEqual(Array.from({ length: sent }, (_, index) => index));
    expect(far.face.gauges()[0]?.used).toBe(0);
  });

  test('without memory for a large message its packets go by themselves', async () => {
    const few = changed((calls) => ({
      send: (fd, parts, count) =>
        parts.slice(0, count).reduce((sum, part) => sum + (part?.length ?? 0), 0) > 61_000
          ? Errno.NO_BUFFERS
          : calls.send(fd, parts, count),
    }));
    const { near, far } = await pair({ calls: few });
    const packets = numbered(4, 60_000);
    for (const packet of packets) far.face.send(1, packet.subarray(0, 50), packet.subarray(50));
    far.face.sendRun(1, Buffer.concat(packets), 60_000, true);
    await near.heard.until(({ packets: heard }) => heard.length === 8);
    expectPackets(near.heard, [...packets, ...packets]);
    expect(near.heard.runs).toEqual([]);
  });

  test('a peer is connected to when it comes, and again when it comes back', async () => {
    const far = await opened({ peers: [path] }, new RecordingHandler());
    expect(far.face.send(1, text('too early'))).toBe(false);
    const first = await opened({ listen: path }, new RecordingHandler());
    await far.heard.until(({ announcements }) => announcements.length === 1);
    await first.face.close();
    expect(existsSync(path)).toBe(false);
    const second = await opened({ listen: path }, new RecordingHandler());
    await far.heard.until(({ announcements }) => announcements.length === 2);
    far.face.send(1, text('again'));
    await second.heard.until(({ packets }) => packets.length === 1);
    expect(far.heard.departures).toEqual([]);
  });

  test('everybody is neighbour 0, and peers change while it is open', async () => {
    const other = join(directory, 'other.sock');
    const [one, two] = [await opened({ listen: path }, new RecordingHandler()), await opened({ listen: other }, new RecordingHandler())];
    const far = await opened({ peers: [path, other] }, new RecordingHandler());
    await far.heard.until(({ announcements }) => announcements.length === 2);
    far.face.send(0, text('all'));
    await one.heard.until(({ packets }) => packets.length === 1);
    await two.heard.until(({ packets }) => packets.length === 1);
    far.face.update({ role: 'uplink', peers: [other] });
    expect(far.heard.departures).toEqual([1]);
    expect(far.face.role).toBe('uplink');
    await one.heard.until(({ departures }) => departures.length === 1);
    far.face.send(0, text('the rest'));
    await two.heard.until(({ packets }) => packets.length === 2);
    expect(one.heard.packets).toHaveLength(1);
    far.face.update({ role: 'uplink', peers: [other, path] });
    await one.heard.until(({ announcements }) => announcements.length === 2);
  });

  test('messages that nobody of ours sends are ignored', async () => {
    const near = await opened({ listen: path }, new RecordingHandler());
    const calls = await loadUnixCalls();
    const fd = calls.connect(path);
    calls.setSendBuffer(fd, 2 * MAX_MESSAGE_BYTES);
    const strange = [Buffer.alloc(3), Buffer.alloc(4), Buffer.alloc(20), Buffer.alloc(20, 0xff), Buffer.alloc(MAX_MESSAGE_BYTES + 5, 1)];
    for (const message of strange) expect(calls.send(fd, [message], 1)).toBe(Errno.NONE);
    calls.send(fd, [Buffer.from([5, 0, 0, 0]), text('right')], 2);
    await near.heard.until(({ packets }) => packets.length === 1);
    expect(near.heard.texts()).toEqual(['right']);
    expect(near.face.counters.ignored).toBe(strange.length);
    calls.close(fd);
  });

  test('the socket is for this user alone; a stale one is replaced, and nothing else', async () => {
    const calls = await loadUnixCalls();
    calls.close(calls.listen(path));
    expect(existsSync(path)).toBe(true);
    await opened({ listen: path }, new RecordingHandler());
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await expect(made({ listen: path }).open(new RecordingHandler())).rejects.toMatchObject({ code: 'address-in-use' });
    const stream = join(directory, 'stream.sock');
    const server = createServer().listen(stream);
    await expect(made({ listen: stream }).open(new RecordingHandler())).rejects.toMatchObject({ code: 'address-in-use' });
    server.close();
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(made({ listen: file }).open(new RecordingHandler())).rejects.toMatchObject({ code: 'bad-config' });
    await expect(made({ listen: join(directory, 'none', 'x') }).open(new RecordingHandler())).rejects.toMatchObject({
      code: 'face-failed',
    });
    expect(existsSync(path)).toBe(true);
  });

  test('what it cannot be is refused', () => {
    expect(() => made({})).toThrow('one of "listen" and "peers"');
    expect(() => made({ listen: path, peers: [path] })).toThrow('its own peer');
    expect(() => made({ peers: [path, path] })).toThrow('twice');
    expect(() => made({ listen: `/${'x'.repeat(107)}` })).toThrow('at most 107 bytes');
    expect(() => made({ listen: path, mtu: 70_000 })).toThrow('mtu');
  });
});
