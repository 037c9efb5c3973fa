import { expect, test } from 'vitest';
import { Fetcher, nodeCrypto, parseChunk, PrincipalType, SeededRandom, serviceDag, Xid } from 'xia-core';

const xid = (type: number, byte: number) => new Xid(type, new Uint8Array(20).fill(byte));
const CHUNK_BYTES = 200_000;
const SEGMENT_BYTES = 1000;

test('segments taken in as one are as good as each alone: no range seems to be overtaken by the ones behind it', () => {
  const bytes = Uint8Array.from({ length: CHUNK_BYTES }, (_, at) => at % 253);
  const cid = new Xid(PrincipalType.CID, nodeCrypto.hash(bytes));
  const asked: { offset: number; length: number }[] = [];
  let fetched: Uint8Array | undefined;
  const fetcher = new Fetcher({
    crypto: nodeCrypto,
    rng: new SeededRandom(1),
    send: (_destination, payload) => {
      const request = parseChunk(payload);
      if (request.opcode === 'request') asked.push(request);
      return true;
    },
    onEvent: (event) => {
      if (event.kind === 'done') fetched = event.bytes;
    },
  });
  fetcher.fetch(serviceDag(xid(PrincipalType.AD, 1), xid(PrincipalType.HID, 2), cid), 0, { id: 1, length: CHUNK_BYTES });
  let most = 0;
  let segments = 0;
  for (let now = 10; asked.length > 0; now += 10) {
    const ranges = asked.splice(0);
    most = Math.max(most, ranges.length);
    const start = ranges[0]!.offset;
    const last = ranges.at(-1)!;
    const end = last.length === 0 ? CHUNK_BYTES : last.offset + last.length;
    segments += Math.ceil((end - start) / SEGMENT_BYTES);
    const header = { offset: start, length: end - start, chunkLength: CHUNK_BYTES, ttlSeconds: 1 };
    fetcher.handleResponse(cid.id, header, bytes.slice(start, end), now, undefined, SEGMENT_BYTES);
  }
  expect(most).toBeGreaterThan(1);
  expect(fetched === undefined ? -1 : Buffer.compare(fetched, bytes)).toBe(0);
  expect(fetcher.counters).toMatchObject({ segments, fresh: segments, overtaken: 0, timedOut: 0, duplicates: 0 });
  expect(fetcher.inFlightBytes).toBe(0);
});
