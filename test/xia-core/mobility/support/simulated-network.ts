import { SeededRandom } from '../../../../xia-core/src/bytes/index.js';
import type { MobilityEvent } from '../../../../xia-core/src/mobility/events.js';
import type { Hop } from '../../../../xia-core/src/mobility/links.js';
import { Mobility } from '../../../../xia-core/src/mobility/mobility.js';
import type { AttachOptions, MobilityLimits, MobilityOptions } from '../../../../xia-core/src/mobility/mobility-options.js';
import { sealCertificate } from '../../../../xia-core/src/wire/mobility-statements.js';
import { PrincipalType, Xid, type CryptoSuite, type Identity } from '../../../../xia-core/src/xid/index.js';
import { cheapCrypto, cheapIdentity } from './cheap-crypto.js';

export interface LinkQuality {
  readonly delayMs: number;
  /** Up to this much more, drawn for each message: later ones overtake earlier ones. */
  readonly jitterMs: number;
  /** 0 to 1. */
  readonly loss: number;
}

/** One end of a segment. The number is the neighbour that the other ends see. */
interface Port {
  readonly number: number;
  readonly node: SimulatedNode;
  readonly face: number;
}

/** A link, or the wire behind an access face: everybody on it hears everybody. */
export interface Segment {
  readonly quality: LinkQuality;
  ports: Port[];
}

type Role = 'router' | 'transit' | 'host' | 'application';
type FaceRole = 'access' | 'uplink' | 'peer';

interface Scheduled {
  readonly at: number;
  readonly turn: number;
  readonly run: () => void;
}

const WALL_START_MS = 1_800_000_000_000;

/** Mobility machines in virtual time. `now` is the only clock, one seed decides all that is random. */
export class SimulatedNetwork {
  readonly rng: SeededRandom;
  readonly nodes: SimulatedNode[] = [];
  readonly crypto: CryptoSuite;
  readonly identityOf: (number: number) => Identity;
  /** Called after each thing that happened. */
  onStep: () => void = () => {};
  now = 1000;
  readonly #queue: Scheduled[] = [];
  #turn = 0;
  #ports = 0;
  #identities = 0;

  constructor(seed: number, crypto: CryptoSuite = cheapCrypto, identityOf = cheapIdentity) {
    this.rng = new SeededRandom(seed);
    this.crypto = crypto;
    this.identityOf = identityOf;
  }

  nextIdentity(): Identity {
    this.#identities += 1;
    return this.identityOf(this.#identities);
  }

  segment(quality: Partial<LinkQuality> = {}): Segment {
    return { quality: { delayMs: 1, jitterMs: 0, loss: 0, ...quality }, ports: [] };
  }

  node(name: string, role: Role, options: NodeOptions = {}): SimulatedNode {
    const node = new SimulatedNode(this, name, role, options);
    this.nodes.push(node);
    this.schedule(this.now + this.rng.unit() * 50, () => node.wake());
    return node;
  }

  /** Joins two routers. */
  connect(a: SimulatedNode, b: SimulatedNode, quality: Partial<LinkQuality> = {}): Segment {
    const segment = this.segment(quality);
    a.join(segment, 'peer');
    b.join(segment, 'peer');
    return segment;
  }

  newPort(node: SimulatedNode, face: number, segment: Segment): Port {
    this.#ports += 1;
    const port = { number: this.#ports, node, face };
    segment.ports.push(port);
    return port;
  }

  transmit(segment: Segment, from: Port, neighbour: number, payload: Uint8Array): void {
    const { delayMs, jitterMs, loss } = segment.quality;
    for (const to of segment.ports) {
      if (to === from || (neighbour !== 0 && neighbour !== to.number)) continue;
      if (this.rng.unit() < loss) continue;
      this.schedule(this.now + delayMs + this.rng.unit() * jitterMs, () => {
        if (segment.ports.includes(to)) to.node.receive(to.face, from.number, payload);
      });
    }
  }

  schedule(at: number, run: () => void): void {
    this.#turn += 1;
    const entry = { at, turn: this.#turn, run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle]!;
      if (other.at > at || (other.at === at && other.turn > entry.turn)) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, entry);
  }

  run(durationMs: number): void {
    const end = this.now + durationMs;
    for (;;) {
      const next = this.#queue.at(-1);
      if (next === undefined || next.at > end) break;
      this.#queue.pop();
      this.now = Math.max(this.now, next.at);
      next.run();
      this.onStep();
    }
    this.now = end;
  }

  /** Who is at the other end of `hop` of `node`; undefined when nobody is. */
  neighbour(node: SimulatedNode, hop: Hop): SimulatedNode | undefined {
    const segment = node.segments.get(hop.face)?.segment;
    const others = segment?.ports.filter((port) => port.node !== node) ?? [];
    if (hop.neighbour === 0) return others[0]?.node;
    return others.find((port) => port.number === hop.neighbour)?.node;
  }

  /** Sets the routes of all routers to all ADs, along shortest paths over peer links. */
  routeAds(): void {
    for (const target of this.nodes.filter((node) => node.role === 'router')) {
      const seen = new Set([target]);
      let border = [target];
      while (border.length > 0) {
        const next: SimulatedNode[] = [];
        for (const node of border) {
          for (const { segment, port, role } of node.segments.values()) {
            if (role !== 'peer') continue;
            for (const other of segment.ports) {
              if (seen.has(other.node)) continue;
              seen.add(other.node);
              other.node.adRoutes.set(target.ad.key, { face: other.face, neighbour: port.number });
              next.push(other.node);
            }
          }
        }
        border = next;
      }
    }
  }
}

export interface NodeOptions {
  readonly limits?: MobilityLimits;
  readonly attach?: AttachOptions;
  /** The clock of this node is so far off. */
  readonly wallOffsetMs?: number;
  readonly beacon?: { readonly intervalMs?: number; readonly lifetimeMs?: number };
  /** Default: one of its own. Two nodes of one identity are a machine and its copy. */
  readonly identity?: Identity;
  /** A router: the AD's identity. Default: one of its own. */
  readonly adIdentity?: Identity;
}

/** A node with its routes, its faces and its events. */
export class SimulatedNode {
  readonly mobility: Mobility;
  readonly identity: Identity;
  readonly ad: Xid;
  readonly adIdentity: Identity;
  readonly certificate: Uint8Array;
  readonly routes = new Map<string, Hop>();
  readonly adRoutes = new Map<string, Hop>();
  readonly segments = new Map<number, { segment: Segment; port: Port; role: FaceRole }>();
  readonly events: MobilityEvent[] = [];
  readonly name: string;
  readonly role: Role;
  readonly #network: SimulatedNetwork;
  #wallOffsetMs: number;
  #faces = 0;
  #wakeAt = Infinity;
  /** While stopped (a machine between two hosts) neither messages nor timers reach it. */
  #stopped = false;

  constructor(network: SimulatedNetwork, name: string, role: Role, options: NodeOptions) {
    this.#network = network;
    this.name = name;
    this.role = role;
    this.#wallOffsetMs = options.wallOffsetMs ?? 0;
    this.identity = options.identity ?? network.nextIdentity();
    const adIdentity = options.adIdentity ?? network.nextIdentity();
    this.adIdentity = adIdentity;
    this.ad = new Xid(PrincipalType.AD, adIdentity.id);
    this.certificate = sealCertificate(
      {
        ad: this.ad,
        hid: new Xid(PrincipalType.HID, this.identity.id),
        notBefore: WALL_START_MS - 1000,
        notAfter: WALL_START_MS + 10 * 365 * 86_400_000,
      },
      adIdentity,
    );
    this.mobility = new Mobility({
      role: this.#roleOptions(role, options),
      identity: this.identity,
      crypto: network.crypto,
      rng: network.rng,
      faces: { access: () => this.#facesOf('access'), uplink: () => this.#facesOf('uplink') },
      sink: { sendLink: (face, neighbour, payload) => this.#send(face, neighbour, payload) },
      // Nobody here sends packets that could make a detour.
      send: () => {},
      routes: {
        set: (hid, hop) => void this.routes.set(hid.key, hop),
        delete: (hid) => void this.routes.delete(hid.key),
        hold: (hid) => void this.routes.delete(hid.key),
      },
      adRoute: (ad) => this.adRoutes.get(ad.key) ?? this.mobility.attachment?.hop,
      onEvent: (event) => this.events.push(event),
      limits: { maxMoves: 1e6, ...options.limits },
    });
  }

  get hid(): Xid {
    return this.mobility.hid;
  }

  wallNow(): number {
    return WALL_START_MS + this.#network.now + this.#wallOffsetMs;
  }

  eventsOf<K extends MobilityEvent['kind']>(kind: K): Array<Extract<MobilityEvent, { kind: K }>> {
    return this.events.filter((event): event is Extract<MobilityEvent, { kind: K }> => event.kind === kind);
  }

  join(segment: Segment, role: FaceRole): number {
    this.#faces += 1;
    const face = this.#faces;
    this.segments.set(face, { segment, port: this.#network.newPort(this, face, segment), role });
    return face;
  }

  /** Takes the node's face off its segment and puts it on another one: what a migrated machine's card sees. */
  replug(segment: Segment, face = 1): void {
    const present = this.segments.get(face)!;
    present.segment.ports = present.segment.ports.filter((port) => port !== present.port);
    this.segments.set(face, { segment, port: this.#network.newPort(this, face, segment), role: present.role });
  }

  leaveSegment(face: number): void {
    const present = this.segments.get(face)!;
    present.segment.ports = present.segment.ports.filter((port) => port !== present.port);
    this.segments.delete(face);
    this.mobility.faceRemoved(face, this.#network.now);
  }

  /** Somebody sets this node's clock. */
  stepClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Stops the machine; it continues with whatever its timers missed. */
  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    this.#stopped = false;
    this.wake();
  }

  receive(face: number, neighbour: number, payload: Uint8Array): void {
    const here = this.segments.get(face);
    if (here === undefined || this.#stopped) return;
    this.mobility.handleMessage(face, neighbour, payload, here.role === 'access', this.#network.now, this.wallNow());
    this.#plan();
  }

  wake(): void {
    if (this.#stopped) return;
    this.#wakeAt = Infinity;
    this.mobility.handleTimeout(this.#network.now, this.wallNow());
    this.#plan();
  }

  #plan(): void {
    const at = this.mobility.nextTimeout();
    if (at >= this.#wakeAt || at === Infinity) return;
    this.#wakeAt = at;
    this.#network.schedule(Math.max(at, this.#network.now), () => {
      if (this.#wakeAt === at) this.wake();
    });
  }

  #send(face: number, neighbour: number, payload: Uint8Array): void {
    const here = this.segments.get(face);
    if (here !== undefined) this.#network.transmit(here.segment, here.port, neighbour, payload);
  }

  *#facesOf(role: FaceRole): Iterable<number> {
    for (const [face, here] of this.segments) if (here.role === role) yield face;
  }

  #roleOptions(role: Role, options: NodeOptions): MobilityOptions['role'] {
    const attach = options.attach === undefined ? {} : { attach: options.attach };
    switch (role) {
      case 'router':
        return { kind: 'router', ad: this.ad, certificate: this.certificate, beacon: { mtu: 9000, ...options.beacon } };
      case 'transit':
        return { kind: 'transit' };
      case 'host':
        return { kind: 'host', mtu: 1500, ...attach };
      case 'application':
        return { kind: 'application', ...attach };
    }
  }
}
