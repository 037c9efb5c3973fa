import { linkLocalDag, type Dag } from '../dag/index.js';
import { ForwardingEngine } from '../forwarding/index.js';
import { Mobility, type AttachmentInfo, type MobilityEvent } from '../mobility/index.js';
import { DatagramEndpoint, StreamEndpoint, type OutgoingPacket } from '../transport/index.js';
import { encodeDgramHeader, encodeXip, NextHeader } from '../wire/index.js';
import { PrincipalType, SID_BOOTSTRAP, SID_ROUTING, Xid, xidOf } from '../xid/index.js';
import { AnswerBudget } from './answer-budget.js';
import { BoundRoutes } from './bound-routes.js';
import { ContentPart } from './content-part.js';
import { Correspondents } from './correspondents.js';
import { Delivery } from './delivery.js';
import { EchoEndpoint } from './echo-endpoint.js';
import { FaceTable } from './face-table.js';
import { MtuPart } from './mtu-part.js';
import { Naming } from './naming.js';
import type { NodeStackOptions, StackEvent } from './node-stack-options.js';
import { PacketPath } from './packet-path.js';
import { Place } from './place.js';
import { Rib } from './rib.js';
import { mobilityRole } from './role.js';
import { RoutingPart } from './routing-part.js';
import { SourceMemo } from './source-memo.js';
import { XcmpAnswers } from './xcmp-answers.js';

/** Principal types that a host sends to its access point when it knows nothing better. */
const DEFAULTED_TYPES = [PrincipalType.AD, PrincipalType.HID, PrincipalType.IP] as const;

/** What a node consists of, and how its parts know each other. `NodeStack` is how it is used. */
export class StackParts {
  readonly hid: Xid;
  readonly place: Place;
  readonly faces = new FaceTable();
  readonly engine: ForwardingEngine;
  readonly rib: Rib;
  readonly path: PacketPath;
  readonly streams: StreamEndpoint;
  readonly datagrams: DatagramEndpoint;
  readonly echoes: EchoEndpoint;
  readonly mobility: Mobility;
  readonly xcmp: XcmpAnswers;
  readonly routing: RoutingPart | undefined;
  readonly naming: Naming;
  readonly contentPart: ContentPart;
  readonly delivery: Delivery;
  readonly mtu = new MtuPart({
    isOwn: (hid) => hid.equals(this.hid),
    faces: this.faces,
    attachment: () => this.mobility.attachment,
    hasConnection: (destination, payload) => this.streams.hasConnection(destination, payload),
    hasChunk: (cid) => this.engine.isLocal(new Xid(PrincipalType.CID, cid)),
  });
  readonly sources = new SourceMemo();
  readonly correspondents = new Correspondents(
    () => this.mobility.moved,
    () => this.naming.client,
  );
  readonly onEvent: (event: StackEvent) => void;
  configuredNameServer: Dag | undefined;
  /** When the input is that is at hand, monotonic ms. */
  now = -Infinity;
  /** See `NodeStack`. */
  wallOffsetMs = 0;

  constructor(options: NodeStackOptions) {
    const { identity, crypto, rng, transmit, role, routing = {} } = options;
    this.onEvent = options.onEvent;
    this.hid = xidOf(PrincipalType.HID, identity);
    this.place = new Place(this.hid, role.kind === 'router' ? role.ad : undefined);
    const salt = rng.below(0x1_0000_0000);
    this.engine = new ForwardingEngine({ salt });
    this.rib = new Rib({ engine: this.engine, salt });
    for (const type of options.principals ?? []) this.engine.addPrincipal(type);
    this.engine.setLocal(this.hid);
    if (this.place.ad !== undefined) this.engine.setLocal(this.place.ad);
    for (const face of options.faces) this.faces.add(face);
    this.path = new PacketPath({
      engine: this.engine,
      faces: this.faces,
      transmit,
      transmitRun: options.transmitRun,
      observesChunks: () => this.contentPart.local.cache.budgetBytes > 0,
      deliver: (view, face, neighbour, now) => this.delivery.deliver(view, face, neighbour, now),
      deliverRun: (view, run, segmentBytes, face, neighbour, now) =>
        this.delivery.deliverRun(view, run, segmentBytes, face, neighbour, now),
      observe: (view, now) => this.contentPart.local.observe(view, now),
      leaving: (view, now) => this.mobility.moved.leaving(view, now),
      passed: (view, node, bytes, face, neighbour, now) => this.mobility.redirector.passed(view, node, bytes, face, neighbour, now),
      report: (type, code, view, face, neighbour, now, mtu) => this.xcmp.error(type, code, view, face, neighbour, now, mtu),
      redirect: (view, node, better, face, neighbour, now) => this.xcmp.redirect(view, node, better, face, neighbour, now),
    });
    this.xcmp = new XcmpAnswers(
      (nextHeader, destination, source, payload) => this.#originate(nextHeader, destination, source, payload),
      () => this.place.dag(),
    );
    this.echoes = new EchoEndpoint(rng.below(0x10000));
    this.contentPart = new ContentPart({
      hash: options.contentHash ?? ((data) => crypto.hash(data)),
      rng,
      cache: options.cache,
      fetchLimits: options.congestion === undefined ? options.fetchLimits : { congestion: options.congestion, ...options.fetchLimits },
      sources: this.sources,
      budget: new AnswerBudget(this.engine),
      setLocal: (xid) => this.engine.setLocal(xid),
      unsetLocal: (xid) => this.engine.unsetLocal(xid),
      dag: (sid) => this.place.dag(sid),
      mtuTowards: (destination) => this.mtu.towards(destination, this.now),
      request: (destination, source, payload) => this.#originate(NextHeader.CHUNK, destination, source, payload),
      respond: (head, body, now) => this.path.originate(head, now, body),
      respondRun: (run, packetBytes, now) => this.path.originateRun(run, packetBytes, now),
      onEvent: (event) => this.onEvent({ layer: 'fetch', event }),
    });
    this.streams = new StreamEndpoint({
      crypto,
      identity,
      rng,
      localDag: (sid) => this.place.dag(sid),
      mtu: (destination) => this.mtu.towards(destination, this.now),
      onPathMtu: (destination, mtuBytes) => this.mtu.found(destination, mtuBytes, this.now),
      output: ({ destination, source, payload }) => this.#originate(NextHeader.STREAM, destination, source, payload),
      onEvent: (event) => {
        this.correspondents.streamEvent(event, this.now);
        this.onEvent({ layer: 'stream', event });
      },
      ...(options.congestion === undefined ? {} : { congestion: options.congestion }),
      ...(options.streamLimits === undefined ? {} : { limits: options.streamLimits }),
    });
    this.datagrams = new DatagramEndpoint({
      rng,
      localDag: (sid) => this.place.dag(sid),
      output: (packet) => this.#sendDatagram(packet),
      mtu: (destination) => this.mtu.towards(destination, this.now),
      onReadable: (socket) => {
        if (socket === this.naming.socket) this.naming.readReplies(this.now, this.wallNow);
        else this.onEvent({ layer: 'datagram', socket });
      },
    });
    this.configuredNameServer = options.nameServer;
    this.naming = new Naming({
      identity,
      crypto,
      rng,
      datagrams: this.datagrams,
      nameServer: () => this.nameServer,
      dag: (sid) => this.place.dag(sid),
      moved: () => this.mobility.moved,
      onEvent: (event) => this.onEvent({ layer: 'name', event }),
      now: () => this.now,
    });
    this.engine.setLocal(this.naming.socket.sid);
    this.mobility = new Mobility({
      role: mobilityRole(role, this.faces),
      identity,
      crypto,
      rng,
      faces: { access: () => this.faces.withRole('access'), uplink: () => this.faces.withRole('uplink') },
      sink: { sendLink: (face, neighbour, payload) => this.#sendLink(SID_BOOTSTRAP, face, neighbour, payload) },
      send: (destination, payload) =>
        this.#originate(NextHeader.TRANSPORT, destination, this.place.dag(SID_BOOTSTRAP), [encodeDgramHeader(), payload]),
      salt,
      routes: new BoundRoutes(this.rib, this.path, () => this.now),
      adRoute: (ad) => this.engine.nextHop(ad),
      hidRoute: (hid) => this.rib.get('link-state', hid)?.hop,
      onEvent: (event) => this.#handleMobility(event),
      ...(options.mobilityLimits === undefined ? {} : { limits: options.mobilityLimits }),
    });
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
        onEvent: (event) => this.onEvent({ layer: 'routing', event }),
        now: () => this.now,
        timers,
        cost,
      });
      this.engine.setLocal(SID_ROUTING);
    }
    const part = this.routing;
    this.delivery = new Delivery({
      hid: this.hid,
      content: this.contentPart.local,
      fetcher: this.contentPart.fetcher,
      sources: this.sources,
      echoes: this.echoes,
      xcmp: this.xcmp,
      serve: (view, request, cid, face, neighbour, now) => this.contentPart.serve(view, request, cid, face, neighbour, now),
      bootstrap: (face, neighbour, payload, now) => {
        // What was under way to a face that is gone: whoever sent it cannot be answered, and what the face was for is not known.
        if (this.faces.get(face) === undefined) return this.mobility.counters.count('message:face-gone');
        // It may go on sending for long to whom it has lost.
        if (options.isFormer?.(face, neighbour) === true) return this.mobility.counters.count('message:former-peer');
        this.mobility.handleMessage(face, neighbour, payload, this.faces.isAccess(face), now, now + this.wallOffsetMs);
        this.naming.lookForServer(now, now + this.wallOffsetMs);
      },
      routing: part && ((face, neighbour, payload, now) => part.handleMessage(face, neighbour, payload, now, now + this.wallOffsetMs)),
      datagrams: this.datagrams,
      streams: this.streams,
      unreachable: (destination, now) => this.correspondents.unanswered(destination, now),
      tooBig: (quote, destination, mtu, now) => this.mtu.tooBig(quote, destination, mtu, now),
    });
  }

  /** The address of the name server: the configured one, or what the beacons say. */
  get nameServer(): Dag | undefined {
    return this.configuredNameServer ?? this.mobility.attachment?.nameServer;
  }

  /** The time of the input at hand, ms since 1970. */
  get wallNow(): number {
    return this.now + this.wallOffsetMs;
  }

  #originate(nextHeader: number, destination: Dag, source: Dag, payload: Uint8Array | readonly Uint8Array[]): boolean {
    return this.path.originate(encodeXip({ nextHeader, destination, source, payload }), this.now);
  }

  #sendDatagram({ destination, source, payload }: OutgoingPacket): boolean {
    const packet = encodeXip({ nextHeader: NextHeader.TRANSPORT, destination, source, payload });
    this.mtu.sent(destination, packet.length);
    return this.path.originate(packet, this.now);
  }

  #sendLink(sid: Xid, face: number, neighbour: number, payload: Uint8Array): void {
    const addresses = { destination: linkLocalDag(sid), source: this.place.dag(sid) };
    const packet = encodeXip({ nextHeader: NextHeader.TRANSPORT, ...addresses, payload: [encodeDgramHeader(), payload] });
    this.path.sendLink(face, neighbour, packet);
  }

  #handleMobility(event: MobilityEvent): void {
    if (event.kind === 'attached') this.#moveTo(undefined, event.attachment);
    else if (event.kind === 'moved') this.#moveTo(event.from, event.to);
    else if (event.kind === 'redirected') this.naming.client.hostMoved(event.hid, this.now);
    this.routing?.bindingChanged(event, this.now);
    this.onEvent({ layer: 'mobility', event });
  }

  #moveTo(from: AttachmentInfo | undefined, to: AttachmentInfo): void {
    const { ad } = this.place;
    if (from !== undefined && !from.ad.equals(to.ad)) this.engine.unsetLocal(from.ad);
    else if (ad !== undefined && !ad.equals(to.ad)) this.engine.unsetLocal(ad);
    this.place.ad = to.ad;
    this.engine.setLocal(to.ad);
    for (const type of DEFAULTED_TYPES) this.engine.table(type).setDefault(to.hop.face, to.hop.neighbour);
    this.streams.addressChanged(this.now);
    this.contentPart.addressChanged(this.now);
    this.naming.addressChanged(this.now, this.wallNow);
  }
}
