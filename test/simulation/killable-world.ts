import { PrincipalType, serviceDag, Xid, xidOf, type LinkShape, type StackEvent } from 'xia-core';
import { addApplication, addRouter } from './domains.js';
import { SimNetwork, type Link, type SimNode, type SimNodeOptions } from './network.js';
import { simIdentity } from './sim-identity.js';

export const IDLE_TIMEOUT_MS = 1500;
export const SERVICE = Xid.of(PrincipalType.SID, '5e'.repeat(20));
export const CLIENT_SID = Xid.of(PrincipalType.SID, 'c1'.repeat(20));

/** A node that may be killed: everything that it knew is lost, and what is under way to it. */
export interface Place {
  node: SimNode;
  readonly links: Link[];
  readonly start: () => SimNode;
}

/** A client and a server in two domains, and their routers between them; each can be killed, and started again with its key. */
export class KillableWorld {
  readonly network: SimNetwork;
  readonly client: Place;
  readonly server: Place;
  readonly near: Place;
  readonly far: Place;
  readonly #ad: Xid;

  constructor(seed: number, shape: LinkShape, limits: Pick<SimNodeOptions, 'streamLimits' | 'fetchLimits'>) {
    const network = new SimNetwork(seed);
    this.network = network;
    const keys = Array.from({ length: 6 }, () => simIdentity(network.rng));
    const place = (start: () => SimNode): Place => ({ node: start(), links: [], start });
    const router = (index: number) =>
      place(() => addRouter(network, `R${index}`, 1, 1, { identity: keys[index]!, adIdentity: keys[index + 2]! }).node);
    const application = (name: string, key: number) => place(() => addApplication(network, name, { identity: keys[key]!, ...limits }));
    [this.near, this.far] = [router(0), router(1)];
    [this.client, this.server] = [application('CLIENT', 4), application('SERVER', 5)];
    this.#ad = xidOf(PrincipalType.AD, keys[3]!);
    this.#join(this.near, 'peer0', this.far, 'peer0', shape);
    this.#join(this.client, 'up', this.near, 'access0', shape);
    this.#join(this.server, 'up', this.far, 'access0', shape);
    network.start();
  }

  /** Runs until both programs are attached and the routers know each other. */
  settle(): boolean {
    const attached = () => [this.client, this.server].every(({ node }) => node.stack.mobility.attachment !== undefined);
    if (!this.network.runUntil(attached, 5000)) return false;
    // And the routers have found the ways.
    this.network.runFor(1500);
    return true;
  }

  /** Where the server's service is. */
  get service() {
    return serviceDag(this.#ad, this.server.node.stack.hid, SERVICE);
  }

  get domain(): Xid {
    return this.#ad;
  }

  kill(place: Place): void {
    place.node.pause();
  }

  /** The same node, as it starts: with its key and nothing else. */
  restart(place: Place): SimNode {
    const dead = place.node;
    const fresh = place.start();
    place.node = fresh;
    for (const [index, link] of place.links.entries()) {
      const renewed = this.network.reconnect(link, dead, fresh);
      for (const other of [this.client, this.server, this.near, this.far]) {
        const at = other.links.indexOf(link);
        if (at >= 0) other.links[at] = renewed;
      }
      place.links[index] = renewed;
    }
    this.network.nodes.splice(this.network.nodes.indexOf(dead), 1);
    fresh.enter((now) => fresh.stack.handleTimeout(now));
    return fresh;
  }

  #join(a: Place, aFace: string, b: Place, bFace: string, shape: LinkShape): void {
    const link = this.network.connect(a.node, aFace, b.node, bFace, shape);
    a.links.push(link);
    b.links.push(link);
  }
}

/** Gauges of a node that must be empty when nothing is under way any more. What a cache has of a chunk waits for the rest, within its bound. */
const TRANSIENT =
  /^(streams|ended streams|largest send buffer|largest receive buffer|fetches|fetched bytes|packets to itself|longest datagram queue|largest datagram queue)$/;

/** What a node still holds of transports, in words. */
export function leftovers({ name, stack }: SimNode): string[] {
  return stack
    .gauges()
    .filter((gauge) => TRANSIENT.test(gauge.name) && gauge.used > 0)
    .map((gauge) => `${name}: ${gauge.used} ${gauge.unit} of ${gauge.name}`);
}

/** Passes the events of one layer of a node on, and leaves the others to whoever had them. */
export function onLayer<Layer extends StackEvent['layer']>(
  node: SimNode,
  layer: Layer,
  handler: (event: Extract<StackEvent, { layer: Layer }>) => void,
): void {
  const next = node.onEvent;
  node.onEvent = (event) => {
    if (event.layer === layer) handler(event as Extract<StackEvent, { layer: Layer }>);
    else next(event);
  };
}
