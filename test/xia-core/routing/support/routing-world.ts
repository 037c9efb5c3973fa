import { SeededRandom, TimerQueue } from '../../../../xia-core/src/bytes/index.js';
import {
  LinkStateRouting,
  type RouteChange,
  type RoutingEvent,
  type RoutingLimits,
  type RoutingTimers,
} from '../../../../xia-core/src/routing/index.js';
import { certificateSchema, sealCertificate } from '../../../../xia-core/src/wire/mobility-statements.js';
import { RoutingKind, encodeRoutingStatement } from '../../../../xia-core/src/wire/routing-messages.js';
import { sealLinkState, type LinkState } from '../../../../xia-core/src/wire/routing-statements.js';
import { StatementKind, readStatement } from '../../../../xia-core/src/wire/statement.js';
import { PrincipalType, xidOf, type Identity, type Xid } from '../../../../xia-core/src/xid/index.js';
import { cheapCrypto, cheapIdentity } from '../../mobility/support/cheap-crypto.js';

export const WALL_START = 1_800_000_000_000;
const DAY_MS = 86_400_000;

export const adOf = (number: number): Xid => xidOf(PrincipalType.AD, cheapIdentity(1000 + number));
export const hidOf = (number: number): Xid => xidOf(PrincipalType.HID, cheapIdentity(number));
export const hostOf = (number: number): Xid => xidOf(PrincipalType.HID, cheapIdentity(20_000 + number));

export function certificateFor(ad: number, identity: Identity): Uint8Array {
  const certificate = { ad: adOf(ad), hid: xidOf(PrincipalType.HID, identity), notBefore: 0, notAfter: WALL_START + DAY_MS };
  return sealCertificate(certificate, cheapIdentity(1000 + ad));
}

/** A message with what a router of that number might announce, as its key signs it unless another one does. */
export function announcementOf(router: number, ad: number, body: Partial<LinkState>, identity = cheapIdentity(router)): Uint8Array {
  const fields = {
    ad: adOf(ad),
    router: hidOf(router),
    fragment: 0,
    sequence: WALL_START + DAY_MS,
    issuedMs: WALL_START,
    lifetimeMs: 60_000,
    links: [],
    hosts: [],
    certificate: certificateFor(ad, cheapIdentity(router)),
  };
  return encodeRoutingStatement(RoutingKind.LINK_STATE, sealLinkState({ ...fields, ...body }, identity));
}

const certificates = new Map<string, { ad: Xid; hid: Xid } | undefined>();

/** Verifies a certificate as a node does, and remembers it. */
function certified(bytes: Uint8Array): { ad: Xid; hid: Xid } | undefined {
  const text = Buffer.from(bytes).toString('latin1');
  if (!certificates.has(text)) {
    const read = readStatement(bytes, StatementKind.CERTIFICATE, certificateSchema);
    const isGood = read.ok && cheapCrypto.hash(bytes.subarray(2, 34)).every((byte, index) => byte === read.value.ad.id[index]);
    certificates.set(text, isGood ? read.value : undefined);
  }
  return certificates.get(text);
}

/** A link of two or more routers. The neighbour number of a member is its place and one. */
export interface Segment {
  readonly members: ReadonlyArray<{ readonly router: SimRouter; readonly face: number; cost: number }>;
  isUp: boolean;
}

export interface SimOptions {
  readonly timers?: RoutingTimers;
  readonly limits?: RoutingLimits;
}

/** One router with what it told its stack. */
export class SimRouter {
  readonly number: number;
  readonly adNumber: number;
  readonly identity: Identity;
  readonly segments: Segment[] = [];
  readonly hosts = new Map<number, number>();
  readonly routes = new Map<string, RouteChange>();
  readonly events: RoutingEvent[] = [];
  readonly #world: RoutingWorld;
  readonly #options: SimOptions;
  machine!: LinkStateRouting;
  isAlive = true;
  wallShiftMs = 0;
  stalledUntilMs = 0;

  constructor(world: RoutingWorld, number: number, adNumber: number, options: SimOptions) {
    this.#world = world;
    this.number = number;
    this.adNumber = adNumber;
    this.identity = cheapIdentity(number);
    this.#options = options;
    this.start();
  }

  get hid(): Xid {
    return hidOf(this.number);
  }

  get wallNow(): number {
    return WALL_START + this.#world.now + this.wallShiftMs;
  }

  /** A life without memory of an earlier one. */
  start(): void {
    this.isAlive = true;
    this.routes.clear();
    this.machine = new LinkStateRouting({
      ad: adOf(this.adNumber),
      hid: this.hid,
      identity: this.identity,
      crypto: cheapCrypto,
      rng: new SeededRandom(this.#world.rng.below(2 ** 32)),
      certificate: () => certificateFor(this.adNumber, this.identity),
      faces: () => this.segments.map(({ members }) => members.find(({ router }) => router === this)!),
      sink: { sendLink: (face, neighbour, payload) => this.#world.send(this, face, neighbour, payload) },
      certified,
      onRoutes: (changes) => this.#follow(changes),
      onEvent: (event) => this.events.push(event),
      ...this.#options,
    });
    for (const [host, sequence] of this.hosts) this.machine.setHost(hostOf(host), sequence, this.#world.now);
  }

  #follow(changes: readonly RouteChange[]): void {
    for (const change of changes) {
      const told = this.routes.get(change.xid.key);
      const isSame = told === undefined ? change.hop === undefined : JSON.stringify(told) === JSON.stringify(change);
      if (isSame) throw new Error(`told twice: ${change.xid}`);
      if (change.hop === undefined) this.routes.delete(change.xid.key);
      else this.routes.set(change.xid.key, change);
    }
  }
}

/** Routers, the links between them, and a clock of their own. */
export class RoutingWorld {
  readonly rng: SeededRandom;
  readonly routers: SimRouter[] = [];
  readonly segments: Segment[] = [];
  readonly #packets = new TimerQueue<() => void>();
  now = 0;
  loss = 0;
  duplication = 0;
  /** Sees every message that is sent; returns false to keep it from arriving. */
  tap: ((from: SimRouter, payload: Uint8Array) => boolean) | undefined;

  constructor(seed: number) {
    this.rng = new SeededRandom(seed);
  }

  addRouter(ad: number, options: SimOptions = {}): SimRouter {
    const router = new SimRouter(this, this.routers.length + 1, ad, options);
    this.routers.push(router);
    return router;
  }

  connect(routers: readonly SimRouter[], cost: number | (() => number) = 1): Segment {
    const members = routers.map((router) => ({
      router,
      face: router.segments.length + 1,
      cost: typeof cost === 'number' ? cost : cost(),
    }));
    const segment: Segment = { members, isUp: true };
    for (const router of routers) router.segments.push(segment);
    this.segments.push(segment);
    return segment;
  }

  send(from: SimRouter, face: number, neighbour: number, payload: Uint8Array): void {
    if (this.tap?.(from, payload) === false) return;
    const segment = from.segments[face - 1]!;
    const place = segment.members.findIndex(({ router }) => router === from);
    for (const [index, member] of segment.members.entries()) {
      if (index === place || (neighbour !== 0 && neighbour !== index + 1)) continue;
      const copies = (this.rng.unit() < this.loss ? 0 : 1) + (this.rng.unit() < this.duplication ? 1 : 0);
      for (let copy = 0; copy < copies; copy++) {
        const packet = (): void => {
          if (!segment.isUp || !member.router.isAlive) return;
          if (member.router.stalledUntilMs > this.now) this.#packets.set(packet, member.router.stalledUntilMs);
          else member.router.machine.handleMessage(member.face, place + 1, payload.slice(), this.now, member.router.wallNow);
        };
        this.#packets.set(packet, this.now + 0.2 + 3 * this.rng.unit());
      }
    }
  }

  /** Lets time pass. */
  run(forMs: number): void {
    const end = this.now + forMs;
    for (;;) {
      let next = this.#packets.next();
      for (const router of this.routers) {
        if (router.isAlive) next = Math.min(next, Math.max(router.machine.nextTimeout(), router.stalledUntilMs));
      }
      if (next > end) break;
      this.now = Math.max(this.now, next);
      for (let packet = this.#packets.popDue(this.now); packet !== undefined; packet = this.#packets.popDue(this.now)) packet();
      for (const { isAlive, machine, wallNow, stalledUntilMs } of this.routers) {
        if (isAlive && stalledUntilMs <= this.now && machine.nextTimeout() <= this.now) machine.handleTimeout(this.now, wallNow);
      }
    }
    this.now = end;
  }

  /** Lets time pass until the condition holds. Returns how long that took, at most `limitMs`. */
  runUntil(condition: () => boolean, limitMs = 3000): number {
    const start = this.now;
    while (!condition() && this.now - start < limitMs) this.run(20);
    return this.now - start;
  }
}
