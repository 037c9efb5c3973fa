import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, SeededRandom } from '../../../xia-core/src/bytes/index.js';
import {
  CACHE_ENTRY_BYTES,
  Doorkeeper,
  evictionPolicyNames,
  LocalContent,
  Responder,
  responderDag,
  type Admission,
  type ObserveOutcome,
} from '../../../xia-core/src/content/index.js';
import { contentDag, hostDag, serviceDag } from '../../../xia-core/src/dag/index.js';
import {
  CHUNK_RESPONSE_BYTES,
  encodeChunkRequest,
  encodeChunkResponseHeader,
  encodeXip,
  NextHeader,
  parseChunk,
  XipView,
} from '../../../xia-core/src/wire/index.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { crypto } from './chunk-network.js';

const AD = Xid.of(PrincipalType.AD, '10'.repeat(20));
const HID = Xid.of(PrincipalType.HID, 'aa'.repeat(20));
const CLIENT = serviceDag(AD, Xid.of(PrincipalType.HID, 'bb'.repeat(20)), Xid.of(PrincipalType.SID, 'cc'.repeat(20)));
const TTL_SECONDS = 100;

/** Some short, some of several segments, one empty. */
const chunks = [0, 1, 40, 400, 1000, 1500, 2500, 2501].map((length, seed) => {
  const bytes = new SeededRandom(seed).bytes(length);
  return { bytes, id: crypto.hash(bytes) };
});

interface Segment {
  readonly n: number;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly chunkLength: number;
  readonly ttlSeconds?: number;
}

/** A packet that says it is part of chunk `n`, whatever it has in it. */
function response({ n, offset, data, chunkLength, ttlSeconds = TTL_SECONDS }: Segment): XipView {
  const header = new Uint8Array(CHUNK_RESPONSE_BYTES);
  encodeChunkResponseHeader(header, 0, { offset, length: data.length, chunkLength, ttlSeconds });
  const source = responderDag(hostDag(AD, HID), new Xid(PrincipalType.CID, chunks[n]!.id));
  const view = new XipView();
  const bytes = encodeXip({ nextHeader: NextHeader.CHUNK, destination: CLIENT, source, payload: concatBytes(header, data) });
  expect(view.reset(bytes)).toBeUndefined();
  return view;
}

function content(admit?: Admission, budgetBytes = 100_000): LocalContent {
  return new LocalContent({
    cache: { crypto, budgetBytes },
    ...(admit === undefined ? {} : { admit }),
    onLocal: () => undefined,
    onGone: () => undefined,
  });
}

/** Lets a whole chunk pass by in segments. */
function pass(local: LocalContent, n: number, segmentBytes = 700, now = 0): ObserveOutcome[] {
  const { bytes } = chunks[n]!;
  const offsets = Array.from({ length: Math.max(1, Math.ceil(bytes.length / segmentBytes)) }, (_, i) => i * segmentBytes);
  return offsets.map((offset) => {
    const data = bytes.subarray(offset, offset + segmentBytes);
    return local.observe(response({ n, offset, data, chunkLength: bytes.length }), now);
  });
}

/** What a node answers to a request of a range, put together; undefined when it answers nothing. */
function served(local: LocalContent, n: number, offset: number, length: number, now: number): Uint8Array | undefined {
  const stored = local.find(chunks[n]!.id, now);
  if (stored === undefined) return undefined;
  const dag = contentDag(AD, HID, new Xid(PrincipalType.CID, chunks[n]!.id));
  const request = new XipView();
  request.reset(
    encodeXip({ nextHeader: NextHeader.CHUNK, destination: dag, source: CLIENT, payload: encodeChunkRequest({ offset, length }) }),
  );
  const parts: Uint8Array[] = [];
  new Responder().respond(request, { offset, length }, stored, 1400, hostDag(AD, HID), now, (head, data) => {
    const view = new XipView();
    expect(view.reset(concatBytes(head, data))).toBeUndefined();
    const answer = parseChunk(view.payload());
    expect(answer).toMatchObject({ opcode: 'response', chunkLength: chunks[n]!.bytes.length });
    parts.push(data);
  });
  return concatBytes(...parts);
}

describe('OnPathCache', () => {
  it('has a chunk after it came by whole, for as long as its publisher allows', () => {
    const local = content();
    expect(pass(local, 6)).toEqual(['partial', 'partial', 'partial', 'inserted']);
    expect(served(local, 6, 1000, 700, 5)).toEqual(chunks[6]!.bytes.subarray(1000, 1700));
    expect(served(local, 6, 0, 0, 5)).toEqual(chunks[6]!.bytes);
    local.handleTimeout(1000 * TTL_SECONDS);
    expect(local.find(chunks[6]!.id, 1000 * TTL_SECONDS)).toBeUndefined();
    expect(local.cache.counters).toMatchObject({ inserted: 1, hits: 2, expired: 1, refused: 0 });
  });

  it('asked to, keeps a chunk only when it comes by again', () => {
    const local = content('second-request');
    expect(pass(local, 6)).toEqual(['refused', 'refused', 'refused', 'refused']);
    expect([local.assembler.size, local.cache.size, local.cache.counters.notAdmitted]).toEqual([0, 0, 1]);
    expect(pass(local, 6)).toEqual(['partial', 'partial', 'partial', 'inserted']);
    expect(pass(local, 2)).toEqual(['refused']);
    expect(pass(local, 2)).toEqual(['inserted']);
    expect(served(local, 6, 0, 0, 5)).toEqual(chunks[6]!.bytes);
  });

  it('changes between the two while it runs', () => {
    const local = content('second-request');
    local.configureCache({ bytes: 100_000, admit: 'always' });
    expect(pass(local, 2)).toEqual(['inserted']);
    local.configureCache({ bytes: 100_000, admit: 'second-request', policy: 'lru' });
    expect(pass(local, 3)).toEqual(['refused']);
    expect(local.cache.size).toBe(1);
    local.configureCache({ bytes: 0 });
    expect([pass(local, 2), local.cache.size]).toEqual([['not-a-chunk'], 0]);
  });
});

describe('Doorkeeper', () => {
  it('knows what it was told, until another takes the place', () => {
    const door = new Doorkeeper();
    const id = new Uint8Array(22);
    expect(door.knows(id, 2)).toBe(false);
    door.note(id, 2);
    expect(door.knows(id, 2)).toBe(true);
    const other = id.slice();
    other[7] = 2;
    door.note(other, 2);
    expect([door.knows(id, 2), door.knows(other, 2)]).toEqual([false, true]);
  });
});

/** One thing that a stranger on the path does. */
const hostile = fc.record({
  kind: fc.constantFrom(
    'true',
    'true',
    'true',
    'whole',
    'wrong-bytes',
    'other-chunk',
    'wrong-length',
    'ask',
    'wait',
    'publish',
    'settings',
  ),
  n: fc.nat({ max: chunks.length - 1 }),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 1, max: 900 }),
  ttlSeconds: fc.constantFrom(0, 1, 100, 0xffff_ffff),
  byte: fc.nat({ max: 255 }),
});
type Hostile = typeof hostile extends fc.Arbitrary<infer T> ? T : never;

/** A segment with the true bytes, or with what a liar puts in their place. */
function segmentOf({ kind, n, at, length, byte, ttlSeconds }: Hostile): Segment {
  const { bytes } = chunks[n]!;
  const start = kind === 'whole' ? 0 : Math.floor(at * bytes.length);
  const end = kind === 'whole' ? bytes.length : Math.min(bytes.length, start + length);
  const data = bytes.slice(start, end);
  if (kind === 'wrong-bytes' && data.length > 0) data[byte % data.length]! ^= 1 + (byte % 255);
  const source = kind === 'other-chunk' ? (n + 1) % chunks.length : n;
  const chunkLength = kind === 'wrong-length' ? end + byte : bytes.length;
  return { n: source, offset: start, data, chunkLength: Math.max(chunkLength, end), ttlSeconds };
}

describe('whatever is thrown at a cache', () => {
  it.each(evictionPolicyNames.flatMap((policy) => [[policy, 'always'] as const, [policy, 'second-request'] as const]))(
    '%s, %s: every range that it serves has the true bytes',
    (policy, admit) => {
      fc.assert(
        fc.property(fc.array(hostile, { maxLength: 150 }), fc.constantFrom(0, 700, 4000, 20_000), (actions, budgetBytes) => {
          const routed = new Set<string>();
          const key = (id: Uint8Array): string => id.join();
          const local = new LocalContent({
            cache: { crypto, budgetBytes, policy },
            admit,
            assembler: { maxBytes: 4000, maxChunks: 3, maxChunkBytes: 3000 },
            onLocal: (id) => routed.add(key(id)),
            onGone: (id) => routed.delete(key(id)),
          });
          let now = 0;
          for (const action of actions) {
            const { kind, n, at, length } = action;
            const { id, bytes } = chunks[n]!;
            if (kind === 'wait') {
              now += Math.round(3000 * at);
              local.handleTimeout(now);
            } else if (kind === 'publish') {
              if (at < 0.2) local.publish(id, bytes, now, 2000);
            } else if (kind === 'settings') {
              if (at < 0.2) local.configureCache({ bytes: budgetBytes, policy: evictionPolicyNames[length % 3], admit });
            } else if (kind === 'ask') {
              const offset = Math.floor(at * bytes.length);
              const answer = served(local, n, offset, length, now);
              if (answer !== undefined) expect(answer).toEqual(bytes.slice(offset, offset + length));
            } else local.observe(response(segmentOf(action)), now);
            expect(local.cache.bytes).toBeLessThanOrEqual(budgetBytes);
            expect(local.assembler.bytes).toBeLessThanOrEqual(4000);
            expect(local.assembler.size).toBeLessThanOrEqual(3);
          }
          for (const { id, bytes } of chunks) {
            const stored = local.find(id, now);
            // What is found to be wrong is not routed to any more, so the request goes on.
            expect(stored !== undefined).toBe(routed.has(key(id)));
            if (stored !== undefined) expect(stored.bytes).toEqual(bytes);
          }
          const { refused, wrongHash, tooLarge, overAlready, notAdmitted } = local.cache.counters;
          expect(refused).toBe(wrongHash + tooLarge + overAlready + notAdmitted);
          expect(local.cache.bytes).toBeGreaterThanOrEqual(local.cache.size * CACHE_ENTRY_BYTES);
        }),
        { numRuns: 60 },
      );
    },
  );
});
