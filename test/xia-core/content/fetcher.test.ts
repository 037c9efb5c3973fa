import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, type FetchEvent } from '../../../xia-core/src/content/index.js';
import { Dag, hostDag } from '../../../xia-core/src/dag/index.js';
import { CHUNK_RESPONSE_BYTES } from '../../../xia-core/src/wire/index.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { ChunkNetwork } from './chunk-network.js';

function doneBytes(events: readonly FetchEvent[], id: number): Uint8Array {
  const event = events.find((candidate) => candidate.id === id);
  if (event?.kind !== 'done') throw new Error(`fetch ${id}: ${JSON.stringify(event)}`);
  return event.bytes;
}

/** Compares content without the cost of a deep comparison element by element. */
function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

/** The packet as one of a chunk that nobody wants: as good as lost. */
function foreign(packet: Uint8Array): Uint8Array {
  const copy = packet.slice();
  copy.set(new Uint8Array(20), 8 + 28 * 5 + 4);
  return copy;
}

describe('on a clean path', () => {
  it('fetches chunks of every size around the boundaries, with and without their length', () => {
    for (const length of [0, 1, 1172, 4095, 4096, 4097, 61_440, 65_535, 65_536, 65_537, 300_000]) {
      for (const known of [true, false]) {
        const net = new ChunkNetwork(1, {});
        const { dag, bytes } = net.publish(length);
        net.fetcher.fetch(dag, net.now, known ? { id: 1, length } : { id: 1 });
        net.run();
        expectSame(doneBytes(net.events, 1), bytes);
        expect(net.fetcher.counters).toMatchObject({ duplicates: 0, overtaken: 0, timedOut: 0, contradictory: 0 });
        expect([net.fetcher.inFlightBytes, net.fetcher.bufferedBytes, net.fetcher.size]).toEqual([0, 0, 0]);
        expect(net.fetcher.nextTimeout()).toBe(Number.POSITIVE_INFINITY);
      }
    }
  });

  it('fills jumbo packets and asks for few of them', () => {
    const net = new ChunkNetwork(2, { mtu: 65_507, delayMs: 0.1 });
    const chunks = Array.from({ length: 40 }, () => net.publish(245_760));
    for (const [id, { dag, bytes }] of chunks.entries()) net.fetcher.fetch(dag, 0, { id, length: bytes.length });
    net.run();
    for (const [id, { bytes }] of chunks.entries()) expectSame(doneBytes(net.events, id), bytes);
    // One request a chunk for its four segments, and some smaller ranges while the window opens.
    expect(net.fetcher.counters.requests).toBeLessThan(40 + 80);
    expect(net.fetcher.counters.segments).toBeLessThan(40 * 4 + 80);
  });

  it('asks for several large segments at once, and for as many of what got lost as any responder understands', () => {
    const net = new ChunkNetwork(2, { mtu: 65_507, delayMs: 0.5, loss: 0.02 });
    const chunks = Array.from({ length: 12 }, () => net.publish(983_040));
    const verify = () => true;
    for (const [id, { dag, bytes }] of chunks.entries()) net.fetcher.fetch(dag, 0, { id, length: bytes.length, verify });
    net.run();
    for (const [id, { bytes }] of chunks.entries()) expectSame(doneBytes(net.events, id), bytes);
    const { segments, requests } = net.fetcher.counters;
    expect(segments / requests).toBeGreaterThan(1.5);
    expect(Math.max(...net.asked)).toBeGreaterThan(200_000);
    // In whole segments, as soon as it is known how large they are: what six nodes and two headers leave of a packet.
    const segment = 65_507 - (8 + 6 * 28 + CHUNK_RESPONSE_BYTES);
    expect(net.asked.filter((bytes) => bytes > 0xffff && bytes % segment !== 0).length).toBeLessThan(5);
  });

  it('asks for less where long ranges are not understood', () => {
    const net = new ChunkNetwork(2, { mtu: 65_507, delayMs: 0.5 });
    net.mostUnderstoodBytes = 0xffff;
    const chunks = Array.from({ length: 12 }, () => net.publish(983_040));
    const verify = () => true;
    for (const [id, { dag, bytes }] of chunks.entries()) net.fetcher.fetch(dag, 0, { id, length: bytes.length, verify });
    net.run();
    for (const [id, { bytes }] of chunks.entries()) expectSame(doneBytes(net.events, id), bytes);
    expect(net.asked.filter((bytes) => bytes > 0xffff)).toHaveLength(4);
    expect(net.now).toBeLessThan(1000);
  });

  it('opens the window up to its limit and no further', () => {
    const net = new ChunkNetwork(3, { mtu: 9000, delayMs: 20 }, { maxWindowBytes: 512 * 1024 });
    const chunks = Array.from({ length: 8 }, () => net.publish(1_000_000));
    for (const [id, { dag }] of chunks.entries()) net.fetcher.fetch(dag, 0, { id, length: 1_000_000 });
    let most = 0;
    net.meddle = (packet) => {
      most = Math.max(most, net.fetcher.windowBytes);
      return packet;
    };
    net.run();
    expect(net.events).toHaveLength(8);
    expect(most).toBe(512 * 1024);
    // Nothing is under way, so there is no path in use either.
    expect(net.fetcher.windowBytes).toBe(0);
  });

  it('gives everybody who fetches one chunk the same bytes, fetched once', () => {
    const net = new ChunkNetwork(4, {});
    const { dag, bytes } = net.publish(50_000);
    for (const id of [7, 8, 9]) net.fetcher.fetch(dag, 0, { id });
    net.fetcher.cancel(8, 0);
    net.run();
    expect(net.events.map(({ id }) => id)).toEqual([7, 9]);
    expectSame(doneBytes(net.events, 9), bytes);
    expect(net.fetcher.counters.bytes).toBe(50_000);
  });

  it('forgets a cancelled fetch, whose late segments do no harm', () => {
    const net = new ChunkNetwork(5, {});
    const { dag } = net.publish(500_000);
    net.fetcher.fetch(dag, 0, { id: 1 });
    net.run(25);
    net.fetcher.cancel(1, net.now);
    net.drain();
    expect(net.events).toEqual([]);
    expect(net.fetcher.counters.unexpected).toBeGreaterThan(0);
    expect([net.fetcher.inFlightBytes, net.fetcher.bufferedBytes]).toEqual([0, 0]);
  });
});

describe('on a bad path', () => {
  const bad = { loss: 0.2, duplication: 0.1, delayMs: 5, jitterMs: 5 };

  it.each([1, 2, 3, 4, 5])('completes under 20 % loss, reordering and duplication (seed %i)', (seed) => {
    const net = new ChunkNetwork(seed, bad);
    const chunks = Array.from({ length: 12 }, (_, i) => net.publish(20_000 + 17_000 * i));
    for (const [id, { dag, bytes }] of chunks.entries()) {
      net.fetcher.fetch(dag, 0, id % 2 === 0 ? { id } : { id, length: bytes.length });
    }
    net.run();
    for (const [id, { bytes }] of chunks.entries()) expectSame(doneBytes(net.events, id), bytes);
    expect(net.fetcher.counters.overtaken).toBeGreaterThan(0);
    // The window is at its bottom much of the time, 12 KiB for each 20 ms round trip: with that 1.3 MB could not take less than 2.2 s.
    expect(net.now).toBeLessThan(5000);
    expect([net.fetcher.inFlightBytes, net.fetcher.bufferedBytes]).toEqual([0, 0]);
  });

  it('runs the same way for the same seed', () => {
    const trace = (): unknown => {
      const net = new ChunkNetwork(77, bad);
      for (let id = 0; id < 5; id++) net.fetcher.fetch(net.publish(100_000).dag, 0, { id });
      net.run();
      return [net.now, net.fetcher.counters, net.events.map(({ id }) => id)];
    };
    expect(trace()).toEqual(trace());
  });

  it('asks again for exactly what is missing', () => {
    const net = new ChunkNetwork(6, { mtu: 1400 });
    const { dag, bytes } = net.publish(200_000);
    let segment = 0;
    net.meddle = (packet) => (++segment % 10 === 0 ? foreign(packet) : packet);
    net.fetcher.fetch(dag, 0, { id: 1, length: bytes.length });
    net.run();
    expectSame(doneBytes(net.events, 1), bytes);
    expect(net.fetcher.counters.duplicates).toBe(0);
    expect(net.fetcher.counters.bytes).toBe(200_000);
  });

  it('notices a lost request by the answers to later ones, well before any timeout', () => {
    const patient = { timeoutMarginMs: 100_000, maxTimeoutMs: 100_000 };
    const net = new ChunkNetwork(7, { mtu: 65_507, delayMs: 50 }, patient);
    const chunks = Array.from({ length: 20 }, () => net.publish(60_000));
    for (const [id, { dag }] of chunks.entries()) net.fetcher.fetch(dag, 0, { id, length: 60_000 });
    let segment = 0;
    net.meddle = (packet) => (++segment === 6 ? foreign(packet) : packet);
    net.run(90_000);
    expect(net.events).toHaveLength(20);
    expect(net.fetcher.counters.overtaken).toBe(1);
    expect(net.fetcher.counters.timedOut).toBe(0);
  });

  it('survives an outage and is back soon after it', () => {
    const net = new ChunkNetwork(8, { delayMs: 2 });
    for (let id = 0; id < 30; id++) net.fetcher.fetch(net.publish(100_000).dag, 0, { id, length: 100_000 });
    net.at(20, () => (net.cut = true));
    net.at(5020, () => (net.cut = false));
    net.run();
    expect(net.events.filter(({ kind }) => kind === 'done')).toHaveLength(30);
    expect(net.now).toBeLessThan(5020 + 700);
    // What was under way, and probes from then on: neither a flood nor a window's worth each time.
    expect(net.dropped).toBeLessThan(310);
  });

  it('fills a bottleneck with a queue of one bandwidth-delay product', () => {
    const net = new ChunkNetwork(9, { delayMs: 10, bytesPerMs: 12_500, queueBytes: 250_000, mtu: 1400 });
    const total = 60;
    for (let id = 0; id < total; id++) net.fetcher.fetch(net.publish(500_000).dag, 0, { id, length: 500_000 });
    net.run();
    const used = (((total * 500_000) / 1172) * 1400) / net.now / 12_500;
    expect(net.events).toHaveLength(total);
    expect(net.fetcher.counters.duplicates).toBeLessThan(200);
    expect(used).toBeGreaterThan(0.9);
  });

  it('gives a chunk up when it is due, however long its timeouts have become', () => {
    const net = new ChunkNetwork(11, { delayMs: 5 }, { giveUpMs: 3210 });
    const { dag } = net.publish(1000);
    net.store.remove(dag.intent.id);
    net.fetcher.fetch(dag, 0, { id: 1 });
    net.run();
    expect(net.events).toMatchObject([{ kind: 'failed', code: 'timeout' }]);
    expect(net.now).toBe(3210);
  });

  it('is not held up by a host that never answers', () => {
    const net = new ChunkNetwork(10, { delayMs: 5 });
    const dead = Array.from({ length: 20 }, () => net.publish(300_000));
    for (const { dag } of dead) net.store.remove(dag.intent.id);
    for (const [i, { dag }] of dead.entries()) net.fetcher.fetch(dag, 0, { id: 1000 + i });
    for (let id = 0; id < 20; id++) net.fetcher.fetch(net.publish(300_000).dag, 0, { id, length: 300_000 });
    net.run(5000);
    expect(net.events.filter(({ kind }) => kind === 'done')).toHaveLength(20);
    net.run();
    const failed = net.events.filter(({ kind }) => kind === 'failed');
    expect(failed).toHaveLength(20);
    for (const event of failed) expect(event).toMatchObject({ kind: 'failed', code: 'timeout' });
    expect(net.fetcher.bufferedBytes).toBe(0);
  });

  it('asks again at once when its address changed', () => {
    const net = new ChunkNetwork(11, { delayMs: 20 });
    net.fetcher.fetch(net.publish(400_000).dag, 0, { id: 1, length: 400_000 });
    net.at(100, () => (net.cut = true));
    net.at(400, () => {
      net.cut = false;
      net.fetcher.addressChanged(net.now);
    });
    net.run();
    expect(net.events).toHaveLength(1);
    expect(net.now).toBeLessThan(700);
  });

  it('tries again when a request could not be sent, and gives up in the end', () => {
    let open = false;
    const events: FetchEvent[] = [];
    const net = new ChunkNetwork(12, {}, { send: () => open, onEvent: (event) => events.push(event) });
    const { dag } = net.publish(1000);
    net.fetcher.fetch(dag, 0, { id: 1 });
    expect(net.fetcher.nextTimeout()).toBe(5);
    net.run(100);
    open = true;
    net.fetcher.handleTimeout(net.now + 5);
    expect(net.fetcher.inFlightBytes).toBeGreaterThan(0);
    open = false;
    net.run(40_000);
    expect(events).toEqual([{ kind: 'failed', id: 1, code: 'timeout' }]);
  });
});

describe('wrong content', () => {
  /** Flips a bit of the data. */
  const corrupt = (packet: Uint8Array): Uint8Array => {
    const copy = packet.slice();
    copy[copy.length - 1] = copy[copy.length - 1]! ^ 1;
    return copy;
  };

  it('is dropped, counted, and fetched again past the caches', () => {
    const net = new ChunkNetwork(13, {});
    const { dag, bytes } = net.publish(100_000);
    // A bad cache: it sees the requests whose first edge is the CID.
    const cachable = (requested: Dag): boolean => requested.nodes.at(-1)!.edges[0] === requested.count - 1;
    net.meddle = (packet, requested) => (cachable(requested) ? corrupt(packet) : packet);
    net.fetcher.fetch(dag, 0, { id: 1 });
    net.run();
    expectSame(doneBytes(net.events, 1), bytes);
    expect(net.fetcher.counters.wrongContent).toBe(1);
    expect(net.requests.at(-1)!.toString()).toBe(dag.toString().replace('( ', '').replace(' )', ''));
  });

  it('is told by who fetches in place of the hash, and fetched again all the same', () => {
    const net = new ChunkNetwork(13, {});
    const { dag, bytes } = net.publish(100_000);
    const cachable = (requested: Dag): boolean => requested.nodes.at(-1)!.edges[0] === requested.count - 1;
    net.meddle = (packet, requested) => (cachable(requested) ? corrupt(packet) : packet);
    const asked: boolean[] = [];
    const verify = (candidate: Uint8Array): boolean => {
      asked.push(Buffer.compare(candidate, bytes) === 0);
      return asked.at(-1)!;
    };
    net.fetcher.fetch(dag, 0, { id: 1, verify });
    net.run();
    expectSame(doneBytes(net.events, 1), bytes);
    expect(asked).toEqual([false, true]);
    expect(net.fetcher.counters.wrongContent).toBe(1);
  });

  it('is told by its hash when not all who fetch a chunk judge it alike', () => {
    const net = new ChunkNetwork(13, {});
    const { dag } = net.publish(100_000);
    net.meddle = corrupt;
    const credulous = () => true;
    net.fetcher.fetch(dag, 0, { id: 1, verify: credulous });
    net.fetcher.fetch(dag, 0, { id: 2 });
    net.run();
    expect(net.events.map(({ kind }) => kind)).toEqual(['failed', 'failed']);
    net.fetcher.fetch(dag, net.now, { id: 3, verify: credulous });
    net.fetcher.fetch(dag, net.now, { id: 4, verify: credulous });
    net.run();
    expect(net.events.slice(2).map(({ kind }) => kind)).toEqual(['done', 'done']);
  });

  it('fails the fetch when the publishing host lies too', () => {
    const net = new ChunkNetwork(14, {});
    const { dag } = net.publish(10_000);
    net.meddle = corrupt;
    net.fetcher.fetch(dag, 0, { id: 1 });
    net.run();
    expect(net.events).toEqual([{ kind: 'failed', id: 1, code: 'wrong-content' }]);
    expect(net.fetcher.counters.wrongContent).toBe(4);
    expect(net.fetcher.bufferedBytes).toBe(0);
  });

  it('of another length than the caller knows is ignored', () => {
    const net = new ChunkNetwork(15, {}, { giveUpMs: 1000 });
    const { dag } = net.publish(10_000);
    net.fetcher.fetch(dag, 0, { id: 1, length: 9_999 });
    net.run();
    expect(net.events).toEqual([{ kind: 'failed', id: 1, code: 'timeout' }]);
    expect(net.fetcher.counters.contradictory).toBeGreaterThan(0);
  });
});

describe('bounds', () => {
  it('takes no memory for a chunk that is too large', () => {
    const net = new ChunkNetwork(16, {}, { maxChunkBytes: 50_000 });
    net.fetcher.fetch(net.publish(50_001).dag, 0, { id: 1 });
    net.fetcher.fetch(net.publish(50_002).dag, 0, { id: 2, length: 50_002 });
    net.run();
    expect(net.events.map((event) => event.kind === 'failed' && event.code)).toEqual(['too-large', 'too-large']);
  });

  it('keeps within the budget by letting chunks wait', () => {
    let most = 0;
    const limited = new ChunkNetwork(17, { loss: 0.05 }, { maxBufferedBytes: 300_000 });
    for (let id = 0; id < 20; id++) {
      const { dag, bytes } = limited.publish(100_000);
      limited.fetcher.fetch(dag, 0, id % 2 === 0 ? { id } : { id, length: bytes.length });
    }
    limited.meddle = (packet) => {
      most = Math.max(most, limited.fetcher.bufferedBytes);
      return packet;
    };
    limited.run();
    expect(limited.events.filter(({ kind }) => kind === 'done')).toHaveLength(20);
    expect(most).toBeLessThanOrEqual(300_000);
  });

  it('fetches one chunk that is larger than the whole budget', () => {
    const net = new ChunkNetwork(18, {}, { maxBufferedBytes: 10_000 });
    const { dag, bytes } = net.publish(100_000);
    net.fetcher.fetch(dag, 0, { id: 1 });
    net.run();
    expectSame(doneBytes(net.events, 1), bytes);
  });

  it('refuses more fetches than it may have', () => {
    const net = new ChunkNetwork(19, {}, { maxFetches: 1 });
    net.fetcher.fetch(net.publish(1000).dag, 0, { id: 1 });
    net.fetcher.fetch(net.publish(1000).dag, 0, { id: 2 });
    expect(net.events).toEqual([{ kind: 'failed', id: 2, code: 'busy' }]);
  });

  it('throws for callers that are wrong', () => {
    const net = new ChunkNetwork(20, {});
    const { dag } = net.publish(1000);
    net.fetcher.fetch(dag, 0, { id: 1 });
    expect(() => net.fetcher.fetch(dag, 0, { id: 1 })).toThrow(expect.objectContaining({ code: 'bad-argument' }));
    const host = hostDag(undefined, Xid.of(PrincipalType.HID, 'ab'.repeat(20)));
    expect(() => net.fetcher.fetch(host, 0, { id: 2 })).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });

  it('uses its buffers again', () => {
    const pool = new BufferPool();
    const net = new ChunkNetwork(21, {}, { buffers: pool });
    const { dag, bytes } = net.publish(100_000);
    net.fetcher.fetch(dag, 0, { id: 1 });
    net.run();
    const first = doneBytes(net.events, 1);
    expectSame(first, bytes);
    pool.give(first);
    expect(pool.idleBytes).toBe(114_688);
    const second = net.publish(110_000);
    net.fetcher.fetch(second.dag, net.now, { id: 2 });
    net.run();
    expectSame(doneBytes(net.events, 2), second.bytes);
    expect(doneBytes(net.events, 2).buffer).toBe(first.buffer);
  });
});

describe('whatever the path does', () => {
  it('every chunk arrives once and right, and nothing is left over', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat(),
          loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
          duplication: fc.double({ min: 0, max: 0.3, noNaN: true }),
          delayMs: fc.constantFrom(0.05, 1, 20, 100),
          jitterMs: fc.constantFrom(0, 0.5, 10, 100),
          mtu: fc.constantFrom(576, 1400, 9000, 65_507),
        }),
        fc.array(fc.record({ length: fc.nat({ max: 120_000 }), known: fc.boolean() }), { minLength: 1, maxLength: 6 }),
        fc.constantFrom(30_000, 200_000, 64_000_000),
        ({ seed, ...impairments }, sizes, maxBufferedBytes) => {
          const net = new ChunkNetwork(seed, impairments, { maxBufferedBytes, giveUpMs: 60_000 });
          const chunks = sizes.map(({ length }) => net.publish(length));
          for (const [id, { dag, bytes }] of chunks.entries()) {
            net.fetcher.fetch(dag, 0, sizes[id]!.known ? { id, length: bytes.length } : { id });
          }
          net.run();
          net.drain();
          expect(net.events).toHaveLength(chunks.length);
          for (const [id, { bytes }] of chunks.entries()) expectSame(doneBytes(net.events, id), bytes);
          expect([net.fetcher.inFlightBytes, net.fetcher.bufferedBytes, net.fetcher.size]).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('segments of any claims never corrupt a chunk nor break the fetcher', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(
          fc.record({
            offset: fc.nat({ max: 40_000 }),
            length: fc.nat({ max: 3000 }),
            chunkLength: fc.constantFrom(0, 1, 30_000, 30_001, 4_000_000_000),
          }),
          { maxLength: 20 },
        ),
        (seed, forged) => {
          const net = new ChunkNetwork(seed, { delayMs: 3, jitterMs: 2 });
          const { dag, bytes } = net.publish(30_000);
          net.fetcher.fetch(dag, 0, { id: 1, length: 30_000 });
          for (const [i, { offset, length, chunkLength }] of forged.entries()) {
            const header = { offset, length, chunkLength, ttlSeconds: 1 };
            net.at(i, () => net.fetcher.handleResponse(dag.intent.id, header, new Uint8Array(length), net.now));
          }
          net.run();
          const event = net.events[0]!;
          if (event.kind === 'done') expectSame(event.bytes, bytes);
          else expect(event.code).toBe('wrong-content');
        },
      ),
      { numRuns: 60, seed: 2 },
    );
  });
});

it('reads chunk addresses of any form', () => {
  const cid = 'ef'.repeat(20);
  const net = new ChunkNetwork(22, {});
  net.fetcher.fetch(Dag.parse(`RE HID:${'ab'.repeat(20)} CID:${cid}`), 0, { id: 1 });
  expect(net.requests).toHaveLength(1);
  expect(CHUNK_RESPONSE_BYTES).toBe(52);
});
