import { createHash } from 'node:crypto';
import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { chunkCipher } from '../../../migrate/src/xmigrate/chunk-crypto.js';
import { chunkDag, receiveStream, type ReceiveStreamOptions } from '../../../migrate/src/xmigrate/receive-stream.js';
import { sendStream, type SendStreamOptions } from '../../../migrate/src/xmigrate/send-stream.js';
import { SeededRandom } from '../../../xia-core/src/bytes/random.js';
import { PrincipalType } from 'xia-core';
import { AcceptedStreams, ContentNetwork, pairedStreams, sourceHid } from './paired-streams.js';

const MIB = 1024 ** 2;
const limits = { windowBytes: 4 * MIB, windowChunks: 64, maxChunkBytes: MIB };

function input(bytes: number, seed = 1): { stream: Readable; sha256: string; read: () => number } {
  const random = new SeededRandom(seed);
  const hash = createHash('sha256');
  const pieces: Buffer[] = [];
  for (let left = bytes; left > 0;) {
    const piece = Buffer.from(random.bytes(1024))
      .toString('latin1')
      .repeat(1 + random.below(64));
    const cut = Buffer.from(piece, 'latin1').subarray(0, left);
    hash.update(cut);
    pieces.push(cut);
    left -= cut.length;
  }
  let read = 0;
  const stream = new Readable({
    read() {
      const piece = pieces[read++];
      this.push(piece ?? null);
    },
  });
  return { stream, sha256: hash.digest('hex'), read: () => read };
}

function collector(): { stream: Writable; sha256: () => string; bytes: () => number } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      bytes += chunk.length;
      setImmediate(callback);
    },
  });
  return { stream, sha256: () => hash.digest('hex'), bytes: () => bytes };
}

/** Both ends of a transfer over one pair of streams, wired together; `change` may replace any option. */
function transfer(
  source: Readable,
  output: Writable,
  change: { send?: Partial<SendStreamOptions>; receive?: Partial<ReceiveStreamOptions> } = {},
) {
  const content = new ContentNetwork();
  const accepted = new AcceptedStreams();
  const marks = { source: [] as string[], destination: [] as string[] };
  const streams = pairedStreams();
  const received = receiveStream({
    vm: 'vm1',
    limits,
    streams: accepted,
    fetcher: content,
    output,
    persist: (mark) => void marks.destination.push(mark),
    ...change.receive,
  });
  const sent = sendStream({
    vm: 'vm1',
    transfer: new Uint8Array(16).fill(1),
    limits,
    input: source,
    publisher: content,
    connect: async () => {
      accepted.accept(streams.atDestination);
      return streams.atSource;
    },
    persist: (mark) => void marks.source.push(mark),
    ...change.send,
  });
  return { content, accepted, marks, streams, sent, received };
}

describe('sendStream and receiveStream', () => {
  it('move 40 MB whole, with bounded windows', async () => {
    const from = input(40 * MIB + 12345);
    const to = collector();
    const { sent, received, content, marks } = transfer(from.stream, to.stream);
    const [source, destination] = await Promise.all([sent, received]);
    expect(source).toMatchObject({ kind: 'handed-over', bytes: 40 * MIB + 12345 });
    expect(destination).toMatchObject({ kind: 'taken', bytes: 40 * MIB + 12345 });
    expect(to.sha256()).toBe(from.sha256);
    expect(content.maxBytes).toBeLessThanOrEqual(limits.windowBytes);
    expect(content.size).toBe(0);
    expect(marks).toEqual({ source: ['handed-over'], destination: ['receiving', 'received', 'running'] });
    expect(to.stream.writableEnded).toBe(true);
  });

  it('let back-pressure of the reader reach the writer', async () => {
    const from = input(40 * MIB);
    const stuck = new Writable({ write() {} });
    const stop = new AbortController();
    const { sent, received } = transfer(from.stream, stuck, { send: { signal: stop.signal } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    const readSoFar = from.read();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(from.read()).toBe(readSoFar);
    stop.abort();
    expect(await sent).toMatchObject({ kind: 'aborted', code: 'cancelled', by: 'here' });
    expect(await received).toMatchObject({ kind: 'aborted', code: 'cancelled', by: 'peer' });
  });

  it('let a piece that does not fill a chunk leave without waiting for more', async () => {
    const slow = new PassThrough();
    const to = collector();
    const { sent, received } = transfer(slow, to.stream, { receive: { holdBackBytes: 0 } });
    slow.write('hello world');
    for (let tries = 0; tries < 100 && to.bytes() < 11; tries++) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(to.bytes()).toBe(11);
    slow.end();
    await Promise.all([sent, received]);
  });

  it('tell the source when the reader goes away', async () => {
    const gone = new Writable({
      write(_chunk, _encoding, callback) {
        callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const { sent, received, marks } = transfer(input(8 * MIB).stream, gone);
    expect(await received).toMatchObject({ kind: 'aborted', code: 'output-closed', by: 'here' });
    expect(await sent).toMatchObject({ kind: 'aborted', code: 'output-closed', by: 'peer' });
    expect(marks.source).toEqual([]);
  });

  it('stop when a chunk cannot be had', async () => {
    const { sent, received, content } = transfer(input(8 * MIB).stream, collector().stream);
    content.tamper = () => undefined;
    expect(await received).toMatchObject({ kind: 'aborted', code: 'fetch-failed' });
    expect(await sent).toMatchObject({ kind: 'aborted', code: 'fetch-failed', by: 'peer' });
  });

  it('stop when the control stream breaks', async () => {
    const { sent, received, streams } = transfer(input(200 * MIB).stream, collector().stream);
    setTimeout(() => streams.atSource.destroy(new Error('reset')), 30);
    expect(await sent).toMatchObject({ kind: 'aborted', code: 'peer-lost' });
    // Whichever is noticed first: the stream is gone, or the chunks are.
    expect(await received).toMatchObject({ kind: 'aborted', code: expect.stringMatching(/peer-lost|fetch-failed/) });
  });

  it('finish a commit on a second stream', async () => {
    const content = new ContentNetwork();
    const accepted = new AcceptedStreams();
    let connections = 0;
    let last = pairedStreams();
    const to = collector();
    const received = receiveStream({ vm: 'vm1', limits, streams: accepted, fetcher: content, output: to.stream, persist: () => undefined });
    const sent = sendStream({
      vm: 'vm1',
      transfer: new Uint8Array(16).fill(1),
      limits,
      input: input(3 * MIB).stream,
      publisher: content,
      connect: async () => {
        connections += 1;
        if (connections > 1) last = pairedStreams('another secret');
        accepted.accept(last.atDestination);
        return last.atSource;
      },
      // The stream breaks in the very moment in which the VM is given up, before COMMITTED can leave.
      persist: (mark) => void (mark === 'handed-over' && last.atSource.destroy()),
    });
    expect(await sent).toMatchObject({ kind: 'handed-over' });
    expect(await received).toMatchObject({ kind: 'taken' });
    expect(connections).toBe(2);
  });

  it('wait for the right source when others knock', async () => {
    const accepted = new AcceptedStreams();
    const content = new ContentNetwork();
    const refused: string[] = [];
    const to = collector();
    const received = receiveStream({
      vm: 'vm1',
      limits,
      streams: accepted,
      fetcher: content,
      output: to.stream,
      persist: () => undefined,
      onRefused: (_peer, reason) => void refused.push(reason),
    });
    const send = (vm: string) =>
      sendStream({
        vm,
        transfer: new Uint8Array(16).fill(1),
        limits,
        input: input(MIB).stream,
        publisher: content,
        connect: async () => {
          const streams = pairedStreams();
          accepted.accept(streams.atDestination);
          return streams.atSource;
        },
        persist: () => undefined,
      });
    expect(await send('vm2')).toMatchObject({ kind: 'aborted', code: 'wrong-vm', by: 'peer' });
    expect(refused).toHaveLength(1);
    expect(await send('vm1')).toMatchObject({ kind: 'handed-over' });
    expect(await received).toMatchObject({ kind: 'taken' });
  });

  it('refuse sources that are not allowed, and stop waiting when told', async () => {
    const stop = new AbortController();
    const { sent, received } = transfer(input(MIB).stream, collector().stream, {
      receive: { allows: (source) => source?.equals(sourceHid) === false, signal: stop.signal },
    });
    expect(await sent).toMatchObject({ kind: 'aborted', code: 'peer-lost' });
    stop.abort();
    expect(await received).toMatchObject({ kind: 'aborted', code: 'cancelled', by: 'here' });
  });
});

describe('what the chunks are made of', () => {
  it('opens what was sealed, and nothing else', () => {
    const cipher = chunkCipher(new Uint8Array(32).fill(7));
    const { ciphertext, tag } = cipher.seal(5, Buffer.from('hello world'));
    expect([ciphertext.length, tag.length]).toEqual([11, 16]);
    expect(Buffer.from(cipher.open(5, { ciphertext, tag })!).toString()).toBe('hello world');
    expect(cipher.open(6, { ciphertext, tag })).toBeUndefined();
    expect(cipher.open(5, { ciphertext: ciphertext.subarray(0, 10), tag })).toBeUndefined();
    expect(cipher.open(5, { ciphertext, tag: tag.subarray(0, 12) })).toBeUndefined();
    const wrong = Buffer.from(ciphertext);
    wrong[3]! ^= 1;
    expect(cipher.open(5, { ciphertext: wrong, tag })).toBeUndefined();
    expect(chunkCipher(new Uint8Array(32)).open(5, { ciphertext, tag })).toBeUndefined();
  });

  it('is asked for by way of the caches on the path to the source', () => {
    const { peerDag } = pairedStreams().atDestination;
    const cid = new Uint8Array(20).fill(0xcc);
    const dag = chunkDag(peerDag, cid);
    expect(dag.intent.toString()).toBe(`CID:${'cc'.repeat(20)}`);
    expect(dag.find(PrincipalType.HID)?.equals(sourceHid)).toBe(true);
    expect(dag.find(PrincipalType.SID)).toBeUndefined();
  });
});
