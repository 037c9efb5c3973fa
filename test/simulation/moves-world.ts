import { PrincipalType, xidOf, type Identity, type LinkShape, type RoleOptions, type Xid } from 'xia-core';
import { addApplication, addHost, addRouter } from './domains.js';
import { placesOf, RouteInvariants } from './invariants.js';
import type { MovesPlan, Step } from './moves-plan.js';
import { SimNetwork, type SimNode } from './network.js';
import { simIdentity } from './sim-identity.js';

/** Slower than by default: what is waited for is asked for, and the rest costs time. */
const BEACON = { intervalMs: 400, lifetimeMs: 4000 };
const ROUTING = { helloMs: 300, deadMs: 1200 };
/** The link between a host and what runs on the same machine. */
const LOCAL: LinkShape = { delayMs: 0.05 };
/** Renewed at a third of it, which is what finds a router that has restarted. */
const LIFETIME_MS = 6000;

/** A plan's network in virtual time, with the ways to its VMs watched. */
export class MovesWorld {
  readonly network: SimNetwork;
  readonly routers: SimNode[] = [];
  readonly hosts: SimNode[] = [];
  readonly vms: SimNode[] = [];
  readonly ads: readonly Xid[];
  readonly invariants: RouteInvariants;
  /** A step is about to be done; `fresh` is the router that has just restarted. */
  onStep: (step: Step, fresh?: SimNode) => void = () => {};
  /** The host of each VM, and the router of each host. */
  readonly #places: number[];
  readonly #gateways: number[];
  readonly plan: MovesPlan;
  readonly #adIdentities: readonly Identity[];
  readonly #routerIdentities: readonly Identity[];
  #seen = -1;
  #unreached: string | undefined;

  constructor(plan: MovesPlan) {
    const network = new SimNetwork(plan.seed);
    this.network = network;
    this.plan = plan;
    const identities = (count: number) => Array.from({ length: count }, () => simIdentity(network.rng));
    this.#adIdentities = identities(plan.ads);
    this.#routerIdentities = identities(plan.routers.length);
    this.ads = this.#adIdentities.map((identity) => xidOf(PrincipalType.AD, identity));
    this.#gateways = [...plan.hosts];
    this.#places = [...plan.vms];
    for (const index of plan.routers.keys()) this.routers.push(this.#router(index));
    const attach = { lifetimeMs: LIFETIME_MS };
    for (const [index, router] of plan.hosts.entries()) {
      const role: RoleOptions = { kind: 'host', attach };
      const host = addHost(network, `H${index + 1}`, plan.vms.length, { role });
      this.hosts.push(host);
      network.connect(host, 'up', this.routers[router]!, `access${index}`, plan.shape);
    }
    for (const [index, host] of plan.vms.entries()) {
      const vm = addApplication(network, `VM${index + 1}`, { role: { kind: 'application', attach } });
      this.vms.push(vm);
      network.connect(vm, 'up', this.hosts[host]!, `access${index}`, LOCAL);
    }
    for (const [a, b] of plan.links) {
      network.connect(this.routers[a]!, this.#peerFace(a, b), this.routers[b]!, this.#peerFace(b, a), plan.shape);
    }
    for (const index of plan.routers.keys()) this.#route(index);
    const hids = this.vms.map(({ stack }) => stack.hid);
    this.invariants = new RouteInvariants(network, hids, this.ads);
    network.start();
  }

  /** Whether everybody is where the plan has put it, and reached by every address that it has had. */
  isSettled(): boolean {
    const { changes } = this.invariants;
    const isBound = (node: SimNode, at: SimNode): boolean => {
      const { attachment, attachmentState } = node.stack.mobility;
      return attachmentState === 'bound' && attachment?.accessPoint.equals(at.stack.hid) === true;
    };
    if (!this.hosts.every((host, index) => isBound(host, this.routers[this.#gateways[index]!]!))) return false;
    if (!this.vms.every((vm, index) => isBound(vm, this.hosts[this.#places[index]!]!))) return false;
    if (changes !== this.#seen) {
      this.#seen = changes;
      this.#unreached = this.#firstUnreached();
    }
    return this.#unreached === undefined;
  }

  /** Why it is not settled, in words. */
  unsettled(): string {
    const states = [...this.hosts, ...this.vms].map(({ name, stack }) => `${name} ${stack.mobility.attachmentState}`).join(', ');
    return `${this.#unreached ?? this.#firstUnreached() ?? 'all reached'}; ${states}`;
  }

  do(step: Step): void {
    if (step.kind !== 'restart') this.onStep(step);
    if (step.kind === 'vm') {
      this.#places[step.vm] = step.host;
      this.#plug(this.vms[step.vm]!, this.hosts[step.host]!, `access${step.vm}`, LOCAL, step.hinted);
      if (step.announced) this.#announce(step);
    } else if (step.kind === 'prepare') {
      this.#prepare(step);
    } else if (step.kind === 'host') {
      this.#gateways[step.host] = step.router;
      this.#plug(this.hosts[step.host]!, this.routers[step.router]!, `access${step.host}`, this.plan.shape, true);
    } else {
      this.#restart(step);
    }
  }

  #firstUnreached(): string | undefined {
    for (const vm of this.vms) {
      const places = placesOf(this.network, vm);
      const unreached = places === undefined ? `${vm.name} is not bound` : this.invariants.unreached(vm.stack.hid, places);
      if (unreached !== undefined) return unreached;
    }
    return undefined;
  }

  #plug(node: SimNode, at: SimNode, face: string, shape: LinkShape, hinted: boolean): void {
    const old = node.links.get(node.stack.faces.byName('up')!);
    const former = old?.ends.find((end) => end.node !== node)?.node;
    // A machine that stands still while it is moved sees neither link go nor come.
    if (!hinted) node.pause();
    if (old !== undefined) this.network.disconnect(old);
    this.network.connect(node, 'up', at, face, shape);
    this.invariants.relinked(former === undefined ? [node, at] : [node, at, former]);
    if (hinted) node.enter((now) => node.stack.mobility.hint('link', now));
    else node.resume();
  }

  /** A VM's card announces itself at a host. */
  #announce({ vm, host }: Pick<Extract<Step, { kind: 'prepare' }>, 'vm' | 'host'>): void {
    const node = this.hosts[host]!;
    node.enter((now) => node.stack.announced(node.stack.faces.byName(`access${vm}`)!, 1, now, `vm${vm}`));
  }

  /** A VM signs a binding for another host, and that one has it as soon as its own host does. */
  #prepare(step: Extract<Step, { kind: 'prepare' }>): void {
    const [from, to] = [this.hosts[this.#places[step.vm]!]!, this.hosts[step.host]!];
    const { hid } = this.vms[step.vm]!.stack;
    const place = to.stack.mobility.guests!.place(this.network.now);
    if (place === undefined || from === to) return;
    to.enter((now) => to.stack.mobility.guests!.expect(hid, 2000, now, now + to.stack.wallOffsetMs));
    const told = from.onEvent;
    from.onEvent = (event) => {
      told(event);
      if (event.layer !== 'mobility' || event.event.kind !== 'prepared' || !event.event.hid.equals(hid)) return;
      from.onEvent = told;
      const binding = from.stack.mobility.guests!.prepared(hid);
      if (binding === undefined) return;
      this.network.queue.at(this.network.now, () => {
        to.enter((now) => to.stack.mobility.guests!.takePrepared(hid, binding, `vm${step.vm}`, now));
        if (step.loose) this.#announce(step);
      });
    };
    from.enter((now) => from.stack.mobility.guests!.prepare(hid, place, now, now + from.stack.wallOffsetMs));
  }

  /** A router that has forgotten everything but its key. */
  #restart(step: Extract<Step, { kind: 'restart' }>): void {
    const { router: index } = step;
    const dead = this.routers[index]!;
    dead.pause();
    this.network.nodes.splice(this.network.nodes.indexOf(dead), 1);
    const fresh = this.#router(index);
    this.routers[index] = fresh;
    for (const link of new Set(dead.links.values())) this.network.reconnect(link, dead, fresh);
    this.#route(index);
    this.onStep(step, fresh);
    this.invariants.relinked([...this.routers, ...this.hosts]);
    fresh.enter((now) => fresh.stack.handleTimeout(now));
  }

  #router(index: number): SimNode {
    const { plan, network } = this;
    const { node } = addRouter(network, `R${index + 1}`, this.#peers(index).length, plan.hosts.length, {
      adIdentity: this.#adIdentities[plan.routers[index]!]!,
      identity: this.#routerIdentities[index]!,
      beacon: BEACON,
      routing: plan.ways === 'static' ? false : ROUTING,
      cache: undefined,
      mobilityLimits: { maxMoves: 1e6 },
    });
    return node;
  }

  #peers(router: number): number[] {
    return this.plan.links.flatMap(([a, b]) => (a === router ? [b] : b === router ? [a] : []));
  }

  #peerFace(router: number, peer: number): string {
    return `peer${this.#peers(router).indexOf(peer)}`;
  }

  /** Static routes of a router to every AD, the shortest ones. */
  #route(index: number): void {
    if (this.plan.ways === 'found') return;
    const { stack } = this.routers[index]!;
    const first = new Map<number, number>();
    const open = [index];
    for (const at of open) {
      for (const peer of this.#peers(at)) {
        if (peer === index || first.has(peer)) continue;
        first.set(peer, at === index ? peer : first.get(at)!);
        open.push(peer);
      }
    }
    for (const [to, peer] of first) {
      stack.addRoute(this.ads[this.plan.routers[to]!]!, { face: stack.faces.byName(this.#peerFace(index, peer))!, neighbour: 1 });
    }
  }
}
