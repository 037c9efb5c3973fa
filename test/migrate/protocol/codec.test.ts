import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage, MAX_MESSAGE_BYTES, MessageReader } from '../../../migrate/src/protocol/codec.js';
import { defaultLimits } from '../../../migrate/src/protocol/limits.js';
import type { ControlMessage } from '../../../migrate/src/protocol/messages.js';
import { packBody } from '../../../xia-core/src/wire/msgpack.js';

const hello: ControlMessage = {
  type: 'hello',
  versions: [2],
  role: 'source',
  vm: 'vm-1',
  transfer: new Uint8Array(16).fill(9),
  resume: false,
  limits: defaultLimits,
};

const messages: ControlMessage[] = [
  hello,
  { type: 'offer', sequence: 5_000_000_000, cid: new Uint8Array(20).fill(1), tag: new Uint8Array(16).fill(2), length: 245_760 },
  { type: 'ack', sequence: 0 },
  { type: 'done', chunks: 7, bytes: 2 ** 40, sha256: new Uint8Array(32) },
  { type: 'received', bytes: 2 ** 40, sha256: new Uint8Array(32) },
  { type: 'committed' },
  { type: 'taken' },
  { type: 'alive' },
  { type: 'abort', code: 'cancelled', reason: 'Ctrl-C' },
];

function read(reader: MessageReader): ControlMessage[] {
  const out: ControlMessage[] = [];
  for (let next = reader.next(); next.kind === 'message'; next = reader.next()) out.push(next.message);
  return out;
}

function frame(value: unknown): Uint8Array {
  const body = packBody(value);
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(body.length);
  return Buffer.concat([prefix, body]);
}

const plain = (list: readonly ControlMessage[]) =>
  list.map((message) =>
    Object.fromEntries(Object.entries(message).map(([key, value]) => [key, value instanceof Uint8Array ? [...value] : value])),
  );

describe('the control stream codec', () => {
  it('carries every message through any cuts of the stream', () => {
    const stream = Buffer.concat(messages.map(encodeMessage));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        const reader = new MessageReader();
        const out: ControlMessage[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          reader.push(stream.subarray(at, at + size));
          out.push(...read(reader));
          at += size;
        }
        expect(plain(out)).toEqual(plain(messages));
      }),
    );
  });

  it('refuses a length before it waits for the body', () => {
    const reader = new MessageReader();
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32BE(MAX_MESSAGE_BYTES + 1);
    reader.push(prefix);
    expect(reader.next()).toEqual({ kind: 'fault', reason: `a message of ${MAX_MESSAGE_BYTES + 1} bytes` });
    reader.push(encodeMessage({ type: 'alive' }));
    expect(reader.next().kind).toBe('fault');
  });

  it.each([
    ['an unknown key', { type: 'ack', sequence: 1, extra: true }],
    ['an unknown type', { type: 'nack', sequence: 1 }],
    ['a fraction', { type: 'ack', sequence: 1.5 }],
    ['a negative number', { type: 'ack', sequence: -1 }],
    ['a short CID', { type: 'offer', sequence: 1, cid: new Uint8Array(19), tag: new Uint8Array(16), length: 100 }],
    ['a VM name that is a path', { ...hello, vm: '../etc' }],
    ['a window smaller than a chunk', { ...hello, limits: { windowBytes: 1024, windowChunks: 1, maxChunkBytes: 2048 } }],
    ['an unknown abort code', { type: 'abort', code: 'because', reason: '' }],
    ['a list', [1, 2]],
  ])('refuses %s', (_what, value) => {
    const reader = new MessageReader();
    reader.push(frame(value));
    expect(reader.next().kind).toBe('fault');
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 }), (pieces) => {
        const reader = new MessageReader();
        for (const piece of pieces) {
          reader.push(piece);
          read(reader);
        }
      }),
    );
  });
});
