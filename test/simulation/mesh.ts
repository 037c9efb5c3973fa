import { PrincipalType, xidOf, type Dag, type Identity, type LinkShape, type Xid } from 'xia-core';
import { addApplication, addHost, addRouter } from './domains.js';
import { SimNetwork, type Link, type SimNode } from './network.js';
import { simIdentity } from './sim-identity.js';

const PEERS = 4;
const ACCESSES = 4;

/** Routers of some ADs and the links between them, all found by link-state routing; hosts, and machines that move. */
export class Mesh {
  readonly network: SimNetwork;
  readonly shape: LinkShape;
  readonly routers = new Map<string, SimNode>();
  readonly #ads = new Map<string, Identity>();
  readonly #identities = new Map<string, Identity>();
  readonly #links = new Map<string, Link>();
  readonly #peersUsed = new Map<string, number>();
  readonly #accessesUsed = new Map<string, number>();

  constructor(seed: number, shape: LinkShape = { delayMs: 1 }) {
    this.network = new SimNetwork(seed);
    this.shape = shape;
  }

  /** A ring: AD1 with the border routers R1A and R1B, R2 of AD2, R3 of AD3. */
  static ring(seed: number, shape?: LinkShape): Mesh {
    const mesh = new Mesh(seed, shape);
    for (const [name, ad] of [
      ['R1A', 'AD1'],
      ['R1B', 'AD1'],
      ['R2', 'AD2'],
      ['R3', 'AD3'],
    ] as const) {
      mesh.router(name, ad);
    }
    for (const [a, b] of ['R1A-R1B', 'R1A-R2', 'R2-R3', 'R3-R1B'].map((link) => link.split('-'))) mesh.link(a!, b!);
    return mesh;
  }

  ad(name: string): Xid {
    return xidOf(PrincipalType.AD, this.#ads.get(name)!);
  }

  router(name: string, ad: string): SimNode {
    const adIdentity = this.#ads.get(ad) ?? simIdentity(this.network.rng);
    const identity = this.#identities.get(name) ?? simIdentity(this.network.rng);
    this.#ads.set(ad, adIdentity);
    this.#identities.set(name, identity);
    const { node } = addRouter(this.network, name, PEERS, ACCESSES, { adIdentity, identity, mobilityLimits: { maxMoves: 1e6 } });
    this.routers.set(name, node);
    return node;
  }

  link(a: string, b: string): void {
    const face = (name: string) => {
      const used = this.#peersUsed.get(name) ?? 0;
      this.#peersUsed.set(name, used + 1);
      return `peer${used}`;
    };
    this.#links.set(`${a}-${b}`, this.network.connect(this.routers.get(a)!, face(a), this.routers.get(b)!, face(b), this.shape));
  }

  /** Loses everything on a link, and nobody is told; or carries again. */
  setLink(name: string, up: boolean): void {
    this.#links.get(name)!.up = up;
  }

  /** A host at a router. */
  host(name: string, router: string): SimNode {
    const host = addHost(this.network, name, ACCESSES);
    this.network.connect(host, 'up', this.routers.get(router)!, this.#access(router), this.shape);
    return host;
  }

  /** A host with a link to each of some routers. */
  hostBetween(name: string, routers: readonly string[]): SimNode {
    const ups = routers.map((_, index) => ({ name: `up${index}`, role: 'uplink', mtu: 1472 }) as const);
    const accesses = [0, 1].map((index) => ({ name: `access${index}`, role: 'access', mtu: 1472 }) as const);
    const host = this.network.add(name, {
      identity: simIdentity(this.network.rng),
      role: { kind: 'host' },
      faces: [...ups, ...accesses],
    });
    for (const [index, router] of routers.entries()) {
      this.network.connect(host, `up${index}`, this.routers.get(router)!, this.#access(router), this.shape);
    }
    return host;
  }

  /** A program or machine at a router, or on a host. */
  application(name: string, at: SimNode | string): SimNode {
    const node = addApplication(this.network, name);
    this.plug(node, at);
    return node;
  }

  /** Connects a machine, elsewhere than before. */
  plug(node: SimNode, at: SimNode | string): void {
    const old = node.links.get(node.stack.faces.byName('up')!);
    if (old !== undefined) this.network.disconnect(old);
    const place = typeof at === 'string' ? this.routers.get(at)! : at;
    this.network.connect(node, 'up', place, this.#access(place.name), { delayMs: 0.05 });
    node.enter((now) => node.stack.mobility.hint('link', now));
  }

  /** A killed router comes back with its key and without a memory. */
  restart(name: string, ad: string): SimNode {
    const dead = this.routers.get(name)!;
    this.network.nodes.splice(this.network.nodes.indexOf(dead), 1);
    const fresh = this.router(name, ad);
    for (const [face, link] of dead.links) {
      const other = link.ends.find(({ node }) => node !== dead)!;
      const otherFace = other.node.stack.faces.get(other.face)!.name;
      const renewed = this.network.connect(fresh, fresh.stack.faces.get(face)!.name, other.node, otherFace, this.shape);
      for (const [key, known] of this.#links) if (known === link) this.#links.set(key, renewed);
    }
    fresh.enter((now) => fresh.stack.handleTimeout(now));
    return fresh;
  }

  /** Starts everybody and waits until every router knows every AD. */
  settle(limitMs = 5000): boolean {
    this.network.start();
    const attaching = () => this.network.nodes.filter((node) => node.stack.mobility.attachmentState !== undefined);
    const isReady = () => this.converged() && attaching().every((node) => node.stack.mobility.attachment !== undefined);
    return this.network.runUntil(isReady, limitMs);
  }

  converged(): boolean {
    const ads = [...this.#ads.values()].map((identity) => xidOf(PrincipalType.AD, identity));
    return [...this.routers.values()].every(({ stack }) => ads.every((ad) => stack.engine.isLocal(ad) || stack.engine.nextHop(ad)));
  }

  /** The names of nodes that packets for `hid` pass again and again, if they do from anywhere. */
  loop(hid: Xid): string[] | undefined {
    for (const start of this.network.nodes) {
      const path: SimNode[] = [];
      for (let node: SimNode | undefined = start; node !== undefined; node = nextNode(node, hid)) {
        path.push(node);
        if (path.indexOf(node) < path.length - 1) return path.map(({ name }) => name);
      }
    }
    return undefined;
  }

  /** Runs, and looks for a loop after everything that happens. Returns the first one. */
  runChecked(hid: Xid, ms: number): string[] | undefined {
    let loop: string[] | undefined;
    this.network.runUntil(() => (loop ??= this.loop(hid)) !== undefined, ms);
    return loop;
  }

  #access(name: string): string {
    const used = this.#accessesUsed.get(name) ?? 0;
    this.#accessesUsed.set(name, (used + 1) % ACCESSES);
    return `access${used}`;
  }
}

function nextNode(node: SimNode, hid: Xid): SimNode | undefined {
  if (node.stack.hid.equals(hid)) return undefined;
  const hop = node.stack.engine.nextHop(hid);
  const link = hop === undefined ? undefined : node.links.get(hop.face);
  return link?.ends.find((port) => port.node !== node)?.node;
}

/** Echoes at an interval, and when they were answered. */
export class Pinger {
  readonly sentAt: number[] = [];
  readonly answered = new Map<number, number>();
  #stopped = false;

  constructor(mesh: Mesh, from: SimNode, to: () => Dag, intervalMs = 20) {
    const { network } = mesh;
    const { echoes } = from.stack;
    const id = echoes.open((answer, now) => {
      if (answer.kind === 'reply') this.answered.set(answer.sequence, now);
    });
    const ask = (): void => {
      if (this.#stopped) return;
      const sequence = this.sentAt.push(network.now) - 1;
      from.enter((now) => from.stack.sendEcho(to(), echoes.message(id, sequence, new Uint8Array(8)), undefined, now));
      network.queue.at(network.now + intervalMs, ask);
    };
    ask();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The longest time between two answers in a row, and from the last one to `now`. */
  longestGapMs(now: number): number {
    const times = [...this.answered.values(), now].toSorted((a, b) => a - b);
    let longest = 0;
    for (let index = 1; index < times.length; index++) longest = Math.max(longest, times[index]! - times[index - 1]!);
    return longest;
  }
}
