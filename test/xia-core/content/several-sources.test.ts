import { describe, expect, it } from 'vitest';
import { Fetcher, type FetchEvent, type FetchLimits } from '../../../xia-core/src/content/index.js';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { contentDag, type Dag } from '../../../xia-core/src/dag/index.js';
import { parseChunk } from '../../../xia-core/src/wire/index.js';
import { PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';
import { crypto } from './chunk-network.js';

const AD = Xid.of(PrincipalType.AD, '10'.repeat(20));
const SEGMENT_BYTES = 1200;

interface Peer {
  readonly hid: Xid;
  delayMs: number;
  /** Answers nothing while false. */
  up: boolean;
  /** Share of answered segments in which a byte is wrong. */
  lies: number;
  /** What it calls itself; its HID by default. */
  name: Xid;
  asked: number;
  bytes: number;
}

/** Sources side by side, and a cache in front of them that sees what may be cached; answers after a delay, in virtual time. */
class Sources {
  now = 0;
  readonly rng: SeededRandom;
  readonly events: FetchEvent[] = [];
  readonly fetcher: Fetcher;
  readonly peers: Peer[];
  /** Answers, in place of the source, whatever may be answered from a cache, when it is up. */
  readonly cache: Peer;
  readonly #content = new Map<string, Uint8Array>();
  readonly #queue: { readonly at: number; readonly turn: number; readonly run: () => void }[] = [];
  #turn = 0;

  constructor(seed: number, delays: readonly number[], limits: FetchLimits = {}) {
    this.rng = new SeededRandom(seed);
    const peer = (delayMs: number, i: number): Peer => {
      const hid = Xid.of(PrincipalType.HID, (0xa0 + i).toString(16).repeat(20));
      return { hid, name: hid, delayMs, up: true, lies: 0, asked: 0, bytes: 0 };
    };
    this.peers = delays.map(peer);
    this.cache = { ...peer(1, 32), up: false };
    this.fetcher = new Fetcher({
      crypto,
      rng: this.rng,
      send: (destination, payload) => this.#request(destination, payload),
      onEvent: (event) => this.events.push(event),
      ...limits,
    });
  }

  publish(length: number): { readonly bytes: Uint8Array; readonly dags: Dag[] } {
    const bytes = this.rng.bytes(length);
    const cid = Xid.of(PrincipalType.CID, crypto.hash(bytes));
    this.#content.set(cid.key, bytes);
    return { bytes, dags: this.peers.map(({ hid }) => contentDag(AD, hid, cid)) };
  }

  fetch(id: number, { bytes, dags }: { readonly bytes: Uint8Array; readonly dags: Dag[] }): void {
    this.fetcher.fetch(dags[0]!, this.now, { id, length: bytes.length, sources: dags.slice(1) });
  }

  at(at: number, run: () => void): void {
    this.#queue.push({ at, turn: this.#turn++, run });
  }

  run(limitMs = 120_000): void {
    const end = this.now + limitMs;
    while (this.fetcher.size > 0) {
      this.#queue.sort((a, b) => a.at - b.at || a.turn - b.turn);
      const next = this.#queue[0];
      const timer = this.fetcher.nextTimeout();
      const at = Math.min(next?.at ?? Infinity, timer);
      if (at > end) return;
      this.now = Math.max(this.now, at);
      if (next !== undefined && next.at <= timer) {
        this.#queue.shift();
        next.run();
      } else this.fetcher.handleTimeout(this.now);
    }
  }

  bytesOf(id: number): Uint8Array {
    const event = this.events.find((candidate) => candidate.id === id);
    if (event?.kind !== 'done') throw new Error(`fetch ${id}: ${JSON.stringify(event)}`);
    return event.bytes;
  }

  #request(destination: Dag, payload: Uint8Array): boolean {
    const host = this.peers.find(({ hid }) => destination.find(PrincipalType.HID)!.equals(hid))!;
    const request = parseChunk(payload);
    if (request.opcode !== 'request') throw new Error('not a request');
    const mayBeCached = destination.nodes.at(-1)!.edges.includes(destination.count - 1);
    const peer = mayBeCached && this.cache.up ? this.cache : host;
    const bytes = this.#content.get(destination.intent.key)!;
    peer.asked++;
    if (!peer.up) return true;
    const end = request.length === 0 ? bytes.length : Math.min(bytes.length, request.offset + request.length);
    for (let at = request.offset; at < end; at += SEGMENT_BYTES) {
      const data = bytes.slice(at, Math.min(end, at + SEGMENT_BYTES));
      if (this.rng.unit() < peer.lies) data[0]! ^= 1;
      peer.bytes += data.length;
      const header = { offset: at, length: data.length, chunkLength: bytes.length, ttlSeconds: 1 };
      this.at(this.now + 2 * peer.delayMs, () => this.fetcher.handleResponse(destination.intent.id, header, data, this.now, peer.name.id));
    }
    return true;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

describe('several sources', () => {
  it('are all used, and the quick one more', () => {
    const net = new Sources(1, [10, 40]);
    const chunks = Array.from({ length: 8 }, () => net.publish(400_000));
    for (const [id, chunk] of chunks.entries()) net.fetch(id, chunk);
    net.run();
    for (const [id, { bytes }] of chunks.entries()) expect(same(net.bytesOf(id), bytes)).toBe(true);
    const [quick, slow] = net.peers;
    expect(slow!.bytes).toBeGreaterThan(20_000);
    expect(quick!.bytes).toBeGreaterThan(1.5 * slow!.bytes);
    expect(net.fetcher.counters.duplicates).toBe(0);
  });

  it('bring a chunk sooner than the quicker one alone', () => {
    const timeWith = (delays: readonly number[]): number => {
      const net = new Sources(2, delays, { maxWindowBytes: 100_000 });
      for (let id = 0; id < 6; id++) net.fetch(id, net.publish(1_000_000));
      net.run();
      return net.now;
    };
    expect(timeWith([20, 20])).toBeLessThan(0.65 * timeWith([20]));
  });

  it.each([1, 2, 3, 4, 5, 6])('bring every chunk as long as one of them lives, whenever the others die (seed %i)', (seed) => {
    const net = new Sources(seed, [5, 10, 20]);
    const chunks = Array.from({ length: 10 }, () => net.publish(200_000));
    for (const [id, chunk] of chunks.entries()) net.fetch(id, chunk);
    const survivor = net.rng.below(3);
    for (const [i, peer] of net.peers.entries()) if (i !== survivor) net.at(net.rng.below(150), () => (peer.up = false));
    net.run();
    for (const [id, { bytes }] of chunks.entries()) expect(same(net.bytesOf(id), bytes)).toBe(true);
    expect(net.now).toBeLessThan(5000);
    expect([net.fetcher.inFlightBytes, net.fetcher.bufferedBytes]).toEqual([0, 0]);
  });

  it('are tried again after they failed', () => {
    const net = new Sources(7, [5, 30], { maxWindowBytes: 50_000 });
    net.peers[0]!.up = false;
    net.fetch(1, net.publish(1_000_000));
    net.run();
    net.peers[0]!.up = true;
    const before = net.peers[0]!.bytes;
    for (let id = 2; id < 30; id++) net.fetch(id, net.publish(1_000_000));
    net.run();
    expect(net.events.filter(({ kind }) => kind === 'done')).toHaveLength(29);
    expect(net.peers[0]!.bytes - before).toBeGreaterThan(5_000_000);
  });

  it('must have the same chunk', () => {
    const net = new Sources(8, [5]);
    const [one, two] = [net.publish(10), net.publish(11)];
    expect(() => net.fetcher.fetch(one.dags[0]!, 0, { id: 1, sources: two.dags })).toThrow(
      expect.objectContaining({ code: 'bad-argument' }),
    );
  });
});

describe('liars', () => {
  it.each([1, 0.05])('a cache that lies is passed by, named, and not asked for the following chunks (share %d)', (lies) => {
    const net = new Sources(11, [20]);
    Object.assign(net.cache, { up: true, lies });
    const first = net.publish(200_000);
    net.fetch(1, first);
    net.run();
    expect(same(net.bytesOf(1), first.bytes)).toBe(true);
    expect(net.fetcher.counters.wrongContent).toBe(1);
    expect([...net.fetcher.liars]).toEqual([[Buffer.from(net.cache.hid.id).toString('hex'), 1]]);
    const asked = net.cache.asked;
    for (let id = 2; id < 6; id++) net.fetch(id, net.publish(50_000));
    net.run();
    expect(net.cache.asked).toBe(asked);
    expect(net.fetcher.counters.wrongContent).toBe(1);
    // After a while it is given another chance.
    net.now += 10_000;
    net.cache.lies = 0;
    net.fetch(7, net.publish(50_000));
    net.run();
    expect(net.cache.asked).toBeGreaterThan(asked);
  });

  it('what the source itself gave is not asked for again when a cache lied about the rest', () => {
    const net = new Sources(12, [20]);
    const chunk = net.publish(400_000);
    net.fetch(1, chunk);
    net.at(100, () => Object.assign(net.cache, { up: true, lies: 1, delayMs: 20 }));
    net.run();
    expect(same(net.bytesOf(1), chunk.bytes)).toBe(true);
    expect(net.fetcher.counters.wrongContent).toBe(1);
    expect(net.peers[0]!.bytes).toBe(400_000);
  });

  it('a cache that calls itself the source is found out all the same', () => {
    const net = new Sources(13, [20]);
    const chunk = net.publish(300_000);
    net.fetch(1, chunk);
    net.at(80, () => Object.assign(net.cache, { up: true, lies: 1, name: net.peers[0]!.hid }));
    net.run();
    expect(same(net.bytesOf(1), chunk.bytes)).toBe(true);
  });

  it.each([1, 2, 3, 4])('one source that lies is found out among several, and avoided (seed %i)', (seed) => {
    const net = new Sources(seed, [10, 12, 14]);
    const liar = net.peers[seed % 3]!;
    liar.lies = 0.2;
    const chunks = Array.from({ length: 4 }, () => net.publish(300_000));
    for (const [id, chunk] of chunks.entries()) net.fetch(id, chunk);
    net.run();
    for (const [id, { bytes }] of chunks.entries()) expect(same(net.bytesOf(id), bytes)).toBe(true);
    const wrong = net.fetcher.counters.wrongContent;
    expect(wrong).toBeGreaterThan(0);
    expect([...net.fetcher.liars.keys()]).toEqual([Buffer.from(liar.hid.id).toString('hex')]);
    const asked = liar.asked;
    const next = net.publish(300_000);
    net.fetch(9, next);
    net.run();
    expect(same(net.bytesOf(9), next.bytes)).toBe(true);
    expect([liar.asked, net.fetcher.counters.wrongContent]).toEqual([asked, wrong]);
  });

  it('when all lie, the fetch fails and says so', () => {
    const net = new Sources(14, [10, 20]);
    for (const peer of net.peers) peer.lies = 1;
    net.fetch(1, net.publish(100_000));
    net.run();
    expect(net.events).toEqual([{ kind: 'failed', id: 1, code: 'wrong-content' }]);
    expect([net.fetcher.inFlightBytes, net.fetcher.bufferedBytes]).toEqual([0, 0]);
  });
});

describe('bounds', () => {
  it('memory, window and paths stay within theirs, whatever is asked for', () => {
    const net = new Sources(
      15,
      Array.from({ length: 12 }, (_, i) => 5 + i),
      { maxWindowBytes: 60_000, maxBufferedBytes: 500_000 },
    );
    for (let id = 0; id < 60; id++) {
      const chunk = net.publish(90_000);
      net.fetcher.fetch(chunk.dags[id % 12]!, 0, { id, length: 90_000, sources: chunk.dags });
    }
    let most = 0;
    for (let at = 1; at < 3000; at++) net.at(at, () => (most = Math.max(most, net.fetcher.inFlightBytes)));
    net.run();
    expect(net.events.filter(({ kind }) => kind === 'done')).toHaveLength(60);
    expect(most).toBeLessThanOrEqual(12 * 60_000);
    for (const { used, highWater, bound } of net.fetcher.gauges()) {
      expect(highWater).toBeLessThanOrEqual(bound);
      expect(used).toBeLessThanOrEqual(highWater);
    }
  });
});
