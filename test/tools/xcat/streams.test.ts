import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { StreamCode, XiaError, Xid, exitCodeOf, type XiaStream } from 'xia-core';
import { relay, writeTo } from '../../../tools/src/xcat/flow.js';
import { checkOptions, collectXids, isOneOf, purposeOf, type CommonOptions } from '../../../tools/src/xcat/options.js';
import { guardPlain } from '../../../tools/src/xcat/plain-guard.js';
import { codeOf, explained, XcatCode } from '../../../tools/src/xcat/reset-codes.js';

const closed = (code: number, by: 'local' | 'peer') => new XiaError('connection-closed', `code ${code}`, { code, by });

async function* incoming(pieces: readonly Buffer[], end?: Error): AsyncGenerator<Buffer> {
  yield* pieces;
  if (end !== undefined) throw end;
}

async function all(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}

/** A TLS record around the beginning of a ClientHello. */
function hello(protocol: string): Buffer {
  const body = Buffer.concat([
    Buffer.from([1, 0, 0, 40, 3, 3]),
    Buffer.alloc(30, 9),
    Buffer.from([protocol.length]),
    Buffer.from(protocol),
  ]);
  const record = Buffer.from([22, 3, 1, 0, 0]);
  record.writeUInt16BE(body.length, 3);
  return Buffer.concat([record, body]);
}

const bytewise = (bytes: Buffer) => [...bytes].map((byte) => Buffer.from([byte]));
const ALERT = Buffer.from([21, 3, 1, 0, 2, 2, 70]);

describe('what comes on a plain stream', () => {
  it.each([
    ['text', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['one byte that TLS begins with, too', Buffer.from([22])],
    ['TLS of another protocol', hello('http/1.1')],
    ['more than an alert', Buffer.concat([ALERT, Buffer.from('x')])],
  ])('passes: %s', async (_what, bytes) => {
    expect(await all(guardPlain(incoming([bytes])))).toEqual(bytes);
    expect(await all(guardPlain(incoming(bytewise(bytes))))).toEqual(bytes);
  });

  it('is refused when the peer wants an encrypted stream', async () => {
    for (const pieces of [[hello('xia/1')], bytewise(hello('xia/1'))]) {
      await expect(all(guardPlain(incoming(pieces)))).rejects.toMatchObject({ code: 'refused', context: { mismatch: 'plain' } });
    }
  });

  it('is recognised as the end of one who expected TLS', async () => {
    const given = closed(StreamCode.ABORTED, 'peer');
    for (const [pieces, end] of [[[ALERT]], [[ALERT], given], [[], given]] as const) {
      await expect(all(guardPlain(incoming(pieces, end)))).rejects.toMatchObject({ code: 'refused', context: { mismatch: 'secure' } });
    }
    await expect(all(guardPlain(incoming([Buffer.from('x')], given)))).rejects.toBe(given);
  });
});

describe('why a stream is over', () => {
  it.each([
    [closed(XcatCode.NOT_ALLOWED, 'peer'), 5, /257 NOT_ALLOWED/],
    [closed(XcatCode.PLAIN_ONLY, 'peer'), 5, /258 PLAIN_ONLY/],
    [closed(XcatCode.INTERRUPTED, 'peer'), 1, /256 INTERRUPTED/],
    [closed(XcatCode.OUTPUT_CLOSED, 'peer'), 1, /259 OUTPUT_CLOSED/],
    [closed(4711, 'peer'), 1, /code 4711$/],
    [closed(StreamCode.ABORTED, 'peer'), 1, /ABORTED/],
    [closed(StreamCode.BUSY, 'peer'), 5, /code 2/],
    [closed(StreamCode.TIMEOUT, 'local'), 4, /code 3/],
    [closed(StreamCode.OPEN_TIMEOUT, 'local'), 4, /code 4/],
    [closed(StreamCode.GONE, 'peer'), 1, /code 6/],
  ])('%s is exit code %i', (error, exitCode, text) => {
    const said = explained(error);
    expect(exitCodeOf(said)).toBe(exitCode);
    expect(said.message).toMatch(text);
    expect(codeOf(said)).toEqual(codeOf(error));
  });

  it('is found beneath the handshake that it ended', () => {
    const error = new XiaError('handshake-failed', 'x', {}, { cause: closed(XcatCode.PLAIN_ONLY, 'peer') });
    expect(explained(error)).toMatchObject({ code: 'refused' });
    expect(codeOf(new Error('another'))).toBeUndefined();
  });
});

describe('options', () => {
  const common = { service: 'xcat', shutdown: true, timeout: 1000, idleTimeout: 60_000 } as CommonOptions;

  it.each([
    [{ file: 'a', directory: 'b' }, 'exclude each other'],
    [{ exec: 'cat', file: 'a' }, '--exec excludes'],
    [{ reverse: true }, '--reverse is for'],
    [{ force: true }, '--force is for'],
    [{ shutdown: false, exec: 'cat' }, '--no-shutdown is for stdin'],
  ] as const)('contradict each other: %j', (options, message) => {
    expect(() => checkOptions({ ...common, ...options })).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(message) }),
    );
  });

  it('say what connections are for', () => {
    expect(purposeOf(common, true, true)).toEqual({ kind: 'relay', readInput: true, shutdown: true });
    expect(purposeOf({ ...common, exec: 'cat' }, true, true)).toMatchObject({ kind: 'exec' });
    expect(purposeOf({ ...common, file: 'f' }, true, true)).toMatchObject({ kind: 'receive', destination: { file: 'f', force: false } });
    expect(purposeOf({ ...common, file: 'f' }, false, true)).toMatchObject({ kind: 'send', path: 'f' });
    expect(purposeOf({ ...common, file: 'f', reverse: true }, true, true)).toMatchObject({ kind: 'send' });
    expect(purposeOf({ ...common, directory: 'd', reverse: true }, false, true)).toMatchObject({ kind: 'receive' });
    expect(() => purposeOf({ ...common, directory: 'd' }, false, true)).toThrow('receives');
  });

  it('pin keys, whether they are named as hosts or services', () => {
    const [hid, sid] = [`HID:${'1'.repeat(40)}`, `SID:${'2'.repeat(40)}`];
    const known = collectXids(`${hid}, ${sid}`);
    expect(known.map(String)).toEqual([hid, sid]);
    expect(isOneOf({ peerHid: Xid.parse(`HID:${'2'.repeat(40)}`) }, known)).toBe(true);
    expect(isOneOf({ peerHid: Xid.parse(`HID:${'3'.repeat(40)}`) }, known)).toBe(false);
    expect(isOneOf({ peerHid: undefined }, known)).toBe(false);
    for (const text of ['x', `AD:${'1'.repeat(40)}`]) expect(() => collectXids(text)).toThrow('neither a HID nor a SID');
  });
});

describe('a relay', () => {
  /** A stream whose writes are taken when they are let through. */
  function slowStream(): { stream: XiaStream; take: () => void; taken: () => number } {
    let waiting: (() => void) | undefined;
    let taken = 0;
    const stream = new Writable({
      highWaterMark: 1000,
      write(piece: Buffer, _encoding, callback) {
        waiting = () => {
          taken += piece.length;
          callback();
        };
      },
    });
    return { stream: stream as unknown as XiaStream, take: () => waiting?.(), taken: () => taken };
  }

  it('reads no more than a slow stream takes', async () => {
    const { stream, take, taken } = slowStream();
    const tally = { sent: 0, received: 0 };
    const input = new PassThrough({ highWaterMark: 1000 });
    let offered = 0;
    const offer = () => {
      while (input.write(Buffer.alloc(500)) && offered < 1e6) offered += 500;
    };
    input.on('drain', offer);
    offer();
    const output = new PassThrough();
    void relay(stream, incoming([]), { input, output, shutdown: true, outputMayClose: false }, tally);
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      take();
    }
    expect(taken()).toBeGreaterThan(0);
    expect(offered).toBeLessThan(taken() + 4000);
  });

  it('notices an output that is closed', async () => {
    const target = new PassThrough({ highWaterMark: 1 });
    const writing = writeTo(target, Buffer.from('more than it has room for'));
    target.destroy();
    await expect(writing).rejects.toThrow('closed');
    const gone = new PassThrough({ highWaterMark: 1 });
    gone.on('error', () => {});
    gone.destroy();
    await expect(writeTo(gone, Buffer.from('x'))).rejects.toThrow();
  });
});
