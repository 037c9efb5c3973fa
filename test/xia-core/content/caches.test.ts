import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom, toHex } from '../../../xia-core/src/bytes/index.js';
import {
  BufferPool,
  CACHE_ENTRY_BYTES,
  ChunkCache,
  ChunkStore,
  evictionPolicyNames,
  PartialAssembler,
  type EvictionPolicyName,
} from '../../../xia-core/src/content/index.js';
import { crypto } from './chunk-network.js';

/** Chunk number `n`, and its CID. */
function chunk(n: number, length = 100): { readonly bytes: Uint8Array; readonly id: Uint8Array } {
  const bytes = new SeededRandom(n).bytes(length);
  return { bytes, id: crypto.hash(bytes) };
}

const chunks = Array.from({ length: 12 }, (_, n) => chunk(n, 20 * n));

describe('ChunkCache', () => {
  it('serves what it took in until its time is over', () => {
    const evicted: string[] = [];
    const cache = new ChunkCache({ crypto, budgetBytes: 10_000, onEvict: (id) => evicted.push(toHex(id)) });
    const { id, bytes } = chunk(1);
    expect(cache.insert(id, bytes, 1000, 5, false)).toBe('inserted');
    expect(cache.insert(id, bytes, 1000, 5, false)).toBe('present');
    expect(cache.find(id, 1004)?.bytes).toEqual(bytes);
    expect(cache.nextTimeout()).toBe(1005);
    expect(cache.find(id, 1005)).toBeUndefined();
    expect([cache.size, cache.bytes, evicted]).toEqual([0, 0, [toHex(id)]]);
    cache.handleTimeout(1005);
    expect(cache.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
    expect(cache.counters).toMatchObject({ hits: 1, misses: 1, expired: 1, evicted: 0 });
  });

  it('hashes a chunk when it is asked for first, and only then', () => {
    let hashed = 0;
    const counting = {
      hash: (data: Uint8Array) => {
        hashed++;
        return crypto.hash(data);
      },
    };
    const cache = new ChunkCache({ crypto: counting, budgetBytes: 10_000 });
    for (const n of [1, 2]) cache.insert(chunk(n).id, chunk(n).bytes, 1000, 0, false);
    expect(hashed).toBe(0);
    for (let times = 0; times < 3; times++) expect(cache.find(chunk(1).id, 1)?.bytes).toEqual(chunk(1).bytes);
    expect([hashed, cache.counters]).toMatchObject([1, { hits: 3, verified: 1, foundWrong: 0 }]);
  });

  it('never serves wrong bytes, lets them go when they are asked for, and then takes right ones in only', () => {
    const gone: string[] = [];
    const buffers = new BufferPool();
    const cache = new ChunkCache({ crypto, budgetBytes: 1_000_000, buffers, onEvict: (id) => gone.push(toHex(id)) });
    const [right, wrong] = [chunk(1, 81_920), chunk(2, 81_920)];
    expect(cache.insert(right.id, wrong.bytes, 1000, 0, false)).toBe('inserted');
    expect(cache.insert(right.id, right.bytes, 1000, 0, false)).toBe('present');
    expect(cache.find(right.id, 1)).toBeUndefined();
    expect([gone, cache.size, cache.bytes, buffers.idleBytes]).toEqual([[toHex(right.id)], 0, 0, 81_920]);
    // Wrong ones that come once more do not keep the right ones out.
    expect(cache.insert(right.id, wrong.bytes, 1000, 2, false)).toBe('wrong-hash');
    expect(cache.insert(right.id, right.bytes, 1000, 2, false)).toBe('inserted');
    expect(cache.find(right.id, 3)?.bytes).toEqual(right.bytes);
    expect(cache.counters).toMatchObject({ inserted: 2, hits: 1, misses: 1, foundWrong: 1, refused: 1, wrongHash: 1, evicted: 0 });
  });

  it('remembers a bounded number of CIDs that wrong bytes came for, and lets go of memory that it refuses', () => {
    const buffers = new BufferPool();
    const cache = new ChunkCache({ crypto, budgetBytes: 1_000_000, buffers });
    for (let n = 0; n < 1100; n++) {
      cache.insert(chunk(n).id, chunk(n + 1).bytes, 1000, 0, false);
      expect(cache.find(chunk(n).id, 1)).toBeUndefined();
    }
    expect(cache.gauges()).toContainEqual({
      name: 'disputed chunks',
      unit: 'entries',
      used: 1024,
      highWater: 1024,
      bound: 1024,
      refused: 76,
    });
    const owned = buffers.take(81_920);
    expect(cache.insert(chunk(1099).id, owned, 1000, 0, true)).toBe('wrong-hash');
    expect(buffers.idleBytes).toBe(81_920);
  });

  it('with s3-fifo, what nobody asks for does not push out what was asked for, however wrong it is', () => {
    const cost = 100 + CACHE_ENTRY_BYTES;
    const cache = new ChunkCache({ crypto, budgetBytes: 10 * cost });
    const used = [0, 1, 2, 3, 4].map((n) => chunk(n));
    for (const { id, bytes } of used) cache.insert(id, bytes, 1e6, 0, false);
    for (const { id } of used) expect(cache.find(id, 1)).toBeDefined();
    for (let n = 100; n < 400; n++) cache.insert(chunk(n).id, chunk(0).bytes, 1e6, 2, false);
    expect(used.filter(({ id }) => cache.find(id, 3) === undefined)).toEqual([]);
    expect(cache.bytes).toBeLessThanOrEqual(10 * cost);
  });

  it('takes nothing too large, nothing that is over already', () => {
    const cache = new ChunkCache({ crypto, budgetBytes: 1000 });
    const large = chunk(2, 800);
    expect(cache.insert(large.id, large.bytes, 1000, 0, false)).toBe('too-large');
    expect(cache.insert(chunk(1).id, chunk(1).bytes, 0, 0, false)).toBe('expired');
    expect([cache.size, cache.counters]).toMatchObject([0, { refused: 2, wrongHash: 0, tooLarge: 1, overAlready: 1 }]);
  });

  it('makes room when its budget shrinks, and changes its policy without losing anything', () => {
    const gone: string[] = [];
    const cache = new ChunkCache({ crypto, budgetBytes: 10_000, policy: 'lru', onEvict: (id) => gone.push(toHex(id)) });
    const three = [chunk(1), chunk(2), chunk(3)];
    for (const { id, bytes } of three) cache.insert(id, bytes, 1000, 0, false);
    cache.find(three[0]!.id, 1);
    cache.configure(10_000, 'fifo');
    expect([cache.size, gone]).toEqual([3, []]);
    // What was used last goes last still; from now on use does not matter.
    cache.find(three[1]!.id, 1);
    cache.configure(2 * (100 + CACHE_ENTRY_BYTES), 'fifo');
    expect([cache.size, gone, cache.budgetBytes]).toEqual([2, [toHex(three[1]!.id)], 2 * (100 + CACHE_ENTRY_BYTES)]);
    cache.configure(0, 'lru');
    expect([cache.size, cache.bytes, gone.length]).toEqual([0, 0, 3]);
    expect(cache.insert(three[0]!.id, three[0]!.bytes, 1000, 0, false)).toBe('too-large');
    cache.configure(10_000, 'lru');
    expect(cache.insert(three[0]!.id, three[0]!.bytes, 1000, 0, false)).toBe('inserted');
  });

  it('copies what it does not own', () => {
    const cache = new ChunkCache({ crypto, budgetBytes: 10_000 });
    const { id, bytes } = chunk(3);
    const packet = bytes.slice();
    cache.insert(id, packet, 1000, 0, false);
    packet.fill(0);
    expect(cache.find(id, 1)?.bytes).toEqual(bytes);
  });

  it('uses memory again, but none that somebody may still read', () => {
    const buffers = new BufferPool();
    const cache = new ChunkCache({ crypto, budgetBytes: 1_000_000, buffers });
    const [read, unread] = [chunk(1, 81_920), chunk(2, 81_920)];
    cache.insert(read.id, read.bytes, 1000, 0, false);
    cache.insert(unread.id, unread.bytes, 1000, 0, false);
    const lent = cache.find(read.id, 1)!.bytes;
    cache.remove(read.id);
    expect(buffers.idleBytes).toBe(0);
    cache.remove(unread.id);
    expect(buffers.idleBytes).toBe(81_920);
    expect(lent).toEqual(read.bytes);
  });

  it('keeps nothing longer than its own limit', () => {
    const cache = new ChunkCache({ crypto, budgetBytes: 10_000, maxTtlMs: 50 });
    cache.insert(chunk(1).id, chunk(1).bytes, 1e9, 0, false);
    expect(cache.find(chunk(1).id, 50)).toBeUndefined();
  });

  it.each<[EvictionPolicyName, number]>([
    ['fifo', 0],
    ['lru', 1],
    ['s3-fifo', 1],
  ])('%s lets number %i go first after number 0 was used', (policy, first) => {
    const cost = 100 + CACHE_ENTRY_BYTES;
    const cache = new ChunkCache({ crypto, budgetBytes: 3 * cost, policy });
    for (const n of [0, 1, 2]) cache.insert(chunk(n).id, chunk(n).bytes, 1000, 0, false);
    cache.find(chunk(0).id, 1);
    cache.insert(chunk(3).id, chunk(3).bytes, 1000, 1, false);
    const held = [0, 1, 2, 3].filter((n) => cache.has(chunk(n).id));
    expect(held).toEqual([0, 1, 2, 3].filter((n) => n !== first));
  });

  const operation = fc.record({
    kind: fc.constantFrom('insert' as const, 'insert' as const, 'find' as const, 'remove' as const, 'wrong' as const),
    n: fc.nat({ max: chunks.length - 1 }),
    ttlMs: fc.integer({ min: 1, max: 50 }),
    passedMs: fc.nat({ max: 5 }),
  });

  it.each(evictionPolicyNames)('with %s: keeps its bounds and never lies', (policy) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), fc.integer({ min: 0, max: 3000 }), (operations, budgetBytes) => {
        const local = new Set<string>();
        const cache = new ChunkCache({
          crypto,
          budgetBytes,
          policy,
          onInsert: (id) => {
            expect(local.has(toHex(id))).toBe(false);
            local.add(toHex(id));
          },
          onEvict: (id) => expect(local.delete(toHex(id))).toBe(true),
        });
        const goodUntil = new Map<string, number>();
        /** The bytes that were taken in last under each CID, and the CIDs under which wrong ones were found. */
        const held = new Map<number, Uint8Array>();
        const disputed = new Set<number>();
        let now = 0;
        for (const { kind, n, ttlMs, passedMs } of operations) {
          now += passedMs;
          cache.handleTimeout(now);
          const { id, bytes } = chunks[n]!;
          if (kind === 'insert' && cache.insert(id, bytes, ttlMs, now, false) === 'inserted') {
            goodUntil.set(toHex(id), now + ttlMs);
            held.set(n, bytes);
          } else if (kind === 'wrong') {
            const other = chunks[(n + 1) % chunks.length]!.bytes;
            const outcome = cache.insert(id, other, ttlMs, now, false);
            expect(['inserted', 'wrong-hash', 'present', 'too-large']).toContain(outcome);
            if (outcome !== 'inserted') continue;
            expect(disputed.has(n)).toBe(false);
            goodUntil.set(toHex(id), now + ttlMs);
            held.set(n, other);
          } else if (kind === 'remove') cache.remove(id);
          else if (kind === 'find') {
            const isRight = local.has(toHex(id)) && held.get(n) === bytes;
            if (local.has(toHex(id)) && !isRight) disputed.add(n);
            expect(cache.find(id, now)?.bytes).toEqual(isRight ? bytes : undefined);
            expect(local.has(toHex(id))).toBe(isRight);
          }
          expect(cache.bytes).toBeLessThanOrEqual(budgetBytes);
          expect(cache.size).toBe(local.size);
          const there = [...chunks.keys()].filter((one) => cache.has(chunks[one]!.id));
          expect(cache.bytes).toBe(there.reduce((sum, one) => sum + held.get(one)!.length + CACHE_ENTRY_BYTES, 0));
          for (const key of local) expect(goodUntil.get(key)).toBeGreaterThan(now);
        }
      }),
    );
  });
});

describe('PartialAssembler', () => {
  it('puts a chunk together from segments in any order, more than once each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 50 }), fc.nat(), (length, segmentBytes, seed) => {
        const { id, bytes } = chunk(seed, length);
        const rng = new SeededRandom(seed);
        const offsets = Array.from({ length: Math.ceil(length / segmentBytes) }, (_, i) => i * segmentBytes);
        const missing = new Set(offsets);
        const assembler = new PartialAssembler();
        let whole: Uint8Array | undefined;
        while (whole === undefined) {
          const offset = offsets[rng.below(offsets.length)]!;
          missing.delete(offset);
          whole = assembler.add(id, offset, bytes.subarray(offset, offset + segmentBytes), length, 0);
          expect(whole !== undefined).toBe(missing.size === 0);
        }
        expect(whole).toEqual(bytes);
        expect([assembler.size, assembler.bytes]).toEqual([0, 0]);
      }),
    );
  });

  it('keeps its bounds whatever is claimed', () => {
    const segment = fc.record({
      n: fc.nat({ max: 30 }),
      offset: fc.nat({ max: 5000 }),
      length: fc.nat({ max: 50 }),
      chunkLength: fc.constantFrom(0, 10, 1000, 5000, 4_000_000_000),
    });
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 100 }), (segments) => {
        const assembler = new PartialAssembler({ maxBytes: 12_000, maxChunks: 5, maxChunkBytes: 5000 });
        for (const [now, { n, offset, length, chunkLength }] of segments.entries()) {
          assembler.add(new Uint8Array(20).fill(n), offset, new Uint8Array(length), chunkLength, now);
          expect(assembler.bytes).toBeLessThanOrEqual(12_000);
          expect(assembler.size).toBeLessThanOrEqual(5);
        }
      }),
    );
  });

  it('lets the chunk go that was left alone for longest', () => {
    const assembler = new PartialAssembler({ maxChunks: 2 });
    const piece = new Uint8Array(10);
    const id = (n: number): Uint8Array => new Uint8Array(20).fill(n);
    assembler.add(id(1), 0, piece, 20, 0);
    assembler.add(id(2), 0, piece, 20, 1);
    assembler.add(id(1), 0, piece, 20, 2);
    assembler.add(id(3), 0, piece, 20, 3);
    expect(assembler.counters.evicted).toBe(1);
    expect(assembler.add(id(1), 10, piece, 20, 4)).toHaveLength(20);
    expect(assembler.add(id(2), 10, piece, 20, 5)).toBeUndefined();
  });

  it('does not keep a chunk in very many pieces', () => {
    const assembler = new PartialAssembler();
    for (let i = 0; i < 3000; i++) assembler.add(new Uint8Array(20), 2 * i, new Uint8Array(1), 100_000, 0);
    expect(assembler.counters.fragmented).toBeGreaterThan(0);
  });

  it('does not believe a second length', () => {
    const assembler = new PartialAssembler();
    assembler.add(new Uint8Array(20), 0, new Uint8Array(5), 10, 0);
    expect(assembler.add(new Uint8Array(20), 0, new Uint8Array(5), 5, 0)).toBeUndefined();
    expect(assembler.counters.contradictory).toBe(1);
    assembler.forget(new Uint8Array(20));
    expect([assembler.size, assembler.bytes]).toEqual([0, 0]);
  });
});

describe('ChunkStore', () => {
  it('keeps what is published until it was taken back as often', () => {
    const store = new ChunkStore();
    const { id, bytes } = chunk(1);
    expect([store.put(id, bytes, 0), store.put(id, bytes, 0)]).toEqual(['stored', 'already-stored']);
    expect([store.remove(id), store.find(id, 1e12)?.bytes]).toEqual([false, bytes]);
    expect([store.remove(id), store.find(id, 0), store.remove(id)]).toEqual([true, undefined, false]);
    expect([store.bytes, store.size]).toEqual([0, 0]);
  });

  it('refuses what does not fit rather than dropping what it promised', () => {
    const store = new ChunkStore({ budgetBytes: 150, maxChunks: 2 });
    expect(store.put(chunk(1).id, chunk(1).bytes, 0)).toBe('stored');
    expect(store.put(chunk(2).id, chunk(2).bytes, 0)).toBe('full');
    expect(store.put(chunk(3, 10).id, chunk(3, 10).bytes, 0)).toBe('stored');
    expect(store.put(chunk(4, 10).id, chunk(4, 10).bytes, 0)).toBe('full');
    expect(store.counters).toMatchObject({ stored: 2, refused: 2 });
  });

  it('lets go what has a lifetime, the longest one counting', () => {
    const expired: string[] = [];
    const store = new ChunkStore({ onExpire: (id) => expired.push(toHex(id)) });
    store.put(chunk(1).id, chunk(1).bytes, 0, 100);
    store.put(chunk(1).id, chunk(1).bytes, 50, 100);
    store.put(chunk(2).id, chunk(2).bytes, 0);
    expect(store.nextTimeout()).toBe(150);
    store.handleTimeout(149);
    expect(store.size).toBe(2);
    expect(store.find(chunk(1).id, 150)).toBeUndefined();
    store.handleTimeout(150);
    expect([store.size, expired]).toEqual([1, [toHex(chunk(1).id)]]);
  });
});

describe('BufferPool', () => {
  it('gives memory out again, and only its own', () => {
    const pool = new BufferPool(200_000);
    const first = pool.take(70_000);
    expect([first.length, first.buffer.byteLength]).toEqual([70_000, 81_920]);
    pool.give(first);
    pool.give(new Uint8Array(10));
    pool.give(new Uint8Array(65_536).subarray(1));
    // Twice would let two have it.
    pool.give(first);
    expect(pool.idleBytes).toBe(81_920);
    const second = pool.take(80_000);
    expect([second.length, second.buffer === first.buffer, pool.idleBytes]).toEqual([80_000, true, 0]);
    for (const bytes of [pool.take(1), pool.take(131_072), second]) pool.give(bytes);
    // What was not taken gave way to what was.
    expect(pool.idleBytes).toBe(81_920);
    expect(pool.take(0)).toHaveLength(0);
    for (const bytes of [80_000, 80_000, 80_000].map((length) => pool.take(length))) pool.give(bytes);
    expect([pool.idleBytes, pool.gauges()[0]?.refused]).toEqual([163_840, 1]);
  });

  it('keeps what a router puts chunks together in, which is smaller', () => {
    const pool = new BufferPool();
    const first = pool.take(56_256);
    expect([first.length, first.buffer.byteLength]).toEqual([56_256, 57_344]);
    pool.give(first);
    pool.give(new Uint8Array(69_632));
    expect(pool.idleBytes).toBe(57_344);
    expect(pool.take(57_000).buffer).toBe(first.buffer);
    pool.give(pool.take(16_383));
    expect(pool.idleBytes).toBe(0);
  });

  it('never makes more than a quarter more', () => {
    fc.assert(
      fc.property(fc.nat(1 << 20), (length) => {
        const pool = new BufferPool();
        const bytes = pool.take(length);
        expect(bytes).toHaveLength(length);
        expect(bytes.buffer.byteLength).toBeLessThanOrEqual(1.25 * length);
        pool.give(bytes);
        expect(pool.idleBytes).toBe(length <= 16_383 ? 0 : bytes.buffer.byteLength);
      }),
    );
  });
});
