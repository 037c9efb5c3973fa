import { XiaError, type Gauge } from '../bytes/index.js';
import type { Fetcher, LocalContent } from '../content/index.js';
import type { Dag } from '../dag/index.js';
import type { ForwardingEngine, NextHop } from '../forwarding/index.js';
import type { Mobility, NameClient } from '../mobility/index.js';
import { flatStreamCounters, type DatagramEndpoint, type StreamEndpoint } from '../transport/index.js';
import { encodeXip, NextHeader } from '../wire/index.js';
import type { Xid } from '../xid/index.js';
import type { EchoEndpoint } from './echo-endpoint.js';
import type { FaceTable, FaceSpec } from './face-table.js';
import { isFenced } from './fenced-wire.js';
import { DEFAULT_HOLD_LIMITS, type HoldLimits } from './hold-buffer.js';
import type { NodeStackOptions } from './node-stack-options.js';
import type { Rib } from './rib.js';
import { leastMtu } from './role.js';
import type { RoutingPart } from './routing-part.js';
import { StackParts } from './stack-parts.js';
import type { XcmpAnswers } from './xcmp-answers.js';

/**
 * One XIA node, whatever its role: forwarding, transports, content and mobility over some faces.
 *
 * It has no clock, no socket and no Promise. Inputs: the methods that take `now` (monotonic ms). Outputs: `transmit`, called
 * for every packet that leaves by a face, and `onEvent`; both are called before the input returns. After any input,
 * `nextTimeout` says when `handleTimeout` is due.
 */
export class NodeStack {
  readonly hid: Xid;
  readonly faces: FaceTable;
  readonly engine: ForwardingEngine;
  readonly streams: StreamEndpoint;
  readonly datagrams: DatagramEndpoint;
  readonly echoes: EchoEndpoint;
  readonly mobility: Mobility;
  readonly xcmp: XcmpAnswers;
  readonly rib: Rib;
  /** Undefined for a node that takes no part in routing. */
  readonly routing: RoutingPart | undefined;
  readonly #parts: StackParts;

  constructor(options: NodeStackOptions) {
    const parts = new StackParts(options);
    this.#parts = parts;
    this.hid = parts.hid;
    this.faces = parts.faces;
    this.engine = parts.engine;
    this.streams = parts.streams;
    this.datagrams = parts.datagrams;
    this.echoes = parts.echoes;
    this.mobility = parts.mobility;
    this.xcmp = parts.xcmp;
    this.rib = parts.rib;
    this.routing = parts.routing;
    this.setHolding(options.holding ?? DEFAULT_HOLD_LIMITS, -Infinity);
  }

  /** Added to monotonic time it gives wall-clock ms; statements are dated with it. */
  get wallOffsetMs(): number {
    return this.#parts.wallOffsetMs;
  }

  set wallOffsetMs(ms: number) {
    this.#parts.wallOffsetMs = ms;
  }

  get content(): LocalContent {
    return this.#parts.contentPart.local;
  }

  get fetcher(): Fetcher {
    return this.#parts.contentPart.fetcher;
  }

  get names(): NameClient {
    return this.#parts.naming.client;
  }

  /** The AD that this node is in; undefined before it attached. */
  get ad(): Xid | undefined {
    return this.#parts.place.ad;
  }

  /** This node's address as it is now, or that of a service on it. */
  dag(sid?: Xid): Dag {
    return this.#parts.place.dag(sid);
  }

  /** The address of the name server: the configured one, or what the beacons say. */
  get nameServer(): Dag | undefined {
    return this.#parts.nameServer;
  }

  /** Looks a name up. The event of layer `name` with this `id` (positive) answers. @throws XiaError `bad-argument` */
  resolve(name: string, id: number, now: number): void {
    this.#parts.now = now;
    this.#parts.naming.client.query(name, id, now, now + this.wallOffsetMs);
  }

  /** Registers a name for this node or a service on it, and keeps it registered wherever the node goes. */
  keepName(name: string, sid: Xid | undefined, ttlMs: number, id: number, now: number): void {
    this.#parts.now = now;
    this.#parts.naming.keeper.keep(name, sid, ttlMs, id, now, now + this.wallOffsetMs);
  }

  /** Nobody answers at an address: a redirect to there is forgotten, and the name service asked where the host is now. */
  unanswered(dag: Dag, now: number): void {
    this.#parts.now = now;
    this.#parts.correspondents.unanswered(dag, now);
  }

  /** Lets a name go; its record expires by itself. */
  dropName(name: string): void {
    this.#parts.naming.keeper.drop(name);
  }

  /** Says what time it is, before a call on one of the parts that may send. */
  advance(now: number): void {
    this.#parts.now = now;
  }

  /** A packet came in by a face. The bytes belong to the node from now on, or only until this returns when they are `lent`. */
  receive(face: number, neighbour: number, packet: Uint8Array, now: number, lent = false): void {
    this.#parts.now = now;
    if (isFenced(this.mobility.fences, face, neighbour, packet)) return this.#parts.path.refuse('fenced', 1);
    this.#parts.path.receive(face, neighbour, packet, now, lent);
  }

  /** Packets of one neighbour came in one after the other, each `segmentBytes` long, the last one shorter or equal. */
  receiveRun(face: number, neighbour: number, bytes: Uint8Array, segmentBytes: number, now: number, lent = false): void {
    this.#parts.now = now;
    if (isFenced(this.mobility.fences, face, neighbour, bytes, segmentBytes))
      return this.#parts.path.refuse('fenced', Math.ceil(bytes.length / segmentBytes));
    this.#parts.path.receiveRun(face, neighbour, bytes, segmentBytes, now, lent);
  }

  /** A packet that was sent by a face comes back: its machine stands still and has not read it. It waits for it with the others. */
  returned(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    this.#parts.now = now;
    this.#parts.path.returned(face, neighbour, packet, now);
  }

  /**
   * A machine announced itself on an access face (`station` is its MAC address then), or was plugged in there, or the link to our own
   * access point came up.
   */
  announced(face: number, neighbour: number, now: number, station?: string): void {
    this.#parts.now = now;
    if (this.faces.isAccess(face)) this.mobility.greet({ face, neighbour }, station, now, now + this.wallOffsetMs);
    else this.mobility.hint('link', now);
  }

  /** A neighbour is gone: what was routed to it takes another way, or none. */
  neighbourGone(face: number, neighbour: number, now: number): void {
    this.#parts.now = now;
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
    this.#parts.now = now;
    const id = this.faces.add(spec);
    this.#tellMtu(now);
    return id;
  }

  /** A face is about to be closed: what was routed through it takes another way, or none. */
  removeFace(id: number, now: number): void {
    this.#parts.now = now;
    this.faces.remove(id);
    this.rib.dropFace(id);
    this.#faceLost(id, now);
    this.engine.dropFace(id);
    this.#tellMtu(now);
  }

  /** The MTU of a face, or which way it looks, has changed. Whoever was bound through it looks for a place, or binds, anew. */
  faceChanged(id: number, isOtherRole: boolean, now: number): void {
    this.#parts.now = now;
    if (isOtherRole) this.#faceLost(id, now);
    this.#tellMtu(now);
  }

  /** Uses another name server in place of the one that beacons tell of, or that one again; a router tells it in its beacons. */
  setNameServer(nameServer: Dag | undefined, now: number): void {
    this.#parts.now = now;
    if (this.mobility.attachmentState === undefined) this.mobility.configure({ beacon: { nameServer } }, now);
    else this.#parts.configuredNameServer = nameServer;
    this.#parts.naming.lookForServer(now, now + this.wallOffsetMs);
  }

  /** Holds packets of machines that stand still within other limits, or (false) none from now on. */
  setHolding(limits: HoldLimits | false, now: number): void {
    if (limits !== false) this.#parts.path.held.limits = limits;
    this.mobility.configure({ holds: limits !== false }, now);
  }

  /** Sends one XCMP echo. False when it could not leave. */
  sendEcho(destination: Dag, message: Uint8Array, hopLimit: number | undefined, now: number): boolean {
    this.#parts.now = now;
    const hops = hopLimit === undefined ? {} : { hopLimit };
    const packet = encodeXip({ nextHeader: NextHeader.XCMP, destination, source: this.dag(), payload: message, ...hops });
    this.#parts.mtu.sent(destination, packet.length);
    return this.#parts.path.originate(packet, now);
  }

  /** Takes the memory of a fetched chunk back, for other chunks. Nobody may read it any more. */
  recycle(bytes: Uint8Array): void {
    this.#parts.contentPart.recycle(bytes);
  }

  /** Memory for so many bytes, with anything in it, which `recycle` takes back. */
  lend(length: number): Uint8Array {
    return this.#parts.contentPart.lend(length);
  }

  /** The largest XIP packet that is known to pass towards an address, in bytes. */
  mtuTowards(destination: Dag): number {
    return this.#parts.mtu.towards(destination, this.#parts.now);
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
      this.#parts.contentPart.nextTimeout(),
      this.#parts.naming.nextTimeout(),
      this.#parts.path.held.nextTimeout(),
      this.routing?.nextTimeout() ?? Infinity,
    );
  }

  handleTimeout(now: number): void {
    this.#parts.now = now;
    if (this.mobility.nextTimeout() <= now) this.mobility.handleTimeout(now, now + this.wallOffsetMs);
    if (this.streams.nextTimeout() <= now) this.streams.handleTimeout(now);
    if (this.#parts.contentPart.nextTimeout() <= now) this.#parts.contentPart.handleTimeout(now);
    if (this.#parts.naming.nextTimeout() <= now) this.#parts.naming.handleTimeout(now, now + this.wallOffsetMs);
    this.#parts.path.held.handleTimeout(now);
    if (this.routing !== undefined && this.routing.nextTimeout() <= now) this.routing.handleTimeout(now, now + this.wallOffsetMs);
  }

  /** Packets by what became of them, and everything refused by reason. */
  counters(): Record<string, Record<string, number>> {
    return {
      path: this.#parts.path.counters(),
      forwarding: this.engine.counters(),
      delivery: this.#parts.delivery.counters(),
      xcmp: { ...this.xcmp.counters },
      mobility: this.mobility.counters.toJSON(),
      ...(this.routing === undefined ? {} : { routing: this.routing.counters() }),
      ...this.#parts.contentPart.counters(),
      streams: flatStreamCounters(this.streams.counters),
      datagrams: this.datagrams.counters(),
      echoes: { ...this.echoes.counters },
      pathMtu: this.#parts.mtu.counters(),
      names: this.names.counters.toJSON(),
    };
  }

  /** How full every queue and table is, and the most that each ever held. */
  gauges(): Gauge[] {
    const { faces, engine, streams, datagrams, echoes, xcmp, mobility, rib, routing } = this;
    const [path, content, naming, mtu, sources] = [
      this.#parts.path,
      this.#parts.contentPart,
      this.#parts.naming,
      this.#parts.mtu,
      this.#parts.sources,
    ];
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
}
