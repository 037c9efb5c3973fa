import type { Gauge, RandomSource } from '../bytes/index.js';
import { StatementVerifier, type Mobility, type MobilityEvent } from '../mobility/index.js';
import {
  LinkStateRouting,
  type AnnouncementView,
  type RouteChange,
  type RoutingEvent,
  type RoutingFace,
  type RoutingNeighbour,
  type RoutingTimers,
} from '../routing/index.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import type { FaceTable } from './face-table.js';
import type { Rib } from './rib.js';
import type { RouterOptions } from './role.js';

const DEFAULT_COST = 10;

export interface RoutingPartOptions {
  readonly role: RouterOptions;
  readonly hid: Xid;
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  readonly faces: FaceTable;
  readonly rib: Rib;
  readonly mobility: () => Mobility;
  readonly sendLink: (face: number, neighbour: number, payload: Uint8Array) => void;
  readonly onEvent: (event: RoutingEvent) => void;
  readonly now: () => number;
  readonly timers: RoutingTimers;
  /** Cost of a peer face by its name; undefined for the default, 10. */
  readonly cost?: ((face: string) => number | undefined) | undefined;
}

interface AnnouncedHost {
  readonly hid: Xid;
  isHere: boolean;
  /** Whether its next binding is announced, too. */
  readonly isSaidAgain: boolean;
}

/**
 * The routing of a router among the other parts of the node: what link-state routing learns goes into the routing information
 * base, what mobility learns of who is bound here is announced, and each is told what the other has found out.
 */
export class RoutingPart {
  readonly #options: RoutingPartOptions;
  readonly #protocol: LinkStateRouting;
  readonly #verifier: StatementVerifier;
  #certificate: Uint8Array;
  /** The HIDs that are announced, by key; those that have moved on are not here. Not more than mobility has bindings. */
  readonly #announced = new Map<string, AnnouncedHost>();
  #notFromPeers = 0;

  constructor(options: RoutingPartOptions) {
    this.#options = options;
    this.#verifier = new StatementVerifier({ crypto: options.crypto });
    const { role, hid, identity, crypto, rng, sendLink, timers } = options;
    this.#certificate = role.certificate;
    this.#protocol = new LinkStateRouting({
      ad: role.ad,
      certificate: () => this.#certificate,
      hid,
      identity,
      crypto,
      rng,
      timers,
      faces: () => this.#peerFaces(),
      sink: { sendLink },
      certified: (certificate, wallNow) => this.#verifier.certificate(certificate, wallNow),
      onRoutes: (changes) => this.#routesChanged(changes),
      onEvent: (event) => this.#handle(event),
    });
  }

  /** A datagram to SID_ROUTING. Only other routers are listened to, and they are on peer faces. */
  handleMessage(face: number, neighbour: number, payload: Uint8Array, now: number, wallNow: number): void {
    if (this.#options.faces.get(face)?.role === 'peer') this.#protocol.handleMessage(face, neighbour, payload, now, wallNow);
    else this.#notFromPeers++;
  }

  /**
   * Announces who is bound here. A HID that has moved on from here, or from another router of the AD that does not say so, stays
   * announced while this node knows where to: other routers of the AD still send here what comes for its old address.
   */
  bindingChanged(event: MobilityEvent, now: number): void {
    if (event.kind === 'expired') return this.#withdraw(event.hid, now);
    if (event.kind !== 'bound' && event.kind !== 'patched') return;
    const { hid, hop, sequence } = event;
    const known = this.#announced.get(hid.key);
    if (event.kind === 'patched') {
      if (known !== undefined) known.isHere = false;
      // Said again with the next binding: who had this one, and lost its way, takes a later one only.
      if (known?.isSaidAgain === true || (known === undefined && this.#isKnownHereOnly(hid))) {
        this.#announce({ hid, isHere: false, isSaidAgain: known === undefined }, sequence, now);
      }
    } else if (hop === undefined) {
      this.#withdraw(hid, now);
    } else if (known?.isHere !== true) {
      this.#announce({ hid, isHere: true, isSaidAgain: false }, sequence, now);
    }
  }

  /** Bindings may have lost their hop: who was bound here by it is so no more. Says nothing of those that have moved on. */
  bindingsLost(now: number): void {
    for (const { hid } of this.#announced.values()) {
      const entry = this.#options.mobility().binding(hid);
      if (entry === undefined || (entry.hop === undefined && entry.state !== 'draining')) this.#withdraw(hid, now);
    }
  }

  /** Another certificate of the same AD for the same key: told from the next hello and announcement on. */
  renew(certificate: Uint8Array): void {
    this.#certificate = certificate;
  }

  /** A face, or the whole node, is about to be closed: the routers there are told. */
  takeLeave(face?: number): void {
    this.#protocol.takeLeave(face);
  }

  faceRemoved(face: number, now: number, neighbour?: number): void {
    this.#protocol.faceRemoved(face, now, neighbour);
  }

  neighbours(now: number): Iterable<RoutingNeighbour> {
    return this.#protocol.neighbours(now);
  }

  lsdb(now: number): Iterable<AnnouncementView> {
    return this.#protocol.lsdb(now);
  }

  nextTimeout(): number {
    return this.#protocol.nextTimeout();
  }

  handleTimeout(now: number, wallNow: number): void {
    this.#protocol.handleTimeout(now, wallNow);
  }

  counters(): Record<string, number> {
    return { ...this.#protocol.counters.toJSON(), 'not-from-peer': this.#notFromPeers };
  }

  gauges(): Gauge[] {
    return this.#protocol.gauges();
  }

  *#peerFaces(): Iterable<RoutingFace> {
    for (const [face, { name, role }] of this.#options.faces.entries()) {
      if (role === 'peer') yield { face, cost: this.#options.cost?.(name) ?? DEFAULT_COST };
    }
  }

  #routesChanged(changes: readonly RouteChange[]): void {
    const { rib } = this.#options;
    for (const { xid, hop, cost, sequence = 0 } of changes) {
      if (hop === undefined) rib.delete('link-state', xid);
      else rib.set('link-state', xid, hop, { cost, sequence });
    }
    this.#options.mobility().waysTurned(
      changes.flatMap(({ xid, hop }) => (hop === undefined ? [] : [xid])),
      this.#options.now(),
    );
  }

  #handle(event: RoutingEvent): void {
    const { mobility, onEvent, now } = this.#options;
    if (event.kind === 'neighbour-down') {
      mobility().faceRemoved(event.hop.face, now(), event.hop.neighbour);
      this.bindingsLost(now());
    } else if (event.kind === 'neighbour-up') {
      mobility().neighbourBack(event.hop, now());
    } else if (event.kind === 'host-elsewhere') {
      mobility().forgetPlace(event.hid, event.sequence);
      this.#withdraw(event.hid, now());
    }
    onEvent(event);
  }

  /**
   * Whether packets for an old address in this AD can go on from here and from no other router: the one where the HID was bound
   * has restarted, or lost it before it was told where it went.
   */
  #isKnownHereOnly(hid: Xid): boolean {
    const { mobility, rib, role } = this.#options;
    const binding = mobility().binding(hid)?.proof?.binding;
    if (binding === undefined || binding.ad.equals(role.ad) || rib.get('link-state', hid) !== undefined) return false;
    return binding.previousAds.some((ad) => ad.equals(role.ad));
  }

  #announce(host: AnnouncedHost, sequence: number, now: number): void {
    this.#announced.set(host.hid.key, host);
    this.#protocol.setHost(host.hid, sequence, now);
  }

  #withdraw(hid: Xid, now: number): void {
    if (this.#announced.delete(hid.key)) this.#protocol.removeHost(hid, now);
  }
}
