import {
  MemoryRecordStore,
  NameServerCore,
  PrincipalType,
  serviceDag,
  SID_NAME_SERVICE,
  Xid,
  type Dag,
  type MobilityEvent,
  type LinkShape,
} from 'xia-core';
import { addApplication, addHost, addRouter } from './domains.js';
import { SimNetwork, type SimNode, type SimNodeOptions } from './network.js';
import { simCrypto, simIdentity } from './sim-identity.js';
import { Conversation, StreamRouter, Talker } from './stream-pair.js';
import { VmTransfer } from './vm-transfer.js';

const NAME = 'vm.xia';
const CALC_SID = Xid.of(PrincipalType.SID, 'ca1c'.repeat(10));
const CLIENT_SID = Xid.of(PrincipalType.SID, 'c11e'.repeat(10));
const BURST_MS = 40;
const BURST_BYTES = 500;
/** The VM's card, as its host sees it. */
export const STATION = '52:54:00:12:34:56';
/** The link between a host and what runs on the same machine. */
const LOCAL: LinkShape = { delayMs: 0.02 };

/**
 * Three domains in a row, the middle one only on the way; a VM on HOST_A in the first, to be moved to HOST_B in the last,
 * and a client on HOST_C that talks to it. The name server runs on HOST_A.
 */
export class MigrationWorld {
  readonly network: SimNetwork;
  readonly routers: readonly [SimNode, SimNode, SimNode];
  readonly ads: readonly [Xid, Xid, Xid];
  readonly hosts: { readonly a: SimNode; readonly b: SimNode; readonly c: SimNode };
  readonly vm: SimNode;
  readonly client: SimNode;
  readonly sender: SimNode;
  readonly receiver: SimNode;
  readonly events: MobilityEvent[] = [];
  readonly #clientStreams: StreamRouter;
  readonly #vmStreams: StreamRouter;
  #vmLink;
  #isPluggedIn = false;

  constructor(seed: number, shape: LinkShape, options: Partial<SimNodeOptions> = {}) {
    const network = new SimNetwork(seed);
    this.network = network;
    const one = addRouter(network, 'R1', 1, 2, options);
    const middle = addRouter(network, 'RT', 2, 0, options);
    const two = addRouter(network, 'R2', 1, 1, options);
    this.routers = [one.node, middle.node, two.node];
    this.ads = [one.ad, middle.ad, two.ad];
    network.connect(one.node, 'peer0', middle.node, 'peer0', shape);
    network.connect(middle.node, 'peer1', two.node, 'peer0', shape);
    route(one.node, [middle.ad, two.ad], 'peer0');
    route(two.node, [middle.ad, one.ad], 'peer0');
    route(middle.node, [one.ad], 'peer0');
    route(middle.node, [two.ad], 'peer1');
    const [a, b, c] = [
      addHost(network, 'HOST_A', 3, options),
      addHost(network, 'HOST_B', 2, options),
      addHost(network, 'HOST_C', 1, options),
    ];
    this.hosts = { a, b, c };
    network.connect(a, 'up', one.node, 'access0', shape);
    network.connect(c, 'up', one.node, 'access1', shape);
    network.connect(b, 'up', two.node, 'access0', shape);
    const nameServerIdentity = simIdentity(network.rng);
    const nameServerHid = new Xid(PrincipalType.HID, nameServerIdentity.id);
    const nameServer = serviceDag(one.ad, nameServerHid, SID_NAME_SERVICE);
    this.vm = addApplication(network, 'VM', { nameServer });
    this.client = addApplication(network, 'CLIENT', { nameServer });
    this.sender = addApplication(network, 'SENDER');
    this.receiver = addApplication(network, 'RECEIVER');
    const names = addApplication(network, 'NAMES', { identity: nameServerIdentity });
    this.#vmLink = network.connect(this.vm, 'up', a, 'access0', LOCAL);
    network.connect(this.sender, 'up', a, 'access1', LOCAL);
    network.connect(names, 'up', a, 'access2', LOCAL);
    network.connect(this.receiver, 'up', b, 'access1', LOCAL);
    network.connect(this.client, 'up', c, 'access0', LOCAL);
    serveNames(names);
    this.vm.onEvent = (event) => {
      if (event.layer === 'mobility') this.events.push(event.event);
    };
    this.#clientStreams = new StreamRouter(this.client);
    this.#vmStreams = new StreamRouter(this.vm);
    network.start();
  }

  /** Runs until everybody is attached and the VM has its name. */
  settle(): boolean {
    const { vm, network } = this;
    const everybody = network.nodes.filter((node) => node.stack.mobility.attachmentState !== undefined);
    if (!network.runUntil(() => everybody.every((node) => node.stack.mobility.attachment !== undefined), 10_000)) return false;
    vm.enter((now) => vm.stack.keepName(NAME, undefined, 60_000, 1, now));
    return network.runUntil(() => this.resolved() !== undefined, 10_000);
  }

  /** The address that the client gets for the VM's name, if it gets one within a virtual second. */
  resolved(): Dag | undefined {
    const { client, network } = this;
    let found: Dag | undefined;
    const previous = client.onEvent;
    client.onEvent = (event) => {
      if (event.layer === 'name' && event.event.kind === 'resolved') found = event.event.dag;
      previous(event);
    };
    client.stack.names.invalidate(NAME);
    client.enter((now) => client.stack.resolve(NAME, 1000, now));
    network.runUntil(() => found !== undefined, 1000);
    client.onEvent = previous;
    return found;
  }

  /** Starts a conversation over one stream; both ends say something every few ms until it is stopped. A paused VM is silent. */
  converse(): Conversation {
    const { network, vm, client } = this;
    const conversation = new Conversation([new Talker(client, 1, 2), new Talker(vm, 2, 1)]);
    const [clientEnd, vmEnd] = conversation.ends;
    this.#vmStreams.listen(CALC_SID, vmEnd.handlerOf);
    this.#clientStreams.connect(vm.stack.dag(CALC_SID), CLIENT_SID, clientEnd.handlerOf);
    const speak = (): void => {
      if (!vm.running) clientEnd.speak(BURST_BYTES, false);
      else if (!conversation.speak(BURST_BYTES)) return;
      network.queue.at(network.now + BURST_MS, speak);
    };
    speak();
    return conversation;
  }

  /**
   * Moves the VM: its memory by the migration protocol, then the machine itself.
   * @returns whether the memory arrived whole
   */
  migrate(memory: Uint8Array, downtimeMs: number, announce: boolean): boolean {
    const { network, vm, hosts } = this;
    const transfer = new VmTransfer(network, this.sender, this.receiver);
    const pauseAt = Math.floor(memory.length * 0.9);
    let at = 0;
    while (at < memory.length) {
      if (!network.runUntil(() => transfer.wantsInput, 30_000)) return false;
      if (at >= pauseAt && vm.running) {
        vm.pause();
        network.disconnect(this.#vmLink);
      }
      const piece = memory.subarray(at, at + 1 + network.rng.below(9000));
      transfer.input(piece);
      at += piece.length;
    }
    transfer.inputEnded();
    if (!network.runUntil(() => transfer.sent !== undefined && transfer.received !== undefined, 60_000)) return false;
    const arrived = Buffer.concat(transfer.output);
    if (transfer.sent?.kind !== 'handed-over' || transfer.received?.kind !== 'taken' || !arrived.equals(memory)) return false;
    network.runFor(downtimeMs);
    this.#vmLink = network.connect(vm, 'up', hosts.b, 'access0', LOCAL);
    vm.resume();
    if (announce) hosts.b.enter((now) => hosts.b.stack.announced(hosts.b.stack.faces.byName('access0')!, 1, now));
    return true;
  }

  /** HOST_B is told that the VM is coming. */
  expect(lifetimeMs: number): void {
    const { stack } = this.hosts.b;
    this.hosts.b.enter((now) => stack.mobility.guests!.expect(this.vm.stack.hid, lifetimeMs, now, now + stack.wallOffsetMs));
  }

  /** The VM stops at HOST_A, and its wire is gone some time later. `isTold`: the host hears of it in the moment that it stops. */
  stop(isTold: boolean): void {
    const { hosts, vm } = this;
    if (isTold) hosts.a.enter((now) => hosts.a.stack.mobility.guests!.pause(vm.stack.hid, now, now + hosts.a.stack.wallOffsetMs));
    vm.pause();
  }

  /** It goes on at HOST_A. */
  goOnHere(isTold: boolean): void {
    const { hosts, vm } = this;
    if (isTold) hosts.a.enter((now) => hosts.a.stack.mobility.guests!.runs(vm.stack.hid, now, now + hosts.a.stack.wallOffsetMs));
    vm.resume();
  }

  /** HOST_A is told that it stays. */
  stays(): void {
    const { hosts, vm } = this;
    hosts.a.enter((now) => hosts.a.stack.mobility.guests!.stays(vm.stack.hid, now, now + hosts.a.stack.wallOffsetMs));
  }

  /** It goes on at HOST_B, which announces it. */
  goOnThere(): void {
    if (!this.#isPluggedIn) this.plugIn();
    this.vm.resume();
    this.announce(STATION);
  }

  /** The VM's machine at HOST_B is there, and does not run yet. */
  plugIn(): void {
    const { network, vm, hosts } = this;
    network.disconnect(this.#vmLink);
    this.#vmLink = network.connect(vm, 'up', hosts.b, 'access0', LOCAL);
    this.#isPluggedIn = true;
    this.announce(undefined);
  }

  /** HOST_B is shown the VM's wire, or (with its station) the VM. */
  announce(station: string | undefined): void {
    const { b } = this.hosts;
    b.enter((now) => b.stack.announced(b.stack.faces.byName('access0')!, 1, now, station));
  }

  /** The VM signs a binding for HOST_B, and HOST_B has it. Returns whether that came about within a second. */
  prepare(): boolean {
    const { a, b } = this.hosts;
    const guest = this.vm.stack.hid;
    const place = b.stack.mobility.guests!.place(this.network.now);
    if (place === undefined) return false;
    const fault = a.enter((now) => a.stack.mobility.guests!.prepare(guest, place, now, now + a.stack.wallOffsetMs));
    if (fault !== undefined) return false;
    const isSigned = () => a.stack.mobility.guests!.prepared(guest) !== undefined;
    return this.network.runUntil(isSigned, 1000) && this.handOver() === undefined;
  }

  /** HOST_B is given what HOST_A has of the VM. Returns why it does not keep it. */
  handOver(): string | undefined {
    const { a, b } = this.hosts;
    const guest = this.vm.stack.hid;
    const binding = a.stack.mobility.guests!.prepared(guest);
    if (binding === undefined) return 'nothing is prepared';
    return b.enter((now) => b.stack.mobility.guests!.takePrepared(guest, binding, STATION, now));
  }

  /** HOST_B hears that the VM is its own, and about to run. */
  arriving(): void {
    const { b } = this.hosts;
    b.enter((now) => b.stack.mobility.guests!.arriving(this.vm.stack.hid, now, now + b.stack.wallOffsetMs));
  }

  /** HOST_B hears that the VM runs. */
  runsThere(): void {
    const { b } = this.hosts;
    b.enter((now) => b.stack.mobility.guests!.runs(this.vm.stack.hid, now, now + b.stack.wallOffsetMs));
  }

  /** How many of `count` echoes from the client to an address of the VM come back. */
  echoes(destination: Dag, count: number): number {
    const { client, network } = this;
    let answered = 0;
    const id = client.stack.echoes.open((answer) => {
      if (answer.kind === 'reply') answered++;
    });
    for (let sequence = 0; sequence < count; sequence++) {
      client.enter((now) =>
        client.stack.sendEcho(destination, client.stack.echoes.message(id, sequence, new Uint8Array(8)), undefined, now),
      );
      network.runFor(50);
    }
    network.runFor(1000);
    client.stack.echoes.close(id);
    return answered;
  }

  /** Follows the next hops of the VM's HID from a node to the VM; undefined when they do not lead there. */
  hopsToVm(from: SimNode): string[] | undefined {
    const path: string[] = [];
    for (let node = from; path.length < 10;) {
      path.push(node.name);
      if (node === this.vm) return path;
      const hop = node.stack.engine.nextHop(this.vm.stack.hid);
      const link = hop === undefined ? undefined : node.links.get(hop.face);
      const end = link?.ends.find((port) => port.node !== node);
      if (end === undefined) return undefined;
      node = end.node;
    }
    return undefined;
  }
}

function route(node: SimNode, ads: readonly Xid[], faceName: string): void {
  for (const ad of ads) node.stack.addRoute(ad, { face: node.stack.faces.byName(faceName)!, neighbour: 0 });
}

export function serveNames(node: SimNode): void {
  const socket = node.stack.datagrams.open(SID_NAME_SERVICE);
  node.stack.bindService(SID_NAME_SERVICE);
  const server = new NameServerCore({ crypto: simCrypto, store: new MemoryRecordStore(), send: (to, payload) => socket.send(to, payload) });
  node.onEvent = (event) => {
    if (event.layer !== 'datagram' || event.socket !== socket) return;
    for (let datagram = socket.receive(); datagram !== undefined; datagram = socket.receive()) {
      const { payload, source } = datagram;
      node.enter((now) => server.handle(payload, source, now, now + node.stack.wallOffsetMs));
    }
  };
}
