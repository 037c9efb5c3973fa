import { describe, expect, it } from 'vitest';
import { contentDag, parseTopology, PrincipalType, Xid, type FetchEvent } from 'xia-core';
import { imbalances } from './accounts.js';
import { SimNetwork, type SimNode } from './network.js';
import { Conversation, StreamRouter, Talker } from './stream-pair.js';
import { TopologyNetwork } from './topology-network.js';

const FACE_MTU = 1472;

/** Two hosts with a router each; `middle` is the link between these. */
function world(seed: number, middle: string, narrowBytes?: number): TopologyNetwork {
  const text = `
router r1 AD1
router r2 AD2
host h1
host h2
link h1 r1 delay=1ms
link r1 r2 ${middle}
link r2 h2 delay=1ms
`;
  const made = new TopologyNetwork(new SimNetwork(seed), parseTopology(text), {
    ways: 'static',
    node: (name) => ({
      faces: (name === 'r1' ? ['h1', 'r2'] : name === 'r2' ? ['r1', 'h2'] : [name === 'h1' ? 'r1' : 'r2']).map((neighbour) => {
        const isNarrow = narrowBytes !== undefined && name.startsWith('r') && neighbour.startsWith('r');
        return { name: neighbour, role: 'peer', mtu: isNarrow ? narrowBytes : FACE_MTU } as const;
      }),
    }),
  });
  made.settle();
  return made;
}

/** A long stream both ways between the hosts. Returns what went wrong. */
function talk({ network, node }: { network: SimNetwork; node: (name: string) => SimNode }, bytes: number): string | undefined {
  const [one, two] = [node('h1'), node('h2')];
  const sid = new Xid(PrincipalType.SID, network.rng.bytes(20));
  const ends: [Talker, Talker] = [new Talker(one, 1, 2), new Talker(two, 2, 1)];
  const conversation = new Conversation(ends);
  new StreamRouter(two).listen(sid, ends[1].handlerOf);
  new StreamRouter(one).connect(two.stack.dag(sid), new Xid(PrincipalType.SID, network.rng.bytes(20)), ends[0].handlerOf);
  network.runFor(200);
  for (let round = 0; round < 20; round++) {
    conversation.speak(bytes / 20);
    network.runFor(100);
  }
  conversation.stop();
  conversation.speak(100);
  network.runUntil(() => conversation.isOver, 60_000);
  return conversation.isOver ? conversation.fault() : 'it did not end';
}

/** One host fetches a chunk of the other. Returns how long it took, ms; undefined when it failed. */
function fetch({ network, node }: { network: SimNetwork; node: (name: string) => SimNode }, bytes: number): number | undefined {
  const [one, two] = [node('h1'), node('h2')];
  const content = network.rng.bytes(bytes);
  const id = network.crypto.hash(content);
  two.enter((now) => two.stack.content.publish(id, content, now));
  const dag = contentDag(two.stack.ad, two.stack.hid, new Xid(PrincipalType.CID, id));
  let event: FetchEvent | undefined;
  const next = one.onEvent;
  one.onEvent = (heard) => (heard.layer === 'fetch' ? (event = heard.event) : next(heard));
  const beganMs = network.now;
  one.enter((now) => one.stack.fetcher.fetch(dag, now, { id: 1 }));
  network.runUntil(() => event !== undefined, 60_000);
  one.onEvent = next;
  return event?.kind === 'done' && Buffer.compare(event.bytes, content) === 0 ? network.now - beganMs : undefined;
}

describe('a path that carries less than the faces of its ends', () => {
  it.each([1252, 1300, 700])('is found out where its narrow face says so, %i bytes', (narrowBytes) => {
    const net = world(narrowBytes, 'delay=5ms', narrowBytes);
    const view = { network: net.network, node: (name: string) => net.node(name) };
    expect(talk(view, 100_000)).toBeUndefined();
    expect(fetch(view, 200_000)).toBeLessThan(1500);
    const { stack } = net.node('h1');
    expect(stack.mtuTowards(net.node('h2').stack.dag())).toBe(narrowBytes);
    expect(stack.counters()['pathMtu']).toMatchObject({ unsent: 0 });
    expect(stack.counters()['pathMtu']!['believed']).toBeGreaterThan(0);
    for (const name of ['h1', 'r1', 'r2', 'h2']) expect(imbalances(net.node(name).stack.counters())).toEqual([]);
  });

  for (const [middle, what] of [
    ['delay=5ms mtu=1252', 'from the beginning'],
    ['delay=27ms rate=200Mbit mtu-drop=0.3s/1252', 'after a while'],
    ['delay=5ms mtu=1252 loss=2%', 'and loses others, too'],
    ['delay=5ms mtu=1252 jitter=3ms/reorders', 'and reorders'],
  ] as const) {
    it(`is found out where a link drops what is too large without a word, ${what}`, () => {
      for (let seed = 0; seed < 8; seed++) {
        const net = world(seed, middle);
        const view = { network: net.network, node: (name: string) => net.node(name) };
        expect(talk(view, 200_000), `seed ${seed}`).toBeUndefined();
        expect(fetch(view, 300_000), `seed ${seed}`).toBeLessThan(10_000);
        expect(fetch(view, 100_000), `seed ${seed} again`).toBeLessThan(5_000);
      }
    });
  }

  it('is known to all that a host sends there, once a stream has found it out', () => {
    const net = world(1, 'delay=5ms mtu=1252');
    const view = { network: net.network, node: (name: string) => net.node(name) };
    const [one, two] = [net.node('h1').stack, net.node('h2').stack.dag()];
    const socket = one.datagrams.open();
    const before = socket.largestPayload(two);
    expect(talk(view, 1_000_000)).toBeUndefined();
    const found = one.mtuTowards(two);
    expect(found).toBeGreaterThanOrEqual(1200);
    expect(found).toBeLessThanOrEqual(1252);
    expect(before - socket.largestPayload(two)).toBe(FACE_MTU - found);
    expect(net.node('h1').enter(() => socket.send(two, new Uint8Array(socket.largestPayload(two) + 1)))).toBe(false);
    expect(net.node('h1').enter(() => socket.send(two, new Uint8Array(socket.largestPayload(two))))).toBe(true);
    net.network.runFor(600_000);
    expect(one.mtuTowards(two)).toBe(FACE_MTU);
  });
});
