import { XiaError, type Gauge } from '../bytes/index.js';
import type { Fetcher, LocalContent } from '../content/index.js';
import { hostDag, linkLocalDag, serviceDag, type Dag } from '../dag/index.js';
import { ForwardingEngine, type NextHop } from '../forwarding/index.js';
import { Mobility, type AttachmentInfo, type MobilityEvent, type NameClient } from '../mobility/index.js';
import { DatagramEndpoint, StreamEndpoint, flatStreamCounters, type OutgoingPacket } from '../transport/index.js';
import { encodeDgramHeader, encodeXip, NextHeader } from '../wire/index.js';
import { PrincipalType, SID_BOOTSTRAP, SID_ROUTING, Xid, xidOf } from '../xid/index.js';
import { AnswerBudget } from './answer-budget.js';
import { BoundRoutes } from './bound-routes.js';
import { ContentPart } from './content-part.js';
import { Correspondents } from './correspondents.js';
import { Delivery } from './delivery.js';
import { EchoEndpoint } from './echo-endpoint.js';
import { isFenced } from './fenced-wire.js';
import { FaceTable, type FaceSpec } from './face-table.js';
import { DEFAULT_HOLD_LIMITS, type HoldLimits } from './hold-buffer.js';
import { MtuPart } from './mtu-part.js';
import { Naming } from './naming.js';
import { Rib } from './rib.js';
import { RoutingPart } from './routing-part.js';
import { leastMtu, mobilityRole } from './role.js';
import type { NodeStackOptions, StackEvent } from './node-stack-options.js';
import { PacketPath } from './packet-path.js';
import { SourceMemo } from './source-memo.js';
import { XcmpAnswers } from './xcmp-answers.js';

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
  readonly streams: StreamEndpoint;
  readonly datagrams: DatagramEndpoint;
  readonly echoes: EchoEndpoint;
  readonly mobility: Mobility;
  readonly xcmp: XcmpAnswers;
  readonly rib: Rib;
  /** Undefined for a node that takes no part in routing. */
  readonly routing: RoutingPart | undefined;
  readonly #naming: Naming;
  readonly #content: ContentPart;
  #configuredNameServer: Dag | undefined;
  readonly #path: PacketPath;
  readonly #delivery: Delivery;
  readonly #mtu = new MtuPart({
    isOwn: (hid) => hid.equals(this.hid),
    faces: this.faces,
    attachment: () => this.mobility.attachment,
    hasConnection: (destination, payload) => this.streams.hasConnection(destination, payload),
    hasChunk: (cid) => this.engine.isLocal(new Xid(PrincipalType.CID, cid)),
  });
  readonly #sources = new SourceMemo();
  readonly #correspondents = new Correspondents(
    () => this.mobility.moved,
    () => this.names,
  );
  readonly #onEvent: (event: StackEvent) => void;
  #ad: Xid | undefined;
  #dag: Dag;
  #now = -Infinity;

  /** Added to monotonic time it gives wall-clock ms; statements are dated with it. */
  wallOffsetMs = 0;

  constructor(options: NodeStackOptions) {
    const { identity, crypto, rng, transmit, role, routing = {} } = options;
    this.#onEvent = options.onEvent;
    this.hid = xidOf(PrincipalType.HID, identity);
    this.#ad = role.kind === 'router' ? role.ad : undefined;
    this.#dag = hostDag(this.#ad, this.hid);
    const salt = rng.below(0x1_0000_0000);
    this.engine = new ForwardingEngine({ salt });
    this.rib = new Rib({ engine: this.engine, salt });
    for (const type of options.principals ?? []) this.engine.addPrincipal(type);
    this.engine.setLocal(this.hid);
    if (this.#ad !== undefined) this.engine.setLocal(this.#ad);
    for (const face of options.faces) this.faces.add(face);
    this.#path = new PacketPath({
      engine: this.engine,
      faces: this.faces,
      transmit,
      transmitRun: options.transmitRun,
      observesChunks: () => this.content.cache.budgetBytes > 0,
      deliver: (view, face, neighbour, now) => this.#delivery.deliver(view, face, neighbour, now),
      deliverRun: (view, run, segmentBytes, face, neighbour, now) =>
        this.#delivery.deliverRun(view, run, segmentBytes, face, neighbour, now),
      observe: (view, now) => this.content.observe(view, now),
      leaving: (view, now) => this.mobility.moved.leaving(view, now),
      passed: (view, node, bytes, face, neighbour, now) => this.mobility.redirector.passed(view, node, bytes, face, neighbour, now),
      report: (type, code, view, face, neighbour, now, mtu) => this.xcmp.error(type, code, view, face, neighbour, now, mtu),
      redirect: (view, node, better, face, neighbour, now) => this.xcmp.redirect(view, node, better, face, neighbour, now),
    });
    this.xcmp = new XcmpAnswers(
      (nextHeader, destination, source, payload) => this.#originate(nextHeader, destination, source, payload),
      () => this.#dag,
    );
    this.echoes = new EchoEndpoint(rng.below(0x10000));
    this.#content = new ContentPart({
      hash: options.contentHash ?? ((data) => crypto.hash(data)),
      rng,
      cache: options.cache,
      fetchLimits: options.congestion === undefined ? options.fetchLimits : { congestion: options.congestion, ...options.fetchLimits },
      sources: this.#sources,
      budget: new AnswerBudget(this.engine),
      setLocal: (xid) => this.engine.setLocal(xid),
      unsetLocal: (xid) => this.engine.unsetLocal(xid),
      dag: (sid) => this.dag(sid),
      mtuTowards: (destination) => this.mtuTowards(destination),
      request: (destination, source, payload) => this.#originate(NextHeader.CHUNK, destination, source, payload),
      respond: (head, body, now) => this.#path.originate(head, now, body),
      respondRun: (run, packetBytes, now) => this.#path.originateRun(run, packetBytes, now),
      onEvent: (event) => this.#onEvent({ layer: 'fetch', event }),
    });
    this.streams = new StreamEndpoint({
      crypto,
      identity,
      rng,
      localDag: (sid) => this.dag(sid),
      mtu: (destination) => this.mtuTowards(destination),
      onPathMtu: (destination, mtuBytes) => this.#mtu.found(destination, mtuBytes, this.#now),
      output: ({ destination, source, payload }) => this.#originate(NextHeader.STREAM, destination, source, payload),
      onEvent: (event) => {
        this.#correspondents.streamEvent(event, this.#now);
        this.#onEvent({ layer: 'stream', event });
      },
      ...(options.congestion === undefined ? {} : { congestion: options.congestion }),
      ...(options.streamLimits === undefined ? {} : { limits: options.streamLimits }),
    });
    this.datagrams = new DatagramEndpoint({
      rng,
      localDag: (sid) => this.dag(sid),
      output: (packet) => this.#sendDatagram(packet),
      mtu: (destination) => this.mtuTowards(destination),
      onReadable: (socket) => {
        if (socket === this.#naming.socket) this.#naming.readReplies(this.#now, this.#now + this.wallOffsetMs);
        else this.#onEvent({ layer: 'datagram', socket });
      },
    });
    this.#configuredNameServer = options.nameServer;
    this.#naming = new Naming({
      identity,
      crypto,
      rng,
      datagrams: this.datagrams,
      nameServer: () => this.nameServer,
      dag: (sid) => this.dag(sid),
      moved: () => this.mobility.moved,
      onEvent: (event) => this.#onEvent({ layer: 'name', event }),
      now: () => this.#now,
    });
    this.engine.setLocal(this.#naming.socket.sid);
    this.mobility = new Mobility({
      role: mobilityRole(role, this.faces),
      identity,
      crypto,
      rng,
      faces: { access: () => this.faces.withRole('access'), uplink: () => this.faces.withRole('uplink') },
      sink: { sendLink: (face, neighbour, payload) => this.#sendLink(SID_BOOTSTRAP, face, neighbour, payload) },
      send: (destination, payload) =>
        this.#originate(NextHeader.TRANSPORT, destination, this.dag(SID_BOOTSTRAP), [encodeDgramHeader(), payload]),
      salt,
      routes: new BoundRoutes(this.rib, this.#path, () => this.#now),
      adRoute: (ad) => this.engine.nextHop(ad),
      hidRoute: (hid) => this.rib.get('link-state', hid)?.hop,
      onEvent: (event) => this.#handleMobility(event),
      ...(options.mobilityLimits === undefined ? {} : { limits: options.mobilityLimits }),
    });
    this.setHolding(options.holding ?? DEFAULT_HOLD_LIMITS, -Infinity);
    this.engine.setLocal(SID_BOOTSTRAP);
    if (role.kind === 'router' && routing !== false) {
      const { cost, ...timers } = routing;
      this.routing = new RoutingPart({
        role,
        hid: this.hid,
        identity,
        crypto,
        rng,
        faces: this.faces,
        rib: this.rib,
        mobility: () => this.mobility,
        sendLink: (face, neighbour, payload) => this.#sendLink(SID_ROUTING, face, neighbour, payload),
        onEvent: (event) => this.#onEvent({ layer: 'routing', event }),
        now: () => this.#now,
        timers,
        cost,
      });
      this.engine.setLocal(SID_ROUTING);
    }
    const part = this.routing;
    this.#delivery = new Delivery({
      hid: this.hid,
      content: this.content,
      fetcher: this.fetcher,
      sources: this.#sources,
      echoes: this.echoes,
      xcmp: this.xcmp,
      serve: (view, request, cid, face, neighbour, now) => this.#content.serve(view, request, cid, face, neighbour, now),
      bootstrap: (face, neighbour, payload, now) => {
        // What was under way to a face that is gone: whoever sent it cannot be answered, and what the face was for is not known.
        if (this.faces.get(face) === undefined) return this.mobility.counters.count('message:face-gone');
        // It may go on sending for long to whom it has lost.
        if (options.isFormer?.(face, neighbour) === true) return this.mobility.counters.count('message:former-peer');
        this.mobility.handleMessage(face, neighbour, payload, this.faces.isAccess(face), now, now + this.wallOffsetMs);
        this.#naming.lookForServer(now, now + this.wallOffsetMs);
      },
      routing: part && ((face, neighbour, payload, now) => part.handleMessage(face, neighbour, payload, now, now + this.wallOffsetMs)),
      datagrams: this.datagrams,
      streams: this.streams,
      unreachable: (destination, now) => this.unanswered(destination, now),
      tooBig: (quote, destination, mtu, now) => this.#mtu.tooBig(quote, destination, mtu, now),
    });
  }

  get content(): LocalContent {
    return this.#content.local;
  }

  get fetcher(): Fetcher {
    return this.#content.fetcher;
  }

  get names(): NameClient {
    return this.#naming.client;
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
    this.#naming.client.query(name, id, now, now + this.wallOffsetMs);
  }

  /** Registers a name for this node or a service on it, and keeps it registered wherever the node goes. */
  keepName(name: string, sid: Xid | undefined, ttlMs: number, id: number, now: number): void {
    this.#now = now;
    this.#naming.keeper.keep(name, sid, ttlMs, id, now, now + this.wallOffsetMs);
  }

  /** Nobody answers at an address: a redirect to there is forgotten, and the name service asked where the host is now. */
  unanswered(dag: Dag, now: number): void {
    this.#now = now;
    this.#correspondents.unanswered(dag, now);
  }

  /** Lets a name go; its record expires by itself. */
  dropName(name: string): void {
    this.#naming.keeper.drop(name);
  }

  /** Says what time it is, before a call on one of the parts that may send. */
  advance(now: number): void {
    this.#now = now;
  }

  /** A packet came in by a face. The bytes belong to the node from now on, or only until this returns when they are `lent`. */
  receive(face: number, neighbour: number, packet: Uint8Array, now: number, lent = false): void {
    this.#now = now;
    if (isFenced(this.mobility.fences, face, neighbour, packet)) return this.#path.refuse('fenced', 1);
    this.#path.receive(face, neighbour, packet, now, lent);
  }

  /** Packets of one neighbour came in one after the other, each `segmentBytes` long, the last one shorter or equal. */
  receiveRun(face: number, neighbour: number, bytes: Uint8Array, segmentBytes: number, now: number, lent = false): void {
    this.#now = now;
    if (isFenced(this.mobility.fences, face, neighbour, bytes, segmentBytes))
      return this.#path.refuse('fenced', Math.ceil(bytes.length / segmentBytes));
    this.#path.receiveRun(face, neighbour, bytes, segmentBytes, now, lent);
  }

  /** A packet that was sent by a face comes back: its machine stands still and has not read it. It waits for it with the others. */
  returned(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    this.#now = now;
    this.#path.returned(face, neighbour, packet, now);
  }

  /**
   * A machine announced itself on an access face (`station` is its MAC address then), or was plugged in there, or the link to our own
   * access point came up.
   */
  announced(face: number, neighbour: number, now: number, station?: string): void {
    this.#now = now;
    if (this.faces.isAccess(face)) this.mobility.greet({ face, neighbour }, station, now, now + this.wallOffsetMs);
    else this.mobility.hint('link', now);
  }

  /** A neighbour is gone: what was routed to it takes another way, or none. */
  neighbourGone(face: number, neighbour: number, now: number): void {
    this.#now = now;
    this.#faceLost(face, now, neighbour);
  }

  /** A static route. @throws XiaError `bad-argument` when the destination is this node's own */
  addRoute(to: Xid, hop: NextHop): void {
    if (!this.rib.set('static', to, hop))
      throw new XiaError('bad-argument', `${to.toString()} cannot be routed elsewhere: it is here`, { to: to.toString() });
  }

  /** Takes a static route back. */
  removeRoute(to: Xid): void {
    this.rib.delete('static', to);
  }

  /** A face that is open from now on. @throws XiaError `limit-reached` */
  addFace(spec: FaceSpec, now: number): number {
    this.#now = now;
    const id = this.faces.add(spec);
    this.#tellMtu(now);
    return id;
  }

  /** A face is about to be closed: what was routed through it takes another way, or none. */
  removeFace(id: number, now: number): void {
    this.#now = now;
    this.faces.remove(id);
    this.rib.dropFace(id);
    this.#faceLost(id, now);
    this.engine.dropFace(id);
    this.#tellMtu(now);
  }

  /** The MTU of a face, or which way it looks, has changed. Whoever was bound through it looks for a place, or binds, anew. */
  faceChanged(id: number, isOtherRole: boolean, now: number): void {
    this.#now = now;
    if (isOtherRole) this.#faceLost(id, now);
    this.#tellMtu(now);
  }

  /** Uses another name server in place of the one that beacons tell of, or that one again; a router tells it in its beacons. */
  setNameServer(nameServer: Dag | undefined, now: number): void {
    this.#now = now;
    if (this.mobility.attachmentState === undefined) this.mobility.configure({ beacon: { nameServer } }, now);
    else this.#configuredNameServer = nameServer;
    this.#naming.lookForServer(now, now + this.wallOffsetMs);
  }

  /** Holds packets of machines that stand still within other limits, or (false) none from now on. */
  setHolding(limits: HoldLimits | false, now: number): void {
    if (limits !== false) this.#path.held.limits = limits;
    this.mobility.configure({ holds: limits !== false }, now);
  }

  /** Sends one XCMP echo. False when it could not leave. */
  sendEcho(destination: Dag, message: Uint8Array, hopLimit: number | undefined, now: number): boolean {
    this.#now = now;
    const hops = hopLimit === undefined ? {} : { hopLimit };
    const packet = encodeXip({ nextHeader: NextHeader.XCMP, destination, source: this.#dag, payload: message, ...hops });
    this.#mtu.sent(destination, packet.length);
    return this.#path.originate(packet, now);
  }

  /** Takes the memory of a fetched chunk back, for other chunks. Nobody may read it any more. */
  recycle(bytes: Uint8Array): void {
    this.#content.recycle(bytes);
  }

  /** Memory for so many bytes, with anything in it, which `recycle` takes back. */
  lend(length: number): Uint8Array {
    return this.#content.lend(length);
  }

  /** The largest XIP packet that is known to pass towards an address, in bytes. */
  mtuTowards(destination: Dag): number {
    return this.#mtu.towards(destination, this.#now);
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
      this.#content.nextTimeout(),
      this.#naming.nextTimeout(),
      this.#path.held.nextTimeout(),
      this.routing?.nextTimeout() ?? Infinity,
    );
  }

  handleTimeout(now: number): void {
    this.#now = now;
    if (this.mobility.nextTimeout() <= now) this.mobility.handleTimeout(now, now + this.wallOffsetMs);
    if (this.streams.nextTimeout() <= now) this.streams.handleTimeout(now);
    if (this.#content.nextTimeout() <= now) this.#content.handleTimeout(now);
    if (this.#naming.nextTimeout() <= now) this.#naming.handleTimeout(now, now + this.wallOffsetMs);
    this.#path.held.handleTimeout(now);
    if (this.routing !== undefined && this.routing.nextTimeout() <= now) this.routing.handleTimeout(now, now + this.wallOffsetMs);
  }

  /** Packets by what became of them, and everything refused by reason. */
  counters(): Record<string, Record<string, number>> {
    return {
      path: this.#path.counters(),
      forwarding: this.engine.counters(),
      delivery: this.#delivery.counters(),
      xcmp: { ...this.xcmp.counters },
      mobility: this.mobility.counters.toJSON(),
      ...(this.routing === undefined ? {} : { routing: this.routing.counters() }),
      ...this.#content.counters(),
      streams: flatStreamCounters(this.streams.counters),
      datagrams: this.datagrams.counters(),
      echoes: { ...this.echoes.counters },
      pathMtu: this.#mtu.counters(),
      names: this.names.counters.toJSON(),
    };
  }

  /** How full every queue and table is, and the most that each ever held. */
  gauges(): Gauge[] {
    const { faces, engine, streams, datagrams, echoes, xcmp, mobility, rib, routing } = this;
    const [path, content, naming, mtu, sources] = [this.#path, this.#content, this.#naming, this.#mtu, this.#sources];
    const parts = [faces, engine, path, content, streams, datagrams, echoes, xcmp, mtu, mobility, naming, rib, routing, sources];
    return parts.flatMap((part) => part?.gauges() ?? []);
  }

  #faceLost(face: number, now: number, neighbour?: number): void {
    this.mobility.faceRemoved(face, now, neighbour);
    this.routing?.faceRemoved(face, now, neighbour);
    this.routing?.bindingsLost(now);
  }

  #tellMtu(now: number): void {
    if (this.mobility.attachmentState !== undefined) this.mobility.configure({ relayMtu: leastMtu(this.faces, 'uplink') }, now);
    else this.mobility.configure({ beacon: { mtu: leastMtu(this.faces, 'peer') } }, now);
  }

  #originate(nextHeader: number, destination: Dag, source: Dag, payload: Uint8Array | readonly Uint8Array[]): boolean {
    return this.#path.originate(encodeXip({ nextHeader, destination, source, payload }), this.#now);
  }

  #sendDatagram({ destination, source, payload }: OutgoingPacket): boolean {
    const packet = encodeXip({ nextHeader: NextHeader.TRANSPORT, destination, source, payload });
    this.#mtu.sent(destination, packet.length);
    return this.#path.originate(packet, this.#now);
  }

  #sendLink(sid: Xid, face: number, neighbour: number, payload: Uint8Array): void {
    const addresses = { destination: linkLocalDag(sid), source: this.dag(sid) };
    const packet = encodeXip({ nextHeader: NextHeader.TRANSPORT, ...addresses, payload: [encodeDgramHeader(), payload] });
    this.#path.sendLink(face, neighbour, packet);
  }

  #handleMobility(event: MobilityEvent): void {
    if (event.kind === 'attached') this.#moveTo(undefined, event.attachment);
    else if (event.kind === 'moved') this.#moveTo(event.from, event.to);
    else if (event.kind === 'redirected') this.names.hostMoved(event.hid, this.#now);
    this.routing?.bindingChanged(event, this.#now);
    this.#onEvent({ layer: 'mobility', event });
  }

  #moveTo(from: AttachmentInfo | undefined, to: AttachmentInfo): void {
    if (from !== undefined && !from.ad.equals(to.ad)) this.engine.unsetLocal(from.ad);
    else if (this.#ad !== undefined && !this.#ad.equals(to.ad)) this.engine.unsetLocal(this.#ad);
    this.#ad = to.ad;
    this.#dag = hostDag(to.ad, this.hid);
    this.engine.setLocal(to.ad);
    for (const type of DEFAULTED_TYPES) this.engine.table(type).setDefault(to.hop.face, to.hop.neighbour);
    this.streams.addressChanged(this.#now);
    this.#content.addressChanged(this.#now);
    this.#naming.addressChanged(this.#now, this.#now + this.wallOffsetMs);
  }
}
