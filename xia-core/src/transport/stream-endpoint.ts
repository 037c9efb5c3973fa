import { NeighbourLimiter, readU16BE, readU32BE, TimerQueue, XiaError, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { StreamCode, StreamFrame, StreamPacketType, StreamPacketView, type StreamFault } from '../wire/stream.js';
import { StreamPacketWriter } from '../wire/stream-writer.js';
import { PrincipalType, type Xid, XID_ID_BYTES } from '../xid/index.js';
import { Connection } from './connection.js';
import { connectionKey, type ConnectionIds } from './connection-ids.js';
import type { BufferMarks, ConnectionOwner } from './connection-owner.js';
import { LingerTable, type Remains } from './linger.js';
import { ConnectionState, type ConnectionHandle, type StreamEvent } from './stream-events.js';
import { withDefaults, type StreamEndpointOptions, type StreamSettings } from './stream-options.js';

const DEFAULT_BACKLOG = 128;
/** "You do not know me" of one neighbour is looked into this often; each look walks all connections. */
const GONE_LOOKS = { ratePerSecond: 64, burst: 64 };
/** Packets of one neighbour that belong to no connection: OPENs, which make one, and others, which are answered. */
const STRANGERS = { ratePerSecond: 2000, burst: 2000 };

export interface ListenOptions {
  /** Connections that may be half open at the same time; further OPENs are dropped, and come again. Default 128. */
  readonly backlog?: number;
}

interface Listener {
  readonly sid: Xid;
  readonly backlog: number;
  /** Connections that wait for the first packet after ACCEPT. */
  accepting: number;
}

/** What an endpoint counts over all of its connections. All but `packetsReceived` together are `packetsReceived`. */
export interface StreamEndpointCounters {
  packetsReceived: number;
  /** Dropped because the packet is malformed, by what is wrong with it. */
  readonly malformed: Record<StreamFault, number>;
  /** Packets that were for a connection, and for one that has ended. */
  forConnection: number;
  forEnded: number;
  /** Packets to a connection id that means nothing here. */
  unknownConnection: number;
  /** Packets without a connection beyond the budget of the neighbour that they came from. */
  strangersLimited: number;
  opensTaken: number;
  /** OPENs of a connection that there is, or was. */
  opensRepeated: number;
  /** Packets to no connection that are no OPEN. */
  opensMalformed: number;
  opensRefused: number;
  /** OPENs dropped because the backlog was full. */
  opensDropped: number;
  goneHeard: number;
}

/**
 * All STREAM connections of a node: packets in by {@link handlePacket}, time by {@link handleTimeout}, commands by
 * {@link listen}, {@link connect} and the methods of the connections; packets out by `output`, news by `onEvent`.
 *
 * After every call ask {@link nextTimeout} and call {@link handleTimeout} then; earlier or later does no harm.
 * Received bytes are kept by reference: a packet must not change after it was handed in.
 */
export class StreamEndpoint implements ConnectionOwner<Connection> {
  readonly settings: StreamSettings;
  readonly writer = new StreamPacketWriter();
  readonly counters: StreamEndpointCounters = {
    packetsReceived: 0,
    malformed: {
      short: 0,
      version: 0,
      type: 0,
      flags: 0,
      empty: 0,
      'frame-type': 0,
      'frame-length': 0,
      'frame-value': 0,
    },
    forConnection: 0,
    forEnded: 0,
    unknownConnection: 0,
    strangersLimited: 0,
    opensTaken: 0,
    opensRepeated: 0,
    opensMalformed: 0,
    opensRefused: 0,
    opensDropped: 0,
    goneHeard: 0,
  };
  readonly #view = new StreamPacketView();
  readonly #connections = new Map<number, Connection>();
  readonly #listeners = new Map<string, Listener>();
  /** Openings of peers by their id, host and service, so that a repeated OPEN finds its connection. Undefined once ended. */
  readonly #openings = new Map<string, Connection | undefined>();
  readonly #timers = new TimerQueue<Connection>();
  readonly #linger: LingerTable;
  #nextId = 1;
  readonly #goneLooks = new NeighbourLimiter(GONE_LOOKS);
  readonly #strangers = new NeighbourLimiter(STRANGERS);
  readonly marks: BufferMarks = { sendBytes: 0, receiveBytes: 0 };
  #mostConnections = 0;
  #connectionsRefused = 0;

  constructor(options: StreamEndpointOptions) {
    this.settings = withDefaults(options);
    const { limits, output } = this.settings;
    this.#linger = new LingerTable(limits.maxLingering, limits.lingerMs, this.writer, output, (remains) => {
      if (remains.openingKey !== undefined) this.#openings.delete(remains.openingKey);
    });
  }

  /** How many connections there are. */
  get size(): number {
    return this.#connections.size;
  }

  /** Ended connections that are still answered for. */
  get lingering(): number {
    return this.#linger.size;
  }

  /** All connections that are not closed. */
  connections(): Iterable<ConnectionHandle> {
    return this.#connections.values();
  }

  /**
   * Accepts connections to a service; each is told by `accepted`.
   * @throws XiaError `address-in-use` when somebody listens there already
   */
  listen(sid: Xid, options: ListenOptions = {}): void {
    if (this.#listeners.has(sid.key)) {
      throw new XiaError('address-in-use', `${sid.toString()} has a listener already`, { sid: sid.toString() });
    }
    this.#listeners.set(sid.key, { sid, backlog: options.backlog ?? DEFAULT_BACKLOG, accepting: 0 });
  }

  /** Accepts no more. Connections that were accepted go on. */
  unlisten(sid: Xid): void {
    this.#listeners.delete(sid.key);
  }

  /**
   * Connects to a service; `connected` or `closed` tells how it went. Bytes may be written before.
   * @param sid our own SID, where the answers go
   * @throws XiaError `limit-reached` when there are as many connections as there may be
   */
  connect(destination: Dag, sid: Xid, now: number): ConnectionHandle {
    if (this.#connections.size >= this.settings.limits.maxConnections) {
      this.#connectionsRefused++;
      throw new XiaError('limit-reached', `there are ${this.#connections.size} connections already`);
    }
    const start = { id: this.#nextId++, ids: this.#newIds(), localSid: sid, peerDag: destination, isServer: false };
    const connection = new Connection(this, start, now);
    this.#add(connection);
    connection.flush(now);
    return connection;
  }

  /**
   * Takes a STREAM packet, the payload of an XIP packet with next header 62.
   * @param source where it says it comes from; matters only while connecting and moving
   * @param destinationSid the service that it was delivered to
   * @param face and `neighbour`: who handed it over, whose budget pays for what has no connection
   */
  handlePacket(payload: Uint8Array, source: Dag, destinationSid: Xid, now: number, face = 0, neighbour = 0): void {
    this.counters.packetsReceived++;
    const view = this.#view;
    const fault = view.reset(payload);
    if (fault !== undefined) {
      this.counters.malformed[fault]++;
      return;
    }
    if (view.type === StreamPacketType.GONE) return this.#handleGone(face, neighbour, now);
    const { destinationIdHigh, destinationIdLow } = view;
    if (destinationIdHigh === 0 && destinationIdLow === 0) {
      this.#handleOpen(source, destinationSid, face, neighbour, now);
      return;
    }
    const connection = this.#connections.get(connectionKey(destinationIdLow));
    if (connection !== undefined && connection.ids.localLow === destinationIdLow && connection.ids.localHigh === destinationIdHigh) {
      this.counters.forConnection++;
      connection.handlePacket(view, source, now);
      return;
    }
    if (this.#linger.handlePacket(view, now)) this.counters.forEnded++;
    else if (this.#strangers.take(face, neighbour, now)) this.#answerUnknown(source, destinationSid);
    else this.counters.strangersLimited++;
  }

  /** Whether packets that begin with these bytes (8 are enough) go from a connection of ours to the host of an address. */
  hasConnection(destination: Dag, payload: Uint8Array): boolean {
    if (payload.length < 8) return false;
    const high = readU32BE(payload, 2);
    const lowStart = readU16BE(payload, 6);
    const hid = destination.find(PrincipalType.HID);
    if (hid === undefined) return false;
    for (const { ids, peerDag } of this.#connections.values()) {
      if (ids.peerHigh === high && ids.peerLow >>> 16 === lowStart && peerDag.find(PrincipalType.HID)?.equals(hid) === true) return true;
    }
    return false;
  }

  /** When {@link handleTimeout} wants to be called, `Infinity` if never. It may turn out that there is nothing to do yet. */
  nextTimeout(): number {
    return Math.min(this.#timers.next(), this.#linger.nextTimeout());
  }

  handleTimeout(now: number): void {
    this.#linger.handleTimeout(now);
    // Each once, even if one wants to be called again at the same time.
    const due: Connection[] = [];
    for (let next = this.#timers.popDue(now); next !== undefined; next = this.#timers.popDue(now)) due.push(next);
    for (const connection of due) {
      connection.wakeAtMs = Infinity;
      connection.handleTimeout(now);
      this.reschedule(connection);
    }
  }

  /** We have moved: every connection tells its peer. Also good as a hint that the network is back. */
  addressChanged(now: number): void {
    for (const connection of Array.from(this.#connections.values())) connection.addressChanged(now);
  }

  gauges(): Gauge[] {
    const { maxConnections, sendBufferBytes, receiveWindowBytes } = this.settings.limits;
    const { marks } = this;
    const [used, highWater, refused] = [this.size, this.#mostConnections, this.#connectionsRefused];
    let sendBytes = 0;
    let receiveBytes = 0;
    for (const connection of this.#connections.values()) {
      sendBytes = Math.max(sendBytes, connection.heldBytes);
      receiveBytes = Math.max(receiveBytes, connection.readable());
    }
    marks.receiveBytes = Math.max(marks.receiveBytes, receiveBytes);
    return [
      { name: 'streams', unit: 'entries', used, highWater, bound: maxConnections, refused },
      this.#linger.gauge(),
      { name: 'largest send buffer', unit: 'bytes', used: sendBytes, highWater: marks.sendBytes, bound: sendBufferBytes, refused: 0 },
      {
        name: 'largest receive buffer',
        unit: 'bytes',
        used: receiveBytes,
        highWater: marks.receiveBytes,
        bound: receiveWindowBytes,
        refused: 0,
      },
      this.#strangers.gauge('stream budgets'),
    ];
  }

  #add(connection: Connection): void {
    this.#connections.set(connectionKey(connection.ids.localLow), connection);
    this.#mostConnections = Math.max(this.#mostConnections, this.#connections.size);
  }

  // ---- for connections

  emit(event: StreamEvent): void {
    this.settings.onEvent(event);
  }

  opened(connection: Connection): void {
    const listener = this.#listeners.get(connection.localSid.key);
    if (listener !== undefined && listener.accepting > 0) listener.accepting--;
  }

  /** A timer that is set too early is left: it costs one look, setting it anew with every packet would cost more. */
  reschedule(connection: Connection): void {
    const atMs = connection.nextTimeoutMs;
    if (atMs >= connection.wakeAtMs) return;
    connection.wakeAtMs = atMs;
    this.#timers.set(connection, atMs);
  }

  wake(connection: Connection, now: number): void {
    connection.wakeAtMs = now;
    this.#timers.set(connection, now);
  }

  retire(connection: Connection, remains: Remains | undefined, now: number): void {
    if (connection.isServer && connection.state === ConnectionState.ACCEPTING) this.opened(connection);
    this.#timers.cancel(connection);
    this.#connections.delete(connectionKey(connection.ids.localLow));
    if (remains !== undefined) {
      if (connection.openingKey !== undefined) this.#openings.set(connection.openingKey, undefined);
      this.#linger.add(remains, now);
    } else if (connection.openingKey !== undefined) {
      this.#openings.delete(connection.openingKey);
    }
  }

  // ---- packets without a connection

  #handleOpen(source: Dag, destinationSid: Xid, face: number, neighbour: number, now: number): void {
    const view = this.#view;
    if (view.type !== StreamPacketType.OPENING || (view.sourceIdHigh === 0 && view.sourceIdLow === 0)) {
      this.counters.opensMalformed++;
      return;
    }
    if (!this.#standsAtOpen(source)) {
      this.counters.opensMalformed++;
      return;
    }
    const hid = source.find(PrincipalType.HID);
    const openingKey = `${view.sourceIdHigh}:${view.sourceIdLow}:${hid?.key ?? ''}:${destinationSid.key}`;
    const known = this.#openings.get(openingKey);
    view.rewind();
    if (known !== undefined || this.#openings.has(openingKey)) {
      this.counters.opensRepeated++;
      // Without a connection it has ended already, and this is an echo of its beginning.
      known?.handlePacket(view, source, now);
      return;
    }
    if (!this.#strangers.take(face, neighbour, now)) {
      this.counters.strangersLimited++;
      return;
    }
    const listener = this.#listeners.get(destinationSid.key);
    if (listener === undefined) return this.#refuse(StreamCode.REFUSED, source, destinationSid);
    if (this.#connections.size >= this.settings.limits.maxConnections) {
      this.#connectionsRefused++;
      return this.#refuse(StreamCode.BUSY, source, destinationSid);
    }
    if (listener.accepting >= listener.backlog) {
      this.counters.opensDropped++;
      return;
    }
    listener.accepting++;
    this.counters.opensTaken++;
    const ids = this.#newIds();
    ids.peerHigh = view.sourceIdHigh;
    ids.peerLow = view.sourceIdLow;
    const start = { id: this.#nextId++, ids, localSid: listener.sid, peerDag: source, isServer: true, openingKey };
    const connection = new Connection(this, start, now);
    this.#add(connection);
    this.#openings.set(openingKey, connection);
    connection.handlePacket(view, source, now);
  }

  /** The first frame is an OPEN of the SID that the packet comes from. */
  #standsAtOpen(source: Dag): boolean {
    const view = this.#view;
    if (!view.nextFrame() || view.frame !== StreamFrame.OPEN) return false;
    const { id } = source.intent;
    for (let i = 0; i < XID_ID_BYTES; i++) if (view.bytes[view.sidStart + i] !== id[i]) return false;
    return true;
  }

  /** Smaller than what it answers, and never answered itself. */
  #refuse(code: number, source: Dag, sid: Xid): void {
    this.counters.opensRefused++;
    const { writer, settings } = this;
    writer.beginOpening(this.#view.sourceIdHigh, this.#view.sourceIdLow, 0, 0, 0);
    writer.refuse(code);
    settings.output({ destination: source, source: settings.localDag(sid), payload: [writer.finish()] });
  }

  #answerUnknown(source: Dag, sid: Xid): void {
    this.counters.unknownConnection++;
    const view = this.#view;
    if (view.type === StreamPacketType.OPENING && view.sourceIdHigh === 0 && view.sourceIdLow === 0) return; // a REFUSE
    this.writer.beginGone(view.destinationIdHigh, view.destinationIdLow);
    const payload = [this.writer.finish()];
    this.settings.output({ destination: source, source: this.settings.localDag(sid), payload });
  }

  #handleGone(face: number, neighbour: number, now: number): void {
    this.counters.goneHeard++;
    if (!this.#goneLooks.take(face, neighbour, now)) return;
    const { destinationIdHigh, destinationIdLow } = this.#view;
    for (const connection of this.#connections.values()) {
      const { peerHigh, peerLow } = connection.ids;
      if (peerLow === destinationIdLow && peerHigh === destinationIdHigh) return connection.peerForgot(now);
    }
  }

  #newIds(): ConnectionIds {
    for (;;) {
      const bytes = this.settings.rng.bytes(8);
      const localHigh = readU32BE(bytes, 0);
      const localLow = readU32BE(bytes, 4);
      const key = connectionKey(localLow);
      if (localLow === 0 || this.#connections.has(key) || this.#linger.has(key)) continue;
      return { localHigh, localLow, peerHigh: 0, peerLow: 0 };
    }
  }
}
