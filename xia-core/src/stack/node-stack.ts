import { XiaError, type RandomSource } from '../bytes/index.js';
import {
  BufferPool,
  Fetcher,
  LocalContent,
  Responder,
  type EvictionPolicyName,
  type FetchEvent,
  type FetchLimits,
} from '../content/index.js';
import { hostDag, linkLocalDag, serviceDag, type Dag } from '../dag/index.js';
import { ForwardingEngine, type NextHop } from '../forwarding/index.js';
import { Mobility, NameClient, type AttachmentInfo, type MobilityEvent, type MobilityLimits, type NameEvent } from '../mobility/index.js';
import { DatagramEndpoint, StreamEndpoint, type DatagramSocketHandle, type StreamEvent, type StreamLimits } from '../transport/index.js';
import { encodeDgramHeader, encodeXip, NextHeader, type XipView } from '../wire/index.js';
import { PrincipalType, SID_BOOTSTRAP, xidOf, Xid, type CryptoSuite, type Identity } from '../xid/index.js';
import { Delivery } from './delivery.js';
import { EchoEndpoint } from './echo-endpoint.js';
import { FaceTable, type FaceSpec } from './face-table.js';
import { NameKeeper } from './name-keeper.js';
import { mobilityRole, type RoleOptions } from './role.js';
import { PacketPath, type Transmit } from './packet-path.js';
import { PathMtuTable } from './path-mtu.js';
import { SourceMemo } from './source-memo.js';
import { XcmpAnswers } from './xcmp-answers.js';

/** What a node tells its owner. */
export type StackEvent =
  | { readonly layer: 'mobility'; readonly event: MobilityEvent }
  | { readonly layer: 'stream'; readonly event: StreamEvent }
  | { readonly layer: 'datagram'; readonly socket: DatagramSocketHandle }
  | { readonly layer: 'fetch'; readonly event: FetchEvent }
  | { readonly layer: 'name'; readonly event: NameEvent };

export interface NodeStackOptions {
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  readonly faces: readonly FaceSpec[];
  readonly role: RoleOptions;
  /** Codes of further principal types to route by. A node of another type in an address is passed over, to its fallback. */
  readonly principals?: readonly number[];
  /** On-path chunk cache; off by default. */
  readonly cache?: { readonly bytes: number; readonly policy: EvictionPolicyName } | undefined;
  readonly transmit: Transmit;
  readonly onEvent: (event: StackEvent) => void;
  /** Used in place of the name server that beacons tell of. */
  readonly nameServer?: Dag | undefined;
  readonly mobilityLimits?: MobilityLimits;
  readonly streamLimits?: Partial<StreamLimits>;
  readonly fetchLimits?: FetchLimits;
}

/** Memory of fetched chunks that is kept for the next ones. */
const IDLE_BUFFER_BYTES = 16 * 1024 * 1024;

/** Principal types that a host sends to its access point when it knows nothing better. */
const DEFAULTED_TYPES = [PrincipalType.AD, PrincipalType.HID, PrincipalType.IP] as const;

/**
 * One XIA node, whatever its role: forwarding, transports, content and mobility over some faces.
 *
 * It has no clock, no socket and no Promise. Inputs: the methods that take `now` (monotonic ms). Outputs: `transmit`, called
 * for every packet that leaves by a face, and `onEvent`; both are called before the input returns. After any input,
 * `nextTimeout` says when `handleTimeout` is due.
 */
export class NodeStack {
  readonly hid: Xid;
  readonly faces = new FaceTable();
  readonly engine: ForwardingEngine;
  readonly content: LocalContent;
  readonly fetcher: Fetcher;
  readonly streams: StreamEndpoint;
  readonly datagrams: DatagramEndpoint;
  readonly echoes: EchoEndpoint;
  readonly mobility: Mobility;
  readonly xcmp: XcmpAnswers;
  readonly names: NameClient;
  readonly #keeper: NameKeeper;
  readonly #nameSocket: DatagramSocketHandle;
  readonly #configuredNameServer: Dag | undefined;
  readonly #path: PacketPath;
  readonly #delivery: Delivery;
  readonly #responder = new Responder();
  readonly #pathMtu = new PathMtuTable();
  readonly #buffers = new BufferPool(IDLE_BUFFER_BYTES);
  readonly #sources = new SourceMemo();
  readonly #fetchSid: Xid;
  /** Where chunks are asked from. */
  #fetchDag: Dag;
  readonly #onEvent: (event: StackEvent) => void;
  #ad: Xid | undefined;
  #dag: Dag;
  #now = -Infinity;

  /** Added to monotonic time it gives wall-clock ms; statements are dated with it. */
  wallOffsetMs = 0;

  constructor(options: NodeStackOptions) {
    const { identity, crypto, rng, transmit, role } = options;
    this.#onEvent = options.onEvent;
    this.hid = xidOf(PrincipalType.HID, identity);
    this.#ad = role.kind === 'router' ? role.ad : undefined;
    this.#dag = hostDag(this.#ad, this.hid);
    this.engine = new ForwardingEngine({ salt: rng.below(0x1_0000_0000) });
    for (const type of options.principals ?? []) this.engine.addPrincipal(type);
    this.engine.setLocal(this.hid);
    if (this.#ad !== undefined) this.engine.setLocal(this.#ad);
    for (const face of options.faces) this.faces.add(face);
    this.content = new LocalContent({
      cache: { crypto, budgetBytes: options.cache?.bytes ?? 0, policy: options.cache?.policy ?? 'fifo' },
      buffers: this.#buffers,
      onLocal: (id) => this.engine.setLocal(new Xid(PrincipalType.CID, id.slice())),
      onGone: (id) => this.engine.unsetLocal(new Xid(PrincipalType.CID, id.slice())),
    });
    this.#path = new PacketPath({
      engine: this.engine,
      faces: this.faces,
      transmit,
      deliver: (view, face, neighbour, now) => this.#delivery.deliver(view, face, neighbour, now),
      observe: (view, now) => this.content.observe(view, now),
      report: (type, code, view, now, mtu) => this.xcmp.error(type, code, view, now, mtu),
      redirect: (view, node, better, now) => this.xcmp.redirect(view, node, better, now),
    });
    this.xcmp = new XcmpAnswers(
      (nextHeader, destination, source, payload) => this.#originate(nextHeader, destination, source, payload),
      () => this.#dag,
    );
    this.echoes = new EchoEndpoint(rng.below(0x10000));
    this.#fetchSid = new Xid(PrincipalType.SID, rng.bytes(20).slice());
    this.#fetchDag = this.dag(this.#fetchSid);
    this.engine.setLocal(this.#fetchSid);
    this.fetcher = new Fetcher({
      crypto,
      rng,
      send: (destination, payload) => this.#originate(NextHeader.CHUNK, destination, this.#fetchDag, payload),
      onEvent: (event) => this.#onEvent({ layer: 'fetch', event }),
      buffers: this.#buffers,
      ...options.fetchLimits,
    });
    this.streams = new StreamEndpoint({
      crypto,
      identity,
      rng,
      localDag: (sid) => this.dag(sid),
      mtu: (destination) => this.mtuTowards(destination),
      output: ({ destination, source, payload }) => this.#originate(NextHeader.STREAM, destination, source, payload),
      onEvent: (event) => this.#onEvent({ layer: 'stream', event }),
      ...(options.streamLimits === undefined ? {} : { limits: options.streamLimits }),
    });
    this.datagrams = new DatagramEndpoint({
      rng,
      localDag: (sid) => this.dag(sid),
      output: ({ destination, source, payload }) => this.#originate(NextHeader.TRANSPORT, destination, source, payload),
      onReadable: (socket) => {
        if (socket === this.#nameSocket) this.#readNameReplies();
        else this.#onEvent({ layer: 'datagram', socket });
      },
    });
    this.#configuredNameServer = options.nameServer;
    this.#nameSocket = this.datagrams.open();
    this.engine.setLocal(this.#nameSocket.sid);
    this.#keeper = new NameKeeper({
      client: () => this.names,
      identity,
      dag: (sid) => (sid === undefined ? this.#dag : this.dag(sid)),
      onEvent: (event) => this.#onEvent({ layer: 'name', event }),
    });
    this.names = new NameClient({
      crypto,
      rng,
      nameServer: () => this.nameServer,
      send: (destination, payload) => this.#nameSocket.send(destination, payload),
      onEvent: (event) => {
        if (!this.#keeper.handle(event, this.#now)) this.#onEvent({ layer: 'name', event });
      },
    });
    this.mobility = new Mobility({
      role: mobilityRole(role, this.faces),
      identity,
      crypto,
      rng,
      faces: { access: () => this.faces.withRole('access'), uplink: () => this.faces.withRole('uplink') },
      sink: { sendLink: (face, neighbour, payload) => this.#sendLink(face, neighbour, payload) },
      routes: {
        get: (hid) => this.engine.nextHop(hid),
        set: (hid, hop) => this.engine.route(hid, hop),
        delete: (hid) => this.engine.route(hid, undefined),
      },
      adRoute: (ad) => this.#routeOf(ad),
      onEvent: (event) => this.#handleMobility(event),
      ...(options.mobilityLimits === undefined ? {} : { limits: options.mobilityLimits }),
    });
    this.engine.setLocal(SID_BOOTSTRAP);
    this.#delivery = new Delivery({
      hid: this.hid,
      content: this.content,
      fetcher: this.fetcher,
      sources: this.#sources,
      echoes: this.echoes,
      xcmp: this.xcmp,
      serve: (view, request, cid, now) => this.#serve(view, request, cid, now),
      bootstrap: (face, neighbour, payload, now) =>
        this.mobility.handleMessage(face, neighbour, payload, this.faces.isAccess(face), now, now + this.wallOffsetMs),
      datagrams: this.datagrams,
      streams: this.streams,
      tooBig: (hid, mtu, now) => {
        this.#pathMtu.learn(hid, mtu, now);
      },
    });
  }

  /** The AD that this node is in; undefined before it attached. */
  get ad(): Xid | undefined {
    return this.#ad;
  }

  /** This node's address as it is now, or that of a service on it. */
  dag(sid?: Xid): Dag {
    return sid === undefined ? this.#dag : serviceDag(this.#ad, this.hid, sid);
  }

  /** The address of the name server: the configured one, or what the beacons say. */
  get nameServer(): Dag | undefined {
    return this.#configuredNameServer ?? this.mobility.attachment?.nameServer;
  }

  /** Looks a name up. The event of layer `name` with this `id` (positive) answers. @throws XiaError `bad-argument` */
  resolve(name: string, id: number, now: number): void {
    this.#now = now;
    this.names.query(name, id, now, now + this.wallOffsetMs);
  }

  /** Registers a name for this node or a service on it, and keeps it registered wherever the node goes. */
  keepName(name: string, sid: Xid | undefined, ttlMs: number, id: number, now: number): void {
    this.#now = now;
    this.#keeper.keep(name, sid, ttlMs, id, now, now + this.wallOffsetMs);
  }

  /** Lets a name go; its record expires by itself. */
  dropName(name: string): void {
    this.#keeper.drop(name);
  }

  /** Says what time it is, before a call on one of the parts that may send. */
  advance(now: number): void {
    this.#now = now;
  }

  /** A packet came in by a face. The bytes belong to the node from now on. */
  receive(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    this.#now = now;
    this.#path.receive(face, neighbour, packet, now);
  }

  /** A machine announced itself on an access face, or the link to our own access point came up. */
  announced(face: number, neighbour: number, now: number): void {
    this.#now = now;
    if (this.faces.isAccess(face)) this.mobility.greet({ face, neighbour }, now);
    else this.mobility.hint('link', now);
  }

  /** A neighbour is gone: what was routed to it takes another way, or none. */
  neighbourGone(face: number, neighbour: number, now: number): void {
    this.#now = now;
    this.mobility.faceRemoved(face, now, neighbour);
  }

  /** A static route. @throws XiaError `bad-argument` when the destination is this node's own */
  addRoute(to: Xid, hop: NextHop): void {
    if (!this.engine.route(to, hop))
      throw new XiaError('bad-argument', `${to.toString()} cannot be routed elsewhere: it is here`, { to: to.toString() });
  }

  /** Sends one XCMP echo. False when it could not leave. */
  sendEcho(destination: Dag, message: Uint8Array, hopLimit: number | undefined, now: number): boolean {
    this.#now = now;
    const packet = encodeXip({
      nextHeader: NextHeader.XCMP,
      destination,
      source: this.#dag,
      payload: message,
      ...(hopLimit === undefined ? {} : { hopLimit }),
    });
    return this.#path.originate(packet, now);
  }

  /** Takes the memory of a fetched chunk back, for other chunks. Nobody may read it any more. */
  recycle(bytes: Uint8Array): void {
    this.#buffers.give(bytes);
  }

  /** The largest XIP packet that is known to pass towards an address, in bytes. */
  mtuTowards(destination: Dag): number {
    const attachment = this.mobility.attachment;
    const uplink = attachment === undefined ? this.#largestFaceMtu() : Math.min(this.faces.mtu(attachment.hop.face), attachment.mtu);
    return Math.min(uplink, this.#pathMtu.limit(destination.find(PrincipalType.HID), this.#now));
  }

  /** Makes a service of this node reachable. */
  bindService(sid: Xid): void {
    if (!this.engine.setLocal(sid)) throw new XiaError('limit-reached', 'no room for another service', { sid: sid.toString() });
  }

  unbindService(sid: Xid): void {
    this.engine.unsetLocal(sid);
  }

  nextTimeout(): number {
    return Math.min(
      this.mobility.nextTimeout(),
      this.streams.nextTimeout(),
      this.fetcher.nextTimeout(),
      this.content.nextTimeout(),
      this.names.nextTimeout(),
      this.#keeper.nextTimeout(),
    );
  }

  handleTimeout(now: number): void {
    this.#now = now;
    if (this.mobility.nextTimeout() <= now) this.mobility.handleTimeout(now, now + this.wallOffsetMs);
    if (this.streams.nextTimeout() <= now) this.streams.handleTimeout(now);
    if (this.fetcher.nextTimeout() <= now) this.fetcher.handleTimeout(now);
    if (this.content.nextTimeout() <= now) this.content.handleTimeout(now);
    if (this.names.nextTimeout() <= now) this.names.handleTimeout(now);
    if (this.#keeper.nextTimeout() <= now) this.#keeper.handleTimeout(now, now + this.wallOffsetMs);
  }

  /** Packets by what became of them, and everything refused by reason. */
  counters(): Record<string, Record<string, number>> {
    return {
      path: this.#path.counters(),
      forwarding: this.engine.counters(),
      delivery: this.#delivery.counters(),
      xcmp: { ...this.xcmp.counters },
      mobility: this.mobility.counters.toJSON(),
      responder: { ...this.#responder.counters },
      fetcher: { ...this.fetcher.counters },
    };
  }

  #originate(nextHeader: number, destination: Dag, source: Dag, payload: Uint8Array | readonly Uint8Array[]): boolean {
    return this.#path.originate(encodeXip({ nextHeader, destination, source, payload }), this.#now);
  }

  #sendLink(face: number, neighbour: number, payload: Uint8Array): void {
    const destination = linkLocalDag(SID_BOOTSTRAP);
    const source = this.dag(SID_BOOTSTRAP);
    const packet = encodeXip({ nextHeader: NextHeader.TRANSPORT, destination, source, payload: [encodeDgramHeader(), payload] });
    this.#path.sendLink(face, neighbour, packet);
  }

  #serve(view: XipView, request: { readonly offset: number; readonly length: number }, cid: Uint8Array, now: number): void {
    const chunk = this.content.find(cid, now);
    const asker = this.#sources.of(view);
    if (chunk === undefined || asker === undefined) return;
    this.#responder.respond(view, request, chunk, this.mtuTowards(asker), this.#dag, now, (head, data) =>
      this.#path.originate(head, now, data),
    );
  }

  #routeOf(ad: Xid): NextHop | undefined {
    if (this.engine.isLocal(ad)) return undefined;
    return this.engine.nextHop(ad);
  }

  #largestFaceMtu(): number {
    let largest = 0;
    for (const [, { mtu }] of this.faces.entries()) largest = Math.max(largest, mtu);
    return largest;
  }

  #handleMobility(event: MobilityEvent): void {
    if (event.kind === 'attached') this.#moveTo(undefined, event.attachment);
    else if (event.kind === 'moved') this.#moveTo(event.from, event.to);
    this.#onEvent({ layer: 'mobility', event });
  }

  #moveTo(from: AttachmentInfo | undefined, to: AttachmentInfo): void {
    if (from !== undefined && !from.ad.equals(to.ad)) this.engine.unsetLocal(from.ad);
    else if (this.#ad !== undefined && !this.#ad.equals(to.ad)) this.engine.unsetLocal(this.#ad);
    this.#ad = to.ad;
    this.#dag = hostDag(to.ad, this.hid);
    this.#fetchDag = this.dag(this.#fetchSid);
    this.engine.setLocal(to.ad);
    for (const type of DEFAULTED_TYPES) this.engine.table(type).setDefault(to.hop.face, to.hop.neighbour);
    this.streams.addressChanged(this.#now);
    this.fetcher.addressChanged(this.#now);
    this.#keeper.addressChanged(this.#now, this.#now + this.wallOffsetMs);
  }

  #readNameReplies(): void {
    for (let reply = this.#nameSocket.receive(); reply !== undefined; reply = this.#nameSocket.receive()) {
      this.names.handleReply(reply.payload, this.#now, this.#now + this.wallOffsetMs);
    }
  }
}
