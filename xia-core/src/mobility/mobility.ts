import type { Gauge } from '../bytes/index.js';
import { MobilityKind, decodeMobilityMessage } from '../wire/mobility-messages.js';
import { PrincipalType, Xid } from '../xid/index.js';
import { Attachment, type HintReason } from './attachment.js';
import type { AttachmentState } from './attachment-state.js';
import { BeaconRelay } from './beacon-relay.js';
import { BeaconSender } from './beacon-sender.js';
import { BeaconToken } from './beacon-token.js';
import type { BindingEntry, BindingProof } from './binding-entry.js';
import { BindingPasser, type Uplink } from './binding-passer.js';
import { BindingTable, DEFAULT_MAX_BINDINGS } from './binding-table.js';
import { Counters } from '../bytes/counters.js';
import type { AttachmentInfo, CounterName, MobilityEvent } from './events.js';
import { Fences } from './fences.js';
import { Gateway } from './gateway.js';
import { GuestMoves } from './guest-moves.js';
import type { Hop } from './links.js';
import { MessageLimits } from './message-limits.js';
import type { MobilityOptions, MobilitySettings } from './mobility-options.js';
import { NoticeTaker } from './notice-taker.js';
import { Patcher } from './patcher.js';
import type { GuestPlace } from './prepared-guests.js';
import { MovedHosts } from './moved-hosts.js';
import { Redirector } from './redirector.js';
import { StatementVerifier } from './verify.js';
import { WayWatcher } from './way-watcher.js';

/**
 * Everything of mobility that one node needs, as its role asks for it.
 *
 * Contract: call `handleTimeout` when `nextTimeout()` has come, the first time at once; give every datagram to
 * SID_BOOTSTRAP to `handleMessage`. Both may send through `sink`, change `routes` and report by `onEvent` before they
 * return. `now` is monotonic, `wallNow` counts from 1970, both in milliseconds. Nothing that arrives makes it throw.
 */
export class Mobility {
  readonly hid: Xid;
  readonly counters = new Counters<CounterName>();
  /** Whom this node sends to, and who of them has moved. */
  readonly moved: MovedHosts;
  /** Tells others of hosts that have left. */
  readonly redirector: Redirector;
  /** Guests that were given away, and that are refused here. */
  readonly fences: Fences;
  /** Machines that come and go, as whoever moves them tells; undefined for a node that has no guests. */
  readonly guests: GuestMoves | undefined;
  readonly #messageLimits: MessageLimits;
  readonly #table: BindingTable;
  readonly #patcher: Patcher;
  readonly #beaconSender: BeaconSender | undefined;
  readonly #gateway: Gateway | undefined;
  readonly #ways: WayWatcher | undefined;
  readonly #relay: BeaconRelay | undefined;
  readonly #passer: BindingPasser | undefined;
  readonly #attachment: Attachment | undefined;
  readonly #noticeTaker: NoticeTaker | undefined;
  #holds = true;

  constructor(options: MobilityOptions) {
    const { identity, crypto, rng, faces, sink, role } = options;
    const limits = options.limits ?? {};
    const { counters } = this;
    const hid = new Xid(PrincipalType.HID, identity.id);
    this.hid = hid;
    const messageLimits = new MessageLimits(limits);
    this.#messageLimits = messageLimits;
    const verifier = new StatementVerifier({ crypto, ...defined({ skewMs: limits.skewMs }) });
    const onEvent = (event: MobilityEvent): void => {
      if (event.kind === 'detached') this.#relay?.clear();
      this.redirector.heard(event);
      options.onEvent(event);
    };
    const table = new BindingTable({
      routes: options.routes,
      onAwake: (awake) => this.guests?.awake(awake),
      ad: role.kind === 'router' ? role.ad : undefined,
      onExpired: (expired) => onEvent({ kind: 'expired', hid: expired }),
      ...defined({
        maxEntries: limits.maxBindings,
        maxMoves: limits.maxMoves,
        moveWindowMs: limits.moveWindowMs,
        freezeMs: limits.freezeMs,
        skewMs: limits.skewMs,
      }),
    });
    const { adRoute, hidRoute = () => undefined } = options;
    const patcher = new Patcher({ hid, table, verifier, sink, adRoute, hidRoute, limiter: messageLimits.patchLimiter, counters, onEvent });
    this.#table = table;
    const { send, salt = 0 } = options;
    const ourAd = (): Xid | undefined => (role.kind === 'router' ? role.ad : this.attachment?.ad);
    this.moved = new MovedHosts({ hid, verifier, counters, onEvent, salt });
    this.redirector = new Redirector({ ad: ourAd, proofOf: (left) => this.proofOf(left), send, counters, salt });
    this.#patcher = patcher;
    const fences = new Fences({ hid, table, counters, onEvent });
    this.fences = fences;
    const shared = { hid, identity, crypto, rng, faces, sink, table, fences, patcher, verifier, counters, onEvent };
    const holds = (): boolean => this.#holds;
    const { hopLimiter, hidLimiter, solicitLimiter, prepareLimiter } = messageLimits;
    const limiters = { hopLimiter, hidLimiter, solicitLimiter, prepareLimiter };
    if (role.kind === 'router') {
      const { ad, certificate } = role;
      const token = new BeaconToken(crypto, rng);
      const beaconSender = new BeaconSender({ ...shared, ...limiters, ...role.beacon, ad, certificate, token });
      const grant = defined({ maxGrantMs: limits.maxGrantMs });
      const gateway = new Gateway({ ...shared, ...limiters, ...grant, ad, certificate, token });
      this.#beaconSender = beaconSender;
      this.#gateway = gateway;
      this.#noticeTaker = new NoticeTaker({ ...shared, ...limiters, holds });
      const place = { ad, router: hid, acceptsToken: (bytes: Uint8Array, now: number) => token.accepts(bytes, now) };
      this.guests = new GuestMoves({
        ...shared,
        ...limiters,
        holds,
        place: () => place,
        beacon: () => beaconSender.newest(),
        bind: (from, binding, now, wallNow) => gateway.handleBinding(from, { binding }, true, now, wallNow),
      });
      this.#ways = new WayWatcher({ hid, table, patcher, maxWaiting: limits.maxBindings ?? DEFAULT_MAX_BINDINGS });
    }
    if (role.kind === 'host') {
      const relay = new BeaconRelay({ ...shared, ...limiters, mtu: role.mtu });
      const passer = new BindingPasser({ ...shared, ...limiters, uplink: () => this.#uplink() });
      this.#relay = relay;
      this.#passer = passer;
      this.guests = new GuestMoves({
        ...shared,
        ...limiters,
        holds,
        attachment: () => this.#uplink()?.attachment,
        place: () => this.#guestPlace(),
        beacon: (now) => relay.newest(now),
        bind: (from, binding, now) => passer.handleBinding(from, { binding }, true, now),
      });
    }
    if (role.kind === 'host' || role.kind === 'application') {
      this.#attachment = new Attachment({
        ...shared,
        ...limiters,
        ...role.attach,
        onBeacon: (message, point) => this.#relay?.relay(message, point),
      });
    }
  }

  /** Where this node is attached; undefined while it is not, and for a router. */
  get attachment(): AttachmentInfo | undefined {
    return this.#attachment?.current;
  }

  /** The state of the attachment; undefined for a router. */
  get attachmentState(): AttachmentState | undefined {
    return this.#attachment?.state;
  }

  /** The bindings that this node knows, for display. */
  bindings(): Iterable<Readonly<BindingEntry>> {
    return this.#table.entries();
  }

  /** What this node knows of the binding of a HID. */
  binding(hid: Xid): Readonly<BindingEntry> | undefined {
    return this.#table.get(hid);
  }

  /** The signed binding of a HID and the gateway's ack of it: what a redirect shows to the source of a packet. */
  proofOf(hid: Xid): BindingProof | undefined {
    return this.#table.get(hid)?.proof;
  }

  /** A datagram to SID_BOOTSTRAP that came in on `face` from `neighbour`. */
  handleMessage(face: number, neighbour: number, payload: Uint8Array, isAccessFace: boolean, now: number, wallNow: number): void {
    const decoded = decodeMobilityMessage(payload);
    if (!decoded.ok) return this.counters.count(`message:${decoded.reason}`);
    const { message } = decoded;
    const from: Hop = { face, neighbour };
    switch (message.kind) {
      case MobilityKind.BEACON:
        if (isAccessFace) return this.counters.count('beacon:from-access');
        if (this.#attachment === undefined) return this.counters.count('beacon:not-wanted');
        return this.#attachment.handleBeacon(from, message, now, wallNow);
      case MobilityKind.SOLICIT: {
        const speaker = this.#beaconSender ?? this.#relay;
        if (speaker === undefined) return this.counters.count('solicit:not-access');
        if (isAccessFace) this.guests?.asks(from, message.hid, now, wallNow);
        return speaker.handleSolicit(from, isAccessFace, now);
      }
      case MobilityKind.BINDING:
        if (this.#gateway !== undefined) return this.#gateway.handleBinding(from, message, isAccessFace, now, wallNow);
        if (this.#passer === undefined) return this.counters.count('binding:not-access');
        this.#passer.handleBinding(from, message, isAccessFace, now);
        return this.guests?.tellAwake(now, wallNow);
      case MobilityKind.BINDING_ACK:
        if (isAccessFace) return this.counters.count('ack:from-access');
        if (message.hid.equals(this.hid) && this.#attachment !== undefined) return this.#attachment.handleAck(from, message, now, wallNow);
        if (this.#passer === undefined) return this.counters.count('ack:unmatched');
        return this.#passer.handleAck(from, message, now, wallNow);
      case MobilityKind.PATCH:
        return this.#patcher.handlePatch(from, message, isAccessFace, now, wallNow);
      case MobilityKind.PATCH_ACK:
        return this.#patcher.handlePatchAck(from, message);
      case MobilityKind.NOTICE:
        if (this.#noticeTaker === undefined) return this.counters.count('notice:not-gateway');
        return this.#noticeTaker.handleNotice(from, message, isAccessFace, now, wallNow);
      case MobilityKind.NOTICE_ACK:
        if (isAccessFace) return this.counters.count('notice-ack:from-access');
        if (this.guests === undefined) return this.counters.count('notice-ack:unmatched');
        return this.guests.handleNoticeAck(from, message);
      case MobilityKind.REDIRECT:
        return this.moved.handleRedirect(message, now, wallNow);
      case MobilityKind.PREPARE:
        if (isAccessFace) return this.counters.count('prepare:from-access');
        if (this.#attachment === undefined) return this.counters.count('prepare:unmatched');
        return this.#attachment.handlePrepare(from, message, now, wallNow);
      case MobilityKind.PREPARED:
        if (this.guests === undefined) return this.counters.count('prepared:not-access');
        return this.guests.handlePrepared(from, message, isAccessFace, now);
    }
  }

  /** Something outside says that this node may have moved. */
  hint(reason: HintReason, now: number): void {
    this.#attachment?.hint(reason, now);
  }

  /**
   * Somebody has just appeared at an access face: the newest beacon goes there without being asked for.
   * @param station the MAC address, as text, of a machine that has announced itself; undefined when only its wire was plugged in
   */
  greet(newcomer: Hop, station: string | undefined, now: number, wallNow: number): void {
    this.guests?.appeared(newcomer, station, now, wallNow);
    this.guests?.tellAwake(now, wallNow);
    (this.#beaconSender ?? this.#relay)?.greet(newcomer, now);
  }

  /** A face is gone, or one neighbour of it: its routes go, what was learned of sequences stays. */
  faceRemoved(face: number, now: number, neighbour?: number): void {
    this.guests?.faceRemoved(face, neighbour, now);
    this.#table.faceRemoved(face, now, neighbour);
    this.#patcher.faceRemoved(face, neighbour);
    this.fences.wireGone(face, neighbour);
    this.#attachment?.faceRemoved(face, now, neighbour);
  }

  /** A neighbour that was gone is there again. */
  neighbourBack(hop: Hop, now: number): void {
    this.#table.neighbourBack(hop, now);
  }

  /** Changes settings while the node runs. */
  configure({ beacon, certificate, relayMtu, moves, holds }: MobilitySettings, now: number): void {
    if (holds !== undefined) this.#holds = holds;
    if (moves !== undefined) this.#table.limitMoves(moves.limit, moves.windowMs);
    if (relayMtu !== undefined && this.#relay !== undefined) this.#relay.mtu = relayMtu;
    if (certificate !== undefined && this.#gateway !== undefined) this.#gateway.certificate = certificate;
    if (beacon === undefined && certificate === undefined) return;
    this.#beaconSender?.configure({ ...beacon, ...(certificate === undefined ? {} : { certificate }) }, now);
  }

  /** Changes the ADs that may be attached to; undefined: all. A place in another AD is left, and another one looked for. */
  trust(ads: readonly Xid[] | undefined, now: number): void {
    this.#attachment?.trust(ads, now);
  }

  /** Another router of this AD has a later binding of `hid`: it is not where it was bound here any more. */
  forgetPlace(hid: Xid, sequence: number): void {
    this.#table.forgetPlace(hid, sequence);
  }

  /** The ways to these ADs, and to HIDs at other routers of this AD, have changed: who came from there is patched anew. */
  waysTurned(xids: readonly Xid[], now: number): void {
    this.#ways?.turned(xids, now);
  }

  /** Detaches in good order; `detached` follows. */
  leave(now: number, wallNow: number): void {
    this.#attachment?.leave(now, wallNow);
  }

  /** When `handleTimeout` has to be called next. */
  nextTimeout(): number {
    return Math.min(
      this.#table.nextTimeout(),
      this.#patcher.nextTimeout(),
      this.fences.nextTimeout(),
      this.#ways?.nextTimeout() ?? Infinity,
      this.#beaconSender?.nextTimeout() ?? Infinity,
      this.#attachment?.nextTimeout() ?? Infinity,
      this.guests?.nextTimeout() ?? Infinity,
    );
  }

  handleTimeout(now: number, wallNow: number): void {
    this.#table.handleTimeout(now);
    this.#patcher.handleTimeout(now);
    this.fences.handleTimeout(now);
    this.#ways?.handleTimeout(now);
    this.#beaconSender?.handleTimeout(now, wallNow);
    this.#attachment?.handleTimeout(now, wallNow);
    this.guests?.handleTimeout(now, wallNow);
  }

  gauges(): Gauge[] {
    return [
      ...this.#table.gauges(),
      ...this.#patcher.gauges(),
      ...this.fences.gauges(),
      ...(this.#ways?.gauges() ?? []),
      ...this.moved.gauges(),
      ...this.redirector.gauges(),
      ...(this.#attachment?.gauges() ?? []),
      ...(this.guests?.gauges() ?? []),
      ...this.#messageLimits.gauges(),
    ];
  }

  #guestPlace(): GuestPlace | undefined {
    const uplink = this.#uplink();
    return uplink && { ad: uplink.attachment.ad, router: uplink.attachment.router, acceptsToken: (token) => uplink.acceptsToken(token) };
  }

  #uplink(): Uplink | undefined {
    const attachment = this.#attachment;
    if (attachment?.state !== 'bound' || attachment.current === undefined) return undefined;
    return { attachment: attachment.current, acceptsToken: (token) => attachment.acceptsToken(token) };
  }
}

/** Without the keys that are undefined, so that a default applies where an option was not given. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
