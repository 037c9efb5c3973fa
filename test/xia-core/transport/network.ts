import { concatBytes, SeededRandom, TimerQueue } from '../../../xia-core/src/bytes/index.js';
import { serviceDag, type Dag } from '../../../xia-core/src/dag/index.js';
import { generateIdentity } from '../../../xia-core/src/io/keys.js';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { StreamEndpoint } from '../../../xia-core/src/transport/stream-endpoint.js';
import type { StreamEvent } from '../../../xia-core/src/transport/stream-events.js';
import type { StreamEndpointOptions } from '../../../xia-core/src/transport/stream-options.js';
import { PrincipalType, Xid, xidOf, type Identity } from '../../../xia-core/src/xid/index.js';

export const sid = (digit: string): Xid => Xid.of(PrincipalType.SID, digit.repeat(40));
export const ad = (digit: string): Xid => Xid.of(PrincipalType.AD, digit.repeat(40));

export interface LinkOptions {
  readonly delayMs?: number;
  readonly jitterMs?: number;
  readonly loss?: number;
  readonly duplication?: number;
  /** Bytes per millisecond of each direction; unlimited by default. */
  readonly rate?: number;
  readonly queueBytes?: number;
  readonly outage?: { readonly fromMs: number; readonly untilMs: number };
  readonly mtu?: number;
}

export interface Transit {
  readonly from: Host;
  readonly to: Host;
  readonly bytes: Uint8Array;
  readonly source: Dag;
  readonly destination: Dag;
  atMs: number;
}

/** A node with one endpoint, somewhere in the network. */
export class Host {
  readonly hid: Xid;
  readonly endpoint: StreamEndpoint;
  readonly events: StreamEvent[] = [];
  onEvent: (event: StreamEvent) => void = () => {};
  ad: Xid;
  /** From when on packets to an earlier address of this host arrive nevertheless. */
  patchedAtMs = 0;
  paused = false;

  constructor(network: Network, adDigit: string, seed: number, options: Partial<StreamEndpointOptions> = {}) {
    const identity: Identity = options.identity ?? generateIdentity();
    this.hid = xidOf(PrincipalType.HID, identity);
    this.ad = ad(adDigit);
    this.endpoint = new StreamEndpoint({
      crypto: nodeCrypto,
      identity,
      rng: new SeededRandom(seed),
      localDag: (service) => this.dag(service),
      mtu: () => network.link.mtu ?? 1400,
      output: (packet) => network.send(this, packet.destination, packet.source, concatBytes(...packet.payload)),
      onEvent: (event) => {
        this.events.push(event);
        this.onEvent(event);
      },
      ...options,
    });
    network.hosts.push(this);
  }

  dag(service: Xid): Dag {
    return serviceDag(this.ad, this.hid, service);
  }

  kinds(): string[] {
    return this.events.map((event) => event.kind);
  }
}

/** Hosts in virtual time, with one kind of link between any two. */
export class Network {
  readonly hosts: Host[] = [];
  readonly log: Transit[] = [];
  link: LinkOptions;
  now = 0;
  packetsSent = 0;
  /** Drops a packet when it returns true. */
  filter: (transit: Transit) => boolean = () => false;
  keepLog = false;
  readonly #rng: SeededRandom;
  readonly #queue = new TimerQueue<Transit | (() => void)>();
  readonly #busyUntil = new Map<Host, number>();

  constructor(seed: number, link: LinkOptions = {}) {
    this.#rng = new SeededRandom(seed);
    this.link = link;
  }

  at(atMs: number, action: () => void): void {
    this.#queue.set(action, atMs);
  }

  send(from: Host, destination: Dag, source: Dag, bytes: Uint8Array): void {
    this.packetsSent++;
    const hid = destination.find(PrincipalType.HID);
    const to = this.hosts.find((host) => hid !== undefined && host.hid.equals(hid));
    if (to === undefined) return;
    const { delayMs = 5, jitterMs = 0, loss = 0, duplication = 0, outage, rate, queueBytes = Infinity } = this.link;
    const transit: Transit = { from, to, bytes, source, destination, atMs: this.now };
    if (this.keepLog) this.log.push(transit);
    if (this.filter(transit)) return;
    if (this.#rng.unit() < loss) return;
    if (outage !== undefined && this.now >= outage.fromMs && this.now < outage.untilMs) return;
    let waitMs = 0;
    if (rate !== undefined) {
      const free = Math.max(this.now, this.#busyUntil.get(from) ?? 0);
      if ((free - this.now) * rate > queueBytes) return;
      this.#busyUntil.set(from, free + bytes.length / rate);
      waitMs = free - this.now + bytes.length / rate;
    }
    const copies = this.#rng.unit() < duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.#queue.set({ ...transit }, this.now + waitMs + delayMs + this.#rng.unit() * jitterMs);
    }
  }

  /** Runs until `until` is true or nothing is left, at the latest up to `limitMs` from now. Returns whether `until` was met. */
  run(limitMs: number, until: () => boolean = () => false): boolean {
    const endMs = this.now + limitMs;
    for (let steps = 0; steps < 5_000_000; steps++) {
      if (until()) return true;
      let next = this.#queue.next();
      for (const host of this.hosts) if (!host.paused) next = Math.min(next, Math.max(this.now, host.endpoint.nextTimeout()));
      if (next > endMs) {
        this.now = endMs;
        return until();
      }
      this.now = Math.max(this.now, next);
      for (let due = this.#queue.popDue(this.now); due !== undefined; due = this.#queue.popDue(this.now)) this.#arrive(due);
      for (const host of this.hosts) {
        if (!host.paused && host.endpoint.nextTimeout() <= this.now) host.endpoint.handleTimeout(this.now);
      }
    }
    throw new Error('the simulation does not come to an end');
  }

  #arrive(due: Transit | (() => void)): void {
    if (typeof due === 'function') return due();
    const { to, destination } = due;
    if (to.paused) return;
    const isOldAddress = destination.find(PrincipalType.AD)?.equals(to.ad) !== true;
    if (isOldAddress && this.now < to.patchedAtMs) return;
    to.endpoint.handlePacket(due.bytes, due.source, destination.intent, this.now);
  }
}

/** A repeatable, non-periodic byte sequence. */
export function pattern(length: number, salt = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = salt * 7919 + 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}
