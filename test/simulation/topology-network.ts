import {
  PrincipalType,
  xidOf,
  sealCertificate,
  type Identity,
  type Topology,
  type TopologyLink,
  type TopologyNode,
  type Xid,
} from 'xia-core';
import type { Link, SimNetwork, SimNode, SimNodeOptions } from './network.js';
import { simIdentity } from './sim-identity.js';

export interface TopologyOptions {
  /**
   * `static`: every node has its address and the shortest ways to all others from the beginning, and nothing but what the
   * test sends is on the links. `found`: hosts attach, and routers find the ways by link-state routing, as in production.
   */
  readonly ways: 'static' | 'found';
  /** MTU of every face, bytes. Default 1472. */
  readonly mtu?: number;
  /** More options of a node, by its name. */
  readonly node?: (name: string) => Partial<SimNodeOptions>;
}

interface Keys {
  readonly identity: Identity;
  readonly adIdentity: Identity;
}

/** A simulated network as a topology describes it. Each node has one face for each of its links, named like the other end. */
export class TopologyNetwork {
  readonly network: SimNetwork;
  readonly #topology: Topology;
  readonly #options: TopologyOptions;
  readonly #keys = new Map<string, Keys>();
  readonly #nodes = new Map<string, SimNode>();
  readonly #links: Link[] = [];

  constructor(network: SimNetwork, topology: Topology, options: TopologyOptions) {
    this.network = network;
    this.#topology = topology;
    this.#options = options;
    const ads = new Map<string, Identity>();
    for (const { name, ad } of topology.nodes) {
      const adIdentity = ads.get(ad) ?? simIdentity(network.rng);
      ads.set(ad, adIdentity);
      this.#keys.set(name, { identity: simIdentity(network.rng), adIdentity });
    }
    for (const node of topology.nodes) this.#add(node);
    for (const { ends, there, back } of topology.links) {
      const [a, b] = ends;
      this.#links.push(network.connect(this.node(a), b, this.node(b), a, there, back));
    }
    if (options.ways === 'static') for (const { name } of topology.nodes) this.#route(name);
  }

  node(name: string): SimNode {
    return this.#nodes.get(name)!;
  }

  /** The link between two nodes. */
  link(a: string, b: string): Link {
    return this.#links[this.#topology.links.findIndex(({ ends }) => ends.includes(a) && ends.includes(b))]!;
  }

  /** Starts every node and, when ways are found, waits until all hosts have attached and every router knows every AD. */
  settle(limitMs = 10_000): boolean {
    this.network.start();
    return this.network.runUntil(() => this.#options.ways === 'static' || this.#isReady(), limitMs);
  }

  /** A node comes back with its key and nothing that it remembered. What its links carry at the time is lost. */
  restart(name: string): SimNode {
    const dead = this.node(name);
    dead.pause();
    const { network } = this;
    network.nodes.splice(network.nodes.indexOf(dead), 1);
    const fresh = this.#add(this.#topology.nodes.find((node) => node.name === name)!);
    for (const [index, { ends }] of this.#topology.links.entries()) {
      if (ends.includes(name)) this.#links[index] = network.reconnect(this.#links[index]!, dead, fresh);
    }
    if (this.#options.ways === 'static') this.#route(name);
    fresh.enter((now) => fresh.stack.handleTimeout(now));
    return fresh;
  }

  #isReady(): boolean {
    const routers = this.#topology.nodes.filter(({ role }) => role === 'router');
    const ads = routers.map(({ name }) => this.#ad(name));
    return this.#topology.nodes.every(({ name, role }) => {
      const { stack } = this.node(name);
      if (role === 'host') return stack.mobility.attachment !== undefined;
      return ads.every((ad) => stack.engine.isLocal(ad) || stack.engine.nextHop(ad) !== undefined);
    });
  }

  #ad(name: string): Xid {
    return xidOf(PrincipalType.AD, this.#keys.get(name)!.adIdentity);
  }

  #add(node: TopologyNode): SimNode {
    const { name, role } = node;
    const { identity, adIdentity } = this.#keys.get(name)!;
    const { ways, mtu = 1472, node: more } = this.#options;
    const neighbours = this.#topology.links.flatMap(({ ends }) => (ends.includes(name) ? [otherEnd(ends, name)] : []));
    const roleOf = (neighbour: string) => this.#topology.nodes.find((one) => one.name === neighbour)!.role;
    const faces = neighbours.map((neighbour) => {
      const faceRole = role === 'host' ? 'uplink' : ways === 'found' && roleOf(neighbour) === 'host' ? 'access' : 'peer';
      return { name: neighbour, role: ways === 'static' ? 'peer' : faceRole, mtu } as const;
    });
    const ad = this.#ad(name);
    const common = { identity, faces, ...(ways === 'static' ? { routing: false as const } : {}), ...more?.(name) };
    // With static ways a host is told where it is, as a router is.
    const isTold = role === 'router' || ways === 'static';
    const certificate = () =>
      sealCertificate({ ad, hid: xidOf(PrincipalType.HID, identity), notBefore: 0, notAfter: 4_000_000_000_000 }, adIdentity);
    const made = this.network.add(name, {
      ...common,
      role: isTold ? { kind: 'router', ad, certificate: certificate() } : { kind: 'host' },
    });
    this.#nodes.set(name, made);
    return made;
  }

  /** Static routes of a node to all others. */
  #route(name: string): void {
    const { stack } = this.node(name);
    for (const [to, first] of firstHops(this.#topology, name)) {
      const hop = { face: stack.faces.byName(first)!, neighbour: 1 };
      const ad = this.#ad(to);
      stack.addRoute(this.node(to).stack.hid, hop);
      if (!stack.engine.isLocal(ad) && stack.engine.nextHop(ad) === undefined) stack.addRoute(ad, hop);
    }
  }
}

function otherEnd(ends: TopologyLink['ends'], name: string): string {
  return ends[0] === name ? ends[1] : ends[0];
}

/** For each other node that can be reached, nearest first, the neighbour by which the way with the least delay begins. Only routers carry on. */
function firstHops({ nodes, links }: Topology, from: string): Map<string, string> {
  const first = new Map<string, string>();
  const distance = new Map([[from, 0]]);
  const open = new Set([from]);
  const settled: string[] = [];
  while (open.size > 0) {
    const next = [...open].reduce((best, name) => (distance.get(name)! < distance.get(best)! ? name : best));
    open.delete(next);
    settled.push(next);
    if (next !== from && nodes.find(({ name }) => name === next)!.role === 'host') continue;
    for (const { ends, there, back } of links) {
      if (!ends.includes(next)) continue;
      const to = otherEnd(ends, next);
      const length = distance.get(next)! + 0.001 + (ends[0] === next ? there : back).delayMs;
      if (length >= (distance.get(to) ?? Infinity)) continue;
      distance.set(to, length);
      first.set(to, next === from ? to : first.get(next)!);
      open.add(to);
    }
  }
  return new Map(settled.filter((name) => name !== from).map((name) => [name, first.get(name)!]));
}
