import { concatBytes, NodeStack, SeededRandom, type CryptoSuite, type FaceSpec, type NodeStackOptions, type StackEvent } from 'xia-core';
import { EventQueue } from './event-queue.js';
import { simCrypto } from './sim-identity.js';

/** What a link does to packets. Times in ms. */
export interface LinkShape {
  readonly delayMs: number;
  /** Added to the delay, uniformly from 0; more than the time between packets reorders them. */
  readonly jitterMs?: number;
  /** Share of packets lost, 0 to 1. */
  readonly loss?: number;
  readonly duplicate?: number;
  /** Share of packets with one flipped bit. */
  readonly corrupt?: number;
  /** Of each direction; without it packets take no time to send. */
  readonly bytesPerSecond?: number;
  /** What may wait for a link with a rate, in each direction; more is dropped. Default 64 KiB. */
  readonly queueBytes?: number;
}

interface Port {
  readonly node: SimNode;
  readonly face: number;
}

const DEFAULT_QUEUE_BYTES = 65_536;

class Link {
  up = true;
  /** For each end: when what it has sent so far is through. */
  readonly #freeAt: [number, number] = [0, 0];
  /** Packets that found the queue full. */
  dropped = 0;
  readonly ends: readonly [Port, Port];
  readonly shape: LinkShape;

  constructor(ends: readonly [Port, Port], shape: LinkShape) {
    this.ends = ends;
    this.shape = shape;
  }

  /** When a packet from an end is through, that is sent now; undefined when there is no room for it in the queue. */
  passes(end: 0 | 1, bytes: number, now: number): number | undefined {
    const { bytesPerSecond, queueBytes = DEFAULT_QUEUE_BYTES } = this.shape;
    if (bytesPerSecond === undefined) return now;
    const begins = Math.max(now, this.#freeAt[end]);
    if (((begins - now) / 1000) * bytesPerSecond + bytes > queueBytes) {
      this.dropped++;
      return undefined;
    }
    this.#freeAt[end] = begins + (bytes / bytesPerSecond) * 1000;
    return this.#freeAt[end];
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
  /** Sees every packet that a node sends, and whose it will be at the other end of the link. */
  onPacket: (packet: Uint8Array, to: { readonly node: SimNode; readonly face: number }) => void = () => {};

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

  connect(a: SimNode, aFace: string, b: SimNode, bFace: string, shape: LinkShape): Link {
    const ends: [Port, Port] = [
      { node: a, face: a.stack.faces.byName(aFace)! },
      { node: b, face: b.stack.faces.byName(bFace)! },
    ];
    const link = new Link(ends, shape);
    for (const { node, face } of ends) node.links.set(face, link);
    return link;
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
    this.onPacket(packet, to);
    const through = link.passes(end, packet.length, this.now);
    if (through === undefined) return false;
    const { loss = 0, duplicate = 0 } = link.shape;
    if (this.rng.unit() < loss) return true;
    this.#carry(link, to, packet, through);
    if (duplicate > 0 && this.rng.unit() < duplicate) this.#carry(link, to, packet, through);
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

  #carry(link: Link, to: Port, packet: Uint8Array, through: number): void {
    const { delayMs, jitterMs = 0, corrupt = 0 } = link.shape;
    // The bytes belong to whoever receives them; the sender may have kept its own.
    const copy = packet.slice();
    if (corrupt > 0 && this.rng.unit() < corrupt) copy[this.rng.below(copy.length)]! ^= 1 << this.rng.below(8);
    this.queue.at(through + delayMs + this.rng.unit() * jitterMs, (now) => {
      if (!link.up || !to.node.running) return;
      to.node.enter(() => to.node.stack.receive(to.face, 1, copy, now));
    });
  }
}
