import { describe, expect, it } from 'vitest';
import { contentDag, hostDag, NextHeader, PrincipalType, Xid, XipView, type Beacon, type Dag, type LinkShape } from 'xia-core';
import { imbalances } from './accounts.js';
import { addApplication, addRouter } from './domains.js';
import { beaconIn, floods, requestAs, type Prey } from './floods.js';
import { SimNetwork, type SimNode } from './network.js';
import { simCrypto } from './sim-identity.js';

const LINK: LinkShape = { delayMs: 1 };
const SERVICE = Xid.of(PrincipalType.SID, '5e'.repeat(20));
const PING_EVERY_MS = 5;
/** An echo that was not answered by then is lost. */
const PATIENCE_MS = 100;

/** An echo flow of a node, as xping makes it. */
class Pinger {
  readonly answered = new Map<number, string>();
  readonly #id: number;
  readonly #node: SimNode;
  sent = 0;

  constructor(node: SimNode) {
    this.#node = node;
    this.#id = node.stack.echoes.open(({ sequence, kind }) => this.answered.set(sequence, kind));
  }

  get lost(): number {
    return this.sent - this.answered.size;
  }

  ping(to: Dag, hopLimit?: number): void {
    const { stack } = this.#node;
    const sequence = this.sent++;
    this.#node.enter((now) => stack.sendEcho(to, stack.echoes.message(this.#id, sequence, new Uint8Array(64)), hopLimit, now));
  }
}

/** A router with a victim and an attacker on faces of their own, and a service behind the next router. */
class Siege {
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  readonly victim: SimNode;
  readonly attacker: SimNode;
  readonly router: SimNode;
  readonly service: SimNode;
  readonly pinger: Pinger;
  readonly core: ReturnType<SimNetwork['connect']>;
  readonly prey: Prey;
  #beacon: Beacon | undefined;

  constructor(seed: number, core: LinkShape = LINK) {
    const network = new SimNetwork(seed);
    this.network = network;
    const limits = { mobilityLimits: { maxBindings: 128 } };
    const here = addRouter(network, 'R1', 1, 3, limits);
    const there = addRouter(network, 'R2', 1, 1, limits);
    this.router = here.node;
    this.service = addApplication(network, 'SERVICE', { streamLimits: { maxConnections: 64 } });
    this.victim = addApplication(network, 'VICTIM');
    this.attacker = addApplication(network, 'ATTACKER');
    this.nodes = [here.node, there.node, this.service, this.victim];
    here.node.stack.addRoute(there.ad, { face: here.node.stack.faces.byName('peer0')!, neighbour: 0 });
    there.node.stack.addRoute(here.ad, { face: there.node.stack.faces.byName('peer0')!, neighbour: 0 });
    this.core = network.connect(here.node, 'peer0', there.node, 'peer0', core);
    network.connect(this.victim, 'up', here.node, 'access0', LINK);
    network.connect(this.attacker, 'up', here.node, 'access1', LINK);
    network.connect(this.service, 'up', there.node, 'access0', LINK);
    network.onPacket = (packet, { node }) => {
      if (node === this.attacker) this.#beacon = beaconIn(packet) ?? this.#beacon;
    };
    this.service.stack.bindService(SERVICE);
    this.service.stack.streams.listen(SERVICE, { backlog: 64 });
    network.start();
    network.runFor(500);
    this.pinger = new Pinger(this.victim);
    this.prey = {
      rng: network.rng,
      ad: here.ad,
      router: here.node.stack.hid,
      service: { ad: there.ad, hid: this.service.stack.hid, sid: SERVICE },
      beacon: () => this.#beacon!,
    };
  }

  /** Pings the service for a while, with so many packets of a flood each millisecond. */
  flood(make: (prey: Prey) => Uint8Array, packetsPerMs: number, forMs: number): void {
    const { network, attacker } = this;
    for (let at = 0; at < forMs; at++) {
      if (at % PING_EVERY_MS === 0) this.pinger.ping(this.service.stack.dag());
      for (let count = 0; count < packetsPerMs; count++) network.transmit(attacker, 1, make(this.prey));
      network.runFor(1);
    }
    network.runFor(PATIENCE_MS);
  }

  /** What is wrong with the nodes, in words. */
  faults(): string[] {
    return this.nodes.flatMap(({ name, stack }) => [
      ...imbalances(stack.counters()).map((fault) => `${name} ${fault}`),
      ...stack
        .gauges()
        .filter(({ used, highWater, bound }) => !(used <= highWater && highWater <= bound))
        .map((gauge) => `${name} ${JSON.stringify(gauge)}`),
    ]);
  }
}

describe('a flood', () => {
  it.each(Object.entries(floods))('of %s takes nothing from an echo flow beside it', (_what, make) => {
    const siege = new Siege(1);
    siege.flood(make, 8, 600);
    expect(siege.pinger.sent).toBe(120);
    expect(siege.pinger.lost).toBe(0);
    expect(siege.faults()).toEqual([]);
  });

  it('of everything at once, twice what a link carries, costs the echo flow no more than its share of the link', () => {
    const siege = new Siege(2, { delayMs: 1, bytesPerSecond: 1_000_000, queueBytes: 50_000 });
    const kinds = Object.values(floods);
    const { 'echoes to the service': through } = floods;
    // Two thirds of the load that is too much are echoes that have to pass the link.
    siege.flood((prey) => (prey.rng.below(3) > 0 ? through! : kinds[prey.rng.below(kinds.length)]!)(prey), 9, 1500);
    const { pinger, core, router } = siege;
    const { forwarding } = router.stack.counters();
    const offered = forwarding!['forwarded']!;
    const dropped = core.dropped / offered;
    expect(dropped, 'the link is overloaded').toBeGreaterThan(0.2);
    expect(pinger.lost / pinger.sent).toBeLessThan(2 * dropped);
    expect(pinger.answered.size, 'some get through').toBeGreaterThan(pinger.sent / 4);
    expect(siege.faults()).toEqual([]);
    const before = pinger.lost;
    siege.flood((prey) => prey.rng.bytes(1), 1, 300);
    expect(pinger.lost, 'nothing is lost once it is over').toBe(before);
  });

  it('does not silence the errors about the packets of somebody else', () => {
    const siege = new Siege(3);
    const { network, pinger, attacker, prey, service } = siege;
    const nowhere = hostDag(new Xid(PrincipalType.AD, network.rng.bytes(20)), service.stack.hid);
    for (let at = 0; at < 500; at++) {
      for (let count = 0; count < 8; count++) network.transmit(attacker, 1, floods['unknown ADs']!(prey));
      // At once, or it would not be known whether the budget was full by then.
      if (at % 50 === 25) pinger.ping(nowhere);
      if (at % 50 === 30) pinger.ping(service.stack.dag(), 1);
      network.runFor(1);
    }
    network.runFor(PATIENCE_MS);
    expect(siege.router.stack.counters()['xcmp']!['errorsLimited'], 'the attacker is limited').toBeGreaterThan(3000);
    const kinds = [...pinger.answered.values()].toSorted();
    expect(kinds).toEqual([...Array.from({ length: 10 }, () => 'time-exceeded'), ...Array.from({ length: 10 }, () => 'unreachable')]);
  });

  it('of bindings leaves room for whoever comes by another face', () => {
    const siege = new Siege(4);
    const { network, router } = siege;
    const bindings = () => router.stack.gauges().find(({ name }) => name === 'bindings')!;
    siege.flood(floods['bindings of many HIDs']!, 2, 500);
    expect(bindings()).toMatchObject({ bound: 128, refused: expect.any(Number) });
    expect(bindings().refused).toBeGreaterThan(100);
    expect(bindings().used).toBeLessThan(100);
    const newcomer = addApplication(network, 'NEWCOMER');
    network.connect(newcomer, 'up', router, 'access2', LINK);
    newcomer.enter((now) => newcomer.stack.handleTimeout(now));
    siege.flood(floods['bindings of many HIDs']!, 2, 500);
    expect(newcomer.stack.mobility.attachmentState).toBe('bound');
    expect(siege.faults()).toEqual([]);
  });

  it('of requests in the name of somebody else is answered up to a budget, and who asks for himself gets all', () => {
    const siege = new Siege(5, { delayMs: 1 });
    const { network, router, attacker, victim, service } = siege;
    const content = network.rng.bytes(256 * 1024);
    const cid = new Xid(PrincipalType.CID, simCrypto.hash(content).slice(0, 20));
    router.enter((now) => router.stack.content.publish(cid.id, content, now));
    const chunk = contentDag(siege.prey.ad, router.stack.hid, cid);
    let answered = 0;
    let bytesToService = 0;
    network.onPacket = (packet, { node }) => {
      const view = new XipView();
      if (view.reset(packet) !== undefined || view.nextHeader !== NextHeader.CHUNK) return;
      if (node === service) bytesToService += packet.length;
      if (node === attacker) answered += packet.length;
    };
    for (let count = 0; count < 200; count++) {
      network.transmit(attacker, 1, requestAs(service.stack.dag(), chunk));
      network.runFor(1);
    }
    network.runFor(PATIENCE_MS);
    expect(router.stack.counters()['delivery']!['answer-limited']).toBeGreaterThan(100);
    expect(bytesToService).toBeGreaterThan(8 * 1024 * 1024);
    // The burst, what comes in for 0.2 s, and headers.
    expect(bytesToService).toBeLessThan(1.2 * (8 + 32 * 0.2) * 1024 * 1024);
    const limited = router.stack.counters()['delivery']!['answer-limited'];
    for (let count = 0; count < 100; count++) network.transmit(attacker, 1, requestAs(attacker.stack.dag(), chunk));
    network.runFor(PATIENCE_MS);
    expect(answered, 'what goes back to who asked has no limit').toBeGreaterThan(100 * content.length);
    victim.enter((now) => victim.stack.fetcher.fetch(chunk, now, { id: 1, length: content.length }));
    network.runFor(500);
    expect(victim.stack.counters()['fetcher']).toMatchObject({ done: 1 });
    expect(router.stack.counters()['delivery']!['answer-limited']).toBe(limited);
    expect(siege.faults()).toEqual([]);
  });
});
