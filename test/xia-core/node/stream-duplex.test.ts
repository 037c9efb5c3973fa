import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { addAbortSignal, PassThrough, Transform, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateIdentity, PrincipalType, SeededRandom, serviceDag, Xid, XiaError, xidOf, type XiaStream } from 'xia-core';
import { memoryNodes } from './memory-nodes.js';

const SID = Xid.of(PrincipalType.SID, '5a'.repeat(20));
const OTHER = Xid.of(PrincipalType.SID, '5b'.repeat(20));
/** So small that every bound is met often. */
const streamLimits = { startBufferBytes: 20_000, sendBufferBytes: 20_000, receiveWindowBytes: 20_000 };

let nodes: Awaited<ReturnType<typeof memoryNodes>>;

beforeAll(async () => {
  nodes = await memoryNodes({ streamLimits });
});

afterAll(async () => {
  await nodes[Symbol.asyncDispose]();
});

async function streams(secure: boolean): Promise<[XiaStream, XiaStream]> {
  await using server = await nodes.server.listen(SID, { secure });
  const [near, far] = await Promise.all([nodes.client.connect(server.dag, { secure }), server.accept()]);
  return [near, far!];
}

const closed = async (stream: Duplex): Promise<void> => {
  if (!stream.closed) await once(stream, 'close');
};

const failure = (stream: Duplex): Promise<unknown> => new Promise((resolve) => stream.once('error', resolve));

/** What a promise is rejected with; undefined when it is not. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Whether no connection is left at either node. */
const nothingIsLeft = (): boolean =>
  [nodes.client, nodes.server].every((node) => node.gauges().find(({ name }) => name === 'streams')!.used === 0);

const settled = async (): Promise<void> => {
  while (!nothingIsLeft()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe.each([false, true])('a stream, secure %s', (secure) => {
  it('carries any sizes of writes to any sizes of reads, both ways at once, with pauses', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const rng = new SeededRandom(seed);
      const ends = await streams(secure);
      const sent = [Buffer.from(rng.bytes(1 + rng.below(300_000))), Buffer.from(rng.bytes(1 + rng.below(300_000)))];
      const write = async (stream: Duplex, bytes: Buffer): Promise<void> => {
        for (let at = 0; at < bytes.length;) {
          const size = 1 + rng.below(rng.below(4) === 0 ? 70_000 : 3000);
          if (!stream.write(bytes.subarray(at, at + size))) await once(stream, 'drain');
          expect(stream.writableLength).toBeLessThan(stream.writableHighWaterMark + 70_000);
          at += size;
          if (rng.below(20) === 0) await new Promise(setImmediate);
        }
        stream.end();
      };
      const read = async (stream: Duplex): Promise<Buffer> => {
        const pieces: Buffer[] = [];
        stream.on('data', (piece: Buffer) => {
          pieces.push(piece);
          if (rng.below(8) > 0) return;
          stream.pause();
          setImmediate(() => stream.resume());
        });
        await once(stream, 'end');
        return Buffer.concat(pieces);
      };
      const [, , atNear, atFar] = await Promise.all([write(ends[0], sent[0]!), write(ends[1], sent[1]!), read(ends[0]), read(ends[1])]);
      expect([atNear.equals(sent[1]!), atFar.equals(sent[0]!)], `seed ${seed}`).toEqual([true, true]);
      await Promise.all(ends.map(closed));
    }
    await settled();
  });

  it('holds the writer back while nobody reads', async () => {
    const [near, far] = await streams(secure);
    const writtenBytes = 3_000_000;
    for (let at = 0; at < writtenBytes; at += 10_000) near.write(randomBytes(10_000));
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(near.writableLength).toBeGreaterThan(writtenBytes / 2);
    let read = 0;
    far.on('data', (piece: Buffer) => (read += piece.length));
    await once(near, 'drain');
    near.end();
    await once(far, 'end');
    expect(read).toBe(writtenBytes);
    far.end();
    near.resume();
    await Promise.all([closed(near), closed(far)]);
  });

  it('goes through pipeline, there and back, and closes', async () => {
    const [near, far] = await streams(secure);
    const flip = new Transform({
      transform: (piece: Buffer, _, done) =>
        done(
          null,
          piece.map((byte) => byte ^ 0xff),
        ),
    });
    const sent = randomBytes(400_000);
    const got: Buffer[] = [];
    const source = new PassThrough();
    source.end(sent);
    await Promise.all([
      pipeline(far, flip, far),
      pipeline(source, near, async (pieces) => {
        for await (const piece of pieces) got.push(piece as Buffer);
      }),
    ]);
    expect(Buffer.concat(got).equals(Buffer.from(sent.map((byte) => byte ^ 0xff)))).toBe(true);
    await Promise.all([closed(near), closed(far)]);
  });

  it.each(['near', 'far'])('ends one direction and goes on in the other, the %s end first', async (first) => {
    const [near, far] = await streams(secure);
    const [a, b] = first === 'near' ? [near, far] : [far, near];
    a.end('first');
    const heard: Buffer[] = [];
    b.on('data', (piece: Buffer) => heard.push(piece));
    await once(b, 'end');
    expect(Buffer.concat(heard).toString()).toBe('first');
    expect([a.destroyed, b.destroyed]).toEqual([false, false]);
    const answer: Buffer[] = [];
    a.on('data', (piece: Buffer) => answer.push(piece));
    b.write('second');
    b.end();
    await Promise.all([closed(a), closed(b)]);
    expect(Buffer.concat(answer).toString()).toBe('second');
  });

  it('given up at one end fails at the other with a code, and leaves nothing', async () => {
    const [near, far] = await streams(secure);
    const error = failure(far);
    near.destroy();
    expect(await error).toBeInstanceOf(XiaError);
    await Promise.all([closed(near), closed(far)]);
    await settled();
  });

  it('is given up at the end of its block, and by a signal', async () => {
    const controller = new AbortController();
    const [near, far] = await streams(secure);
    const ended = failure(far);
    {
      await using stream = near;
      stream.write('x');
    }
    expect(near.destroyed).toBe(true);
    expect(await ended).toBeInstanceOf(XiaError);
    const [one, two] = await streams(secure);
    const [here, there] = [failure(one), failure(two)];
    addAbortSignal(controller.signal, one);
    controller.abort();
    expect(await here).toMatchObject({ name: 'AbortError' });
    expect(await there).toBeInstanceOf(XiaError);
    await settled();
  });
});

describe('a plain stream', () => {
  it("tells the peer the application's code, and no other", async () => {
    for (const [code, told] of [
      [300, 300],
      [3, 7],
      [2 ** 32, 7],
    ] as const) {
      const [near, far] = await streams(false);
      const error = failure(far);
      near.on('error', () => {}).destroy(new XiaError('bad-request', 'no', { code }));
      expect(await error).toMatchObject({ code: 'connection-closed', context: { code: told, by: 'peer' } });
    }
    await settled();
  });

  it('is only had by saying so at both ends', async () => {
    await using secure = await nodes.server.listen(SID);
    const plain = await nodes.client.connect(secure.dag, { secure: false });
    const cut = failure(plain);
    plain.write('not a handshake');
    await cut;
    await using open = await nodes.server.listen(OTHER, { secure: false });
    const taken = open.accept();
    const secured = nodes.client.connect(open.dag, { timeoutMs: 300 });
    const rejected = rejection(secured);
    (await taken)!.on('error', () => {}).end('hello, whoever you are');
    expect(await rejected).toMatchObject({ code: 'handshake-failed' });
    await settled();
  });
});

describe('opening', () => {
  it('refuses TLS 1.2', async () => {
    await using server = await nodes.server.listen(SID);
    const plain = await nodes.client.connect(server.dag, { secure: false });
    const tls = tlsConnect({ socket: plain, maxVersion: 'TLSv1.2', rejectUnauthorized: false, ALPNProtocols: ['xia/1'] });
    const [error] = (await once(tls, 'error')) as [Error];
    expect(error.message).toMatch(/protocol version|handshake|closed|disconnected|over/i);
    plain.destroy();
  });

  it('refuses a peer that is not the one that was dialled', async () => {
    await using server = await nodes.server.listen(SID);
    // Its router would still take it: the address names nobody by a key that it has.
    const { dag } = server;
    const stranger = xidOf(PrincipalType.HID, generateIdentity());
    const wrong = serviceDag(dag.nodes[0]!.xid, stranger, SID);
    await expect(nodes.client.connect(wrong, { timeoutMs: 300 })).rejects.toBeInstanceOf(XiaError);
  });

  it('is given up by a signal, before and meanwhile', async () => {
    const nowhere = serviceDag(Xid.of(PrincipalType.AD, '9'.repeat(40)), Xid.of(PrincipalType.HID, '9'.repeat(40)), SID);
    await expect(nodes.client.connect(nowhere, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'interrupted' });
    const controller = new AbortController();
    const opening = nodes.client.connect(nowhere, { signal: controller.signal });
    const rejected = rejection(opening);
    setImmediate(() => controller.abort());
    expect(await rejected).toMatchObject({ code: 'interrupted' });
    await settled();
  });

  it('is awaited until a signal says otherwise, and the next who asks gets the stream', async () => {
    await using server = await nodes.server.listen(SID, { secure: false });
    await expect(server.accept({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'interrupted' });
    const controller = new AbortController();
    const waiting = rejection(server.accept({ signal: controller.signal }));
    controller.abort();
    expect(await waiting).toMatchObject({ code: 'interrupted' });
    const [near, far] = await Promise.all([
      nodes.client.connect(server.dag, { secure: false }),
      server.accept({ signal: new AbortController().signal }),
    ]);
    far!.end();
    near.end();
    for (const stream of [near, far!]) stream.resume();
    await Promise.all([closed(near), closed(far!)]);
    const last = server.accept({ signal: new AbortController().signal });
    await server.close();
    expect(await last).toBeUndefined();
    await settled();
  });
});
