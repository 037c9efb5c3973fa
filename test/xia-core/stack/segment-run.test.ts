import { expect, test } from 'vitest';
import { joinSegments } from '../../../xia-core/src/stack/segment-run.js';
import { encodeChunkResponseHeader, parseChunk } from '../../../xia-core/src/wire/index.js';

const HEADER_BYTES = 36;
const HEAD_BYTES = HEADER_BYTES + 52;
const DATA_BYTES = 100;
const CHUNK_BYTES = 5000;

interface Segment {
  readonly offset: number;
  readonly length?: number;
  readonly chunkLength?: number;
  readonly ttlSeconds?: number;
}

/** Packets of which each byte of data tells its place in the chunk. */
function runOf(segments: readonly Segment[]): Uint8Array {
  const parts = segments.map(({ offset, length = DATA_BYTES, chunkLength = CHUNK_BYTES, ttlSeconds = 9 }) => {
    const packet = Buffer.alloc(HEAD_BYTES + length, 0xee);
    encodeChunkResponseHeader(packet, HEADER_BYTES, { offset, length, chunkLength, ttlSeconds });
    for (let at = 0; at < length; at++) packet[HEAD_BYTES + at] = (offset + at) % 251;
    return packet;
  });
  return Uint8Array.from(Buffer.concat(parts));
}

function join(segments: readonly Segment[], index = 0): number {
  const run = runOf(segments);
  const at = index * (HEAD_BYTES + DATA_BYTES);
  const first = parseChunk(run, at + HEADER_BYTES, Math.min(run.length, at + HEAD_BYTES + DATA_BYTES));
  if (first.opcode !== 'response') throw new Error('not a response');
  const bytes = joinSegments(run, at, HEAD_BYTES + DATA_BYTES, HEADER_BYTES, first);
  const data = run.subarray(first.dataOffset, first.dataOffset + bytes);
  expect([...data]).toEqual(Array.from({ length: bytes }, (_, byte) => (first.offset + byte) % 251));
  return bytes;
}

test('segments that continue each other become one piece', () => {
  expect(join([{ offset: 0 }, { offset: 100 }, { offset: 200 }])).toBe(300);
  expect(join([{ offset: 700 }, { offset: 800 }, { offset: 900, length: 3 }])).toBe(203);
  expect(join([{ offset: 0 }, { offset: 100 }, { offset: 200 }], 1)).toBe(200);
  expect(join([{ offset: 300 }])).toBe(100);
});

test('what does not continue the one before is left where it is', () => {
  expect(join([{ offset: 0 }, { offset: 101 }])).toBe(100);
  expect(join([{ offset: 100 }, { offset: 0 }])).toBe(100);
  expect(join([{ offset: 0 }, { offset: 0 }])).toBe(100);
  expect(join([{ offset: 0 }, { offset: 100, chunkLength: 4999 }])).toBe(100);
  expect(join([{ offset: 0 }, { offset: 100, ttlSeconds: 8 }])).toBe(100);
  expect(join([{ offset: 0 }, { offset: 100 }, { offset: 300 }])).toBe(200);
});

test('an empty chunk has nothing to be joined', () => {
  expect(join([{ offset: 0, length: 0, chunkLength: 0 }])).toBe(0);
});
