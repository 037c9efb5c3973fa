import { describe, expect, it } from 'vitest';
import { contentDag, PrincipalType, StreamCode, Xid, type ConnectionHandle, type LinkShape } from 'xia-core';
import { CLIENT_SID, IDLE_TIMEOUT_MS, KillableWorld, leftovers, onLayer, SERVICE, type Place } from './killable-world.js';
import type { SimNode } from './network.js';
import { simCrypto } from './sim-identity.js';

const STREAM_SEEDS = 40;
const FETCH_SEEDS = 40;
const DATAGRAM_SEEDS = 20;
const RESTART_SEEDS = 40;
const ROUTER_SEEDS = 20;
const OPEN_TIMEOUT_MS = 1000;
const GIVE_UP_MS = 1500;
/** How often a fetch asks anew, at the latest: so much later it may notice that it is over. */
const RETRY_MS = 250;
const LINGER_MS = 1000;
/** The idle timeout of those who shall outlast an outage. */
const PATIENT_MS = 12_000;
/** Of bindings, which are what a router keeps of a program. */
const BINDING_LIFETIME_MS = 30_000;
const BEACON_INTERVAL_MS = 100;
/** Two round trips, and what waits in queues. */
const SLACK_MS = 300;
const UP_BYTES = 150_000;
const DOWN_BYTES = 30_000;

const limits = (idleTimeoutMs: number, giveUpMs = GIVE_UP_MS) => ({
  streamLimits: { idleTimeoutMs, keepAliveMs: idleTimeoutMs / 4, openTimeoutMs: OPEN_TIMEOUT_MS, lingerMs: LINGER_MS },
  fetchLimits: { giveUpMs, maxTimeoutMs: RETRY_MS },
});
const shapeOf = (seed: number): LinkShape => ({ delayMs: 4, jitterMs: 1, bytesPerSecond: 2e6, loss: seed % 3 === 0 ? 0.02 : 0 });

/** One end of a stream: says so many bytes, after a pause or none, and ends; reads what comes. */
class End {
  closedWith: number | undefined;
  closedAtMs = 0;
  received = 0;
  opened = false;
  #left: number;
  readonly #node: SimNode;
  #connection: ConnectionHandle | undefined;

  constructor(node: SimNode, bytes: number) {
    this.#node = node;
    this.#left = bytes;
  }

  attach(connection: ConnectionHandle): void {
    this.#connection = connection;
  }

  /** Says what there is room for, and ends when that was all. */
  speak(now: number): void {
    const connection = this.#connection;
    if (connection === undefined || !this.#node.running || this.#left < 0) return;
    if (this.#left > 0) this.#left -= connection.write(new Uint8Array(this.#left).fill(7), now);
    if (this.#left > 0) return;
    this.#left = -1;
    connection.end(now);
  }

  handle(event: { kind: string; code?: number }, now: number): void {
    if (event.kind === 'connected') this.opened = true;
    if (event.kind === 'writable') this.speak(now);
    for (let bytes = this.#connection?.read(65_536, now); bytes !== undefined; bytes = this.#connection?.read(65_536, now)) {
      this.received += bytes.length;
    }
    if (event.kind !== 'closed') return;
    this.closedWith = event.code;
    this.closedAtMs = now;
  }
}

interface Conversation {
  readonly client: End;
  server: End | undefined;
}

function serve(world: KillableWorld, node: SimNode, bytes: number, delayMs: number, accepted: (end: End) => void): void {
  node.stack.bindService(SERVICE);
  node.enter(() => node.stack.streams.listen(SERVICE));
  const ends = new Map<number, End>();
  onLayer(node, 'stream', ({ event }) => {
    if (event.kind === 'accepted') {
      const end = new End(node, bytes);
      end.attach(event.connection);
      ends.set(event.connection.id, end);
      accepted(end);
      world.network.queue.at(world.network.now + delayMs, (now) => node.running && node.enter(() => end.speak(now)));
    }
    ends.get(event.connection.id)?.handle(event, world.network.now);
  });
}

/** A client that sends much and a server that answers a little, each after a pause that may be none. */
function converse(world: KillableWorld): Conversation {
  const { network } = world;
  const { node } = world.client;
  const talk: Conversation = { client: new End(node, UP_BYTES), server: undefined };
  const pause = () => (network.rng.unit() < 0.4 ? network.rng.unit() * 600 : 0);
  serve(world, world.server.node, DOWN_BYTES, pause(), (end) => (talk.server = end));
  node.stack.bindService(CLIENT_SID);
  onLayer(node, 'stream', ({ event }) => talk.client.handle(event, network.now));
  const connection = node.enter((now) => node.stack.streams.connect(world.service, CLIENT_SID, now));
  talk.client.attach(connection);
  network.queue.at(network.now + pause(), (now) => node.running && node.enter(() => talk.client.speak(now)));
  return talk;
}

function begin(seed: number, idleTimeoutMs = IDLE_TIMEOUT_MS, giveUpMs = GIVE_UP_MS): KillableWorld {
  const world = new KillableWorld(seed, shapeOf(seed), limits(idleTimeoutMs, giveUpMs));
  expect(world.settle(), `seed ${seed} settles`).toBe(true);
  return world;
}

const survivors = (world: KillableWorld): Place[] => [world.client, world.server, world.near, world.far].filter(({ node }) => node.running);

function expectEmpty(world: KillableWorld, what: string): void {
  world.network.runFor(LINGER_MS + SLACK_MS);
  for (const { node } of survivors(world)) {
    expect(leftovers(node), what).toEqual([]);
    expect(node.stack.streams.nextTimeout(), `${what}: timers of ${node.name}`).toBe(Infinity);
    expect(node.stack.fetcher.size, what).toBe(0);
  }
}

const seeds = (count: number, from: number) => Array.from({ length: count }, (_, index) => from + index);

describe('a node that is killed', () => {
  it.each([
    ['client', 0],
    ['client', 1],
    ['server', 2],
    ['server', 3],
  ] as const)(
    `is missed by the other end of a stream within the idle timeout, with a code: %s, block %i of ${STREAM_SEEDS} seeds`,
    (who, block) => {
      const codes = new Map<number, number>();
      for (const seed of seeds(STREAM_SEEDS, 1 + block * STREAM_SEEDS)) {
        const world = begin(seed);
        const { network } = world;
        const talk = converse(world);
        const victim = world[who];
        network.runFor(network.rng.unit() ** 2 * 900);
        world.kill(victim);
        const killedAtMs = network.now;
        network.runFor(Math.max(IDLE_TIMEOUT_MS, OPEN_TIMEOUT_MS) + SLACK_MS);
        const left = victim === world.client ? talk.server : talk.client;
        if (left !== undefined) {
          const limitMs = left === talk.client && !left.opened ? OPEN_TIMEOUT_MS : IDLE_TIMEOUT_MS;
          expect(left.closedWith, `seed ${seed}`).toBeDefined();
          expect([StreamCode.OK, StreamCode.TIMEOUT, StreamCode.OPEN_TIMEOUT], `seed ${seed}`).toContain(left.closedWith);
          expect(left.closedAtMs - killedAtMs, `seed ${seed}`).toBeLessThanOrEqual(limitMs + SLACK_MS);
          codes.set(left.closedWith!, (codes.get(left.closedWith!) ?? 0) + 1);
        }
        expectEmpty(world, `seed ${seed}`);
      }
      // The moments are spread over all of a connection's life.
      const unopened = who === 'server' ? [StreamCode.OPEN_TIMEOUT] : [];
      expect(new Set(codes.keys())).toEqual(new Set([StreamCode.OK, StreamCode.TIMEOUT, ...unopened]));
    },
  );

  it(`says that it has forgotten as soon as it is back (${RESTART_SEEDS} seeds)`, () => {
    let told = 0;
    for (const seed of seeds(RESTART_SEEDS, 1000)) {
      const world = begin(seed, PATIENT_MS);
      const { network } = world;
      const talk = converse(world);
      const victim = seed % 2 === 0 ? world.client : world.server;
      network.runFor(30 + network.rng.unit() * 200);
      const left = victim === world.client ? talk.server : talk.client;
      world.kill(victim);
      network.runFor(network.rng.unit() * 400);
      const fresh = world.restart(victim);
      fresh.stack.bindService(CLIENT_SID);
      serve(world, fresh, 0, 0, () => {});
      network.runUntil(() => fresh.stack.mobility.attachment !== undefined, 5000);
      const backAtMs = network.now;
      // One who has nothing to say notices by the next ping.
      network.runFor(PATIENT_MS / 4 + SLACK_MS);
      if (left !== undefined && left.closedWith !== StreamCode.OK) {
        // Otherwise it had said OPEN, and says it again to one who has not heard it.
        if (left.closedWith === undefined && !left.opened && left === talk.client) continue;
        expect(left.closedWith, `seed ${seed}`).toBe(StreamCode.GONE);
        expect(left.closedAtMs - backAtMs, `seed ${seed}`).toBeLessThan(PATIENT_MS / 4 + SLACK_MS);
        told++;
      }
      expectEmpty(world, `seed ${seed}`);
    }
    expect(told).toBeGreaterThan(RESTART_SEEDS / 2);
  });

  it.each([2000, 2500])(
    `is missed by whoever fetches from it, and by nobody when it was fetching (${FETCH_SEEDS} seeds from %i)`,
    (first) => {
      const outcomes = new Map<string, number>();
      for (const seed of seeds(FETCH_SEEDS, first)) {
        const world = begin(seed);
        const { network } = world;
        const { node } = world.client;
        const bytes = network.rng.bytes(200_000);
        const cid = new Xid(PrincipalType.CID, simCrypto.hash(bytes).slice());
        world.server.node.enter((now) => world.server.node.stack.content.publish(cid.id, bytes, now));
        let outcome = 'none';
        let endedAtMs = 0;
        onLayer(node, 'fetch', ({ event }) => {
          outcome = event.kind === 'done' ? 'done' : event.code;
          endedAtMs = network.now;
        });
        const address = contentDag(world.domain, world.server.node.stack.hid, cid);
        node.enter((now) => node.stack.fetcher.fetch(address, now, { id: 1 }));
        network.runFor(network.rng.unit() * 250);
        const victim = seed % 4 === 0 ? world.client : world.server;
        world.kill(victim);
        const killedAtMs = network.now;
        network.runFor(GIVE_UP_MS + RETRY_MS + SLACK_MS);
        if (victim === world.server) {
          expect(['done', 'timeout'], `seed ${seed}`).toContain(outcome);
          expect(endedAtMs - killedAtMs, `seed ${seed}`).toBeLessThanOrEqual(GIVE_UP_MS + RETRY_MS + SLACK_MS);
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
        expectEmpty(world, `seed ${seed}`);
      }
      expect(new Set(outcomes.keys())).toEqual(new Set(['done', 'timeout']));
    },
  );

  it(`is nothing to who sends it datagrams (${DATAGRAM_SEEDS} seeds)`, () => {
    for (const seed of seeds(DATAGRAM_SEEDS, 3000)) {
      const world = begin(seed);
      const { network } = world;
      const { node } = world.client;
      const [socket, echo] = [node.stack.datagrams.open(CLIENT_SID), world.server.node.stack.datagrams.open(SERVICE)];
      node.stack.bindService(CLIENT_SID);
      world.server.node.stack.bindService(SERVICE);
      let echoed = 0;
      onLayer(world.server.node, 'datagram', () => {
        for (let got = echo.receive(); got !== undefined; got = echo.receive()) echo.send(got.source, got.payload);
      });
      onLayer(node, 'datagram', () => {
        while (socket.receive() !== undefined) echoed++;
      });
      const killAtMs = network.now + network.rng.unit() * 300;
      for (let at = 0; at < 600; at += 5) {
        network.queue.at(network.now + at, () => node.enter(() => socket.send(world.service, new Uint8Array(100))));
      }
      network.queue.at(killAtMs, () => world.kill(world.server));
      network.runFor(1000);
      expect(echoed, `seed ${seed}`).toBeLessThan(120);
      expectEmpty(world, `seed ${seed}`);
    }
  });

  it(`and is a router is waited for, or missed by both ends (${ROUTER_SEEDS} seeds)`, () => {
    for (const seed of seeds(ROUTER_SEEDS, 4000)) {
      const returns = seed % 2 === 0;
      const world = begin(seed, returns ? 40_000 : IDLE_TIMEOUT_MS);
      const { network } = world;
      const talk = converse(world);
      network.runUntil(() => talk.client.opened, 1000);
      network.runFor(network.rng.unit() * 150);
      const victim = seed % 4 < 2 ? world.near : world.far;
      world.kill(victim);
      if (returns) {
        network.runFor(network.rng.unit() * 1000);
        world.restart(victim);
        const isOver = (end: End | undefined) => end?.closedWith !== undefined;
        network.runUntil(() => isOver(talk.client) && isOver(talk.server), 35_000);
      } else {
        network.runFor(Math.max(IDLE_TIMEOUT_MS, OPEN_TIMEOUT_MS) + SLACK_MS);
      }
      const what = `seed ${seed}${returns ? ', it comes back' : ''}`;
      for (const end of [talk.client, talk.server]) {
        if (end === undefined) continue;
        const expected: number[] = returns ? [StreamCode.OK] : [StreamCode.OK, StreamCode.TIMEOUT, StreamCode.OPEN_TIMEOUT];
        expect(expected, `${what}: ${end.closedWith}`).toContain(end.closedWith);
      }
      if (returns) expect([talk.client.received, talk.server?.received], what).toEqual([DOWN_BYTES, UP_BYTES]);
      expectEmpty(world, what);
    }
  });

  it('and is a router knows who was bound to it two beacons after it is back', () => {
    for (const seed of seeds(ROUTER_SEEDS, 6000)) {
      const world = begin(seed);
      const { network, far, server } = world;
      const hid = server.node.stack.hid;
      network.runFor(network.rng.unit() * 5000);
      world.kill(far);
      network.runFor(network.rng.unit() * 800);
      const fresh = world.restart(far);
      expect(fresh.stack.engine.nextHop(hid), `seed ${seed}`).toBeUndefined();
      network.runFor(2 * BEACON_INTERVAL_MS);
      expect(fresh.stack.engine.nextHop(hid), `seed ${seed}`).toBeDefined();
    }
  });

  it('is forgotten by its router when its binding has run out', () => {
    const world = begin(5000);
    const bindings = () => world.far.node.stack.gauges().find(({ name }) => name === 'HID routes')!.used;
    const before = bindings();
    world.kill(world.server);
    world.network.runFor(BINDING_LIFETIME_MS + SLACK_MS);
    expect(bindings()).toBe(before - 1);
  });
});
