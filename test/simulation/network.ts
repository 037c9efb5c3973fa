import {
  concatBytes,
  flipBit,
  LinkModel,
  NodeStack,
  SeededRandom,
  type CryptoSuite,
  type FaceSpec,
  type LinkFate,
  type LinkShape,
  type NodeStackOptions,
  type StackEvent,
} from 'xia-core';
import { EventQueue } from './event-queue.js';
import { simCrypto } from './sim-identity.js';

interface Port {
  readonly node: SimNode;
  readonly face: number;
}

/** Two ends, and the model of each direction: the first is that of what the first end sends. */
export class Link {
  /** While false everything is lost, and nobody is told. */
  up = true;
  readonly ends: readonly [Port, Port];
  readonly ways: readonly [LinkModel, LinkModel];

  constructor(ends: readonly [Port, Port], ways: readonly [LinkModel, LinkModel]) {
    this.ends = ends;
    this.ways = ways;
  }

  /** Packets that found the queue full. */
  get dropped(): number {
    return this.ways[0].counters.queueFull + this.ways[1].counters.queueFull;
  }
}

export type SimNodeOptions = Omit<NodeStackOptions, 'crypto' | 'rng' | 'transmit' | 'onEvent' | 'faces'> & {
  readonly faces: readonly FaceSpec[];
};

/** A production stack on the virtual clock. */
export class SimNode {
  readonly name: string;
  readonly stack: NodeStack;
  readonly links = new Map<number, Link>();
  /** While false nothing reaches the node and its timers stand still: a paused machine. */
  running = true;
  onEvent: (event: StackEvent) => void = () => {};
  #wokenFor = Infinity;
  readonly #network: SimNetwork;

  constructor(network: SimNetwork, name: string, options: SimNodeOptions) {
    this.name = name;
    this.#network = network;
    this.stack = new NodeStack({
      ...options,
      crypto: network.crypto,
      rng: network.rng,
      transmit: (face, _neighbour, packet, body) => network.transmit(this, face, body === undefined ? packet : concatBytes(packet, body)),
      onEvent: (event) => this.onEvent(event),
    });
    this.stack.wallOffsetMs = 1_700_000_000_000;
  }

  /** Runs an input at the present time and keeps the deadlines. */
  enter<Result>(input: (now: number) => Result): Result {
    this.stack.advance(this.#network.now);
    const result = input(this.#network.now);
    this.rearm();
    this.#network.onStep(this);
    return result;
  }

  rearm(): void {
    const next = this.stack.nextTimeout();
    if (!this.running || next >= this.#wokenFor) return;
    this.#wokenFor = next;
    this.#network.queue.at(next, (now) => {
      if (this.#wokenFor !== next) return;
      this.#wokenFor = Infinity;
      if (!this.running) return;
      if (this.stack.nextTimeout() <= now) this.stack.handleTimeout(now);
      this.rearm();
      this.#network.onStep(this);
    });
  }

  pause(): void {
    this.running = false;
    this.#wokenFor = Infinity;
  }

  resume(): void {
    this.running = true;
    this.enter((now) => this.stack.handleTimeout(now));
  }
}

/** Nodes and links in virtual time; everything that happens follows from the seed. */
export class SimNetwork {
  readonly queue = new EventQueue();
  readonly rng: SeededRandom;
  readonly crypto: CryptoSuite;
  readonly nodes: SimNode[] = [];
  packets = 0;
  /** Whether packets with a flipped bit are dropped where they arrive, as the checksum of UDP has it. */
  checksums = false;
  /** How many were. */
  checksumErrors = 0;
  /** Packets that arrived at a node that stood still, or when their link was gone. */
  undelivered = 0;
  /** Sees every packet that a node sends, who is at the other end of the link, and what becomes of it. */
  onPacket: (packet: Uint8Array, to: { readonly node: SimNode; readonly face: number }, fate: LinkFate) => void = () => {};

  /** A node has done something: what it knows may be other than before. */
  onStep: (node: SimNode) => void = () => {};

  constructor(seed: number, crypto: CryptoSuite = simCrypto) {
    this.crypto = crypto;
    this.rng = new SeededRandom(seed);
  }

  get now(): number {
    return this.queue.now;
  }

  add(name: string, options: SimNodeOptions): SimNode {
    const node = new SimNode(this, name, options);
    this.nodes.push(node);
    return node;
  }

  /** Every node's first look at the clock. */
  start(): void {
    for (const node of this.nodes) node.enter((now) => node.stack.handleTimeout(now));
  }

  /** @param back what the link does to what `b` sends; the same as to what `a` sends by default */
  connect(a: SimNode, aFace: string, b: SimNode, bFace: string, there: LinkShape, back: LinkShape = there): Link {
    const ends: [Port, Port] = [
      { node: a, face: a.stack.faces.byName(aFace)! },
      { node: b, face: b.stack.faces.byName(bFace)! },
    ];
    const link = new Link(ends, [this.#model(there), this.#model(back)]);
    for (const { node, face } of ends) node.links.set(face, link);
    return link;
  }

  /** The link of a node that is dead leads to another one with the same faces; what is under way is lost. */
  reconnect(link: Link, dead: SimNode, fresh: SimNode): Link {
    link.up = false;
    const [a, b] = link.ends.map((end) => (end.node === dead ? { node: fresh, face: end.face } : end)) as [Port, Port];
    const renewed = new Link([a, b], link.ways);
    for (const { node, face } of renewed.ends) node.links.set(face, renewed);
    return renewed;
  }

  disconnect(link: Link): void {
    link.up = false;
    for (const { node, face } of link.ends) {
      if (node.links.get(face) !== link) continue;
      node.links.delete(face);
      if (node.running) node.enter((now) => node.stack.neighbourGone(face, 1, now));
    }
  }

  transmit(from: SimNode, face: number, packet: Uint8Array): boolean {
    const link = from.links.get(face);
    if (link === undefined || !link.up) return false;
    const end = link.ends[0].node === from && link.ends[0].face === face ? 0 : 1;
    const to = link.ends[1 - end]!;
    this.packets++;
    const fate = link.ways[end].pass(packet.length, this.now);
    const { dropped, arrivesMs, copyArrivesMs, flippedBit } = fate;
    this.onPacket(packet, to, fate);
    if (dropped !== undefined) return dropped !== 'queueFull';
    this.#carry(link, to, packet, arrivesMs, flippedBit);
    if (copyArrivesMs < Infinity) this.#carry(link, to, packet, copyArrivesMs, flippedBit);
    return true;
  }

  /** Runs until `done` says so, or virtual time is over. */
  runUntil(done: () => boolean, limitMs: number): boolean {
    const end = this.now + limitMs;
    while (!done()) {
      if (this.queue.next() > end) return false;
      this.queue.step();
    }
    return true;
  }

  runFor(ms: number): void {
    this.runUntil(() => false, ms);
  }

  #carry(link: Link, to: Port, packet: Uint8Array, arrivesMs: number, flippedBit: number): void {
    // The sender may have kept its own.
    const isDropped = flippedBit >= 0 && this.checksums;
    const copy = packet.slice();
    flipBit(copy, flippedBit);
    this.queue.at(arrivesMs, (now) => {
      if (!link.up || !to.node.running) return void this.undelivered++;
      if (isDropped) return void this.checksumErrors++;
      to.node.enter(() => to.node.stack.receive(to.face, 1, copy, now, true));
      // They were only lent: whoever kept some of them has nothing.
      copy.fill(0xee);
    });
  }

  #model(shape: LinkShape): LinkModel {
    return new LinkModel(shape, new SeededRandom(this.rng.below(0x1_0000_0000)), this.now);
  }
}
