import { NeighbourLimiter, readU16BE, readU32BE, TimerQueue, XiaError, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { StreamPacketType, StreamPacketView } from '../wire/stream.js';
import { StreamPacketWriter } from '../wire/stream-writer.js';
import type { Xid } from '../xid/index.js';
import { BufferBudget } from './buffer-budget.js';
import { Connection } from './connection.js';
import { connectionKey, type ConnectionIds } from './connection-ids.js';
import type { BufferMarks, ConnectionOwner } from './connection-owner.js';
import { LingerTable, type Remains } from './linger.js';
import { Openings, type ListenOptions, type OpeningHost } from './openings.js';
import { newStreamEndpointCounters } from './stream-counters.js';
import type { ConnectionHandle, StreamEvent } from './stream-events.js';
import { withDefaults, type StreamEndpointOptions, type StreamSettings } from './stream-options.js';

/** "You do not know me" of one neighbour is looked into this often; each look walks all connections. */
const GONE_LOOKS = { ratePerSecond: 64, burst: 64 };
/** Packets of one neighbour that belong to no connection: OPENs, which make one, and others, which are answered. */
const STRANGERS = { ratePerSecond: 2000, burst: 2000 };

/**
 * All STREAM connections of a node: packets in by {@link handlePacket}, time by {@link handleTimeout}, commands by
 * {@link listen}, {@link connect} and the methods of the connections; packets out by `output`, news by `onEvent`.
 *
 * After every call ask {@link nextTimeout} and call {@link handleTimeout} then; earlier or later does no harm.
 * Received bytes are kept by reference: a packet must not change after it was handed in.
 */
export class StreamEndpoint implements ConnectionOwner<Connection>, OpeningHost<Connection> {
  readonly settings: StreamSettings;
  readonly writer = new StreamPacketWriter();
  readonly counters = newStreamEndpointCounters();
  readonly #view = new StreamPacketView();
  readonly #connections = new Map<number, Connection>();
  readonly #openings: Openings<Connection>;
  readonly #timers = new TimerQueue<Connection>();
  readonly #linger: LingerTable;
  #nextId = 1;
  readonly #goneLooks = new NeighbourLimiter(GONE_LOOKS);
  readonly #strangers = new NeighbourLimiter(STRANGERS);
  readonly marks: BufferMarks = { sendBytes: 0, receiveBytes: 0 };
  readonly sendBudget: BufferBudget;
  readonly receiveBudget: BufferBudget;
  #mostConnections = 0;
  #connectionsRefused = 0;

  constructor(options: StreamEndpointOptions) {
    this.settings = withDefaults(options);
    const { limits, output } = this.settings;
    this.sendBudget = new BufferBudget(limits.sharedBufferBytes);
    this.receiveBudget = new BufferBudget(limits.sharedBufferBytes);
    this.#openings = new Openings(this);
    this.#linger = new LingerTable(limits.maxLingering, limits.lingerMs, this.writer, output, (remains) => {
      if (remains.openingKey !== undefined) this.#openings.forget(remains.openingKey);
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
    this.#openings.listen(sid, options);
  }

  /** Accepts no more. Connections that were accepted go on. */
  unlisten(sid: Xid): void {
    this.#openings.unlisten(sid);
  }

  /**
   * Connects to a service; `connected` or `closed` tells how it went. Bytes may be written before.
   * @param sid our own SID, where the answers go
   * @throws XiaError `limit-reached` when there are as many connections as there may be
   */
  connect(destination: Dag, sid: Xid, now: number): ConnectionHandle {
    if (!this.hasRoom()) {
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
      this.#openings.take(view, source, destinationSid, face, neighbour, now);
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
      ...this.#openings.gauges(),
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
      this.sendBudget.gauge('shared send memory'),
      this.receiveBudget.gauge('shared receive memory'),
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
    this.#openings.settled(connection);
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
    this.#openings.settled(connection);
    this.#timers.cancel(connection);
    this.#connections.delete(connectionKey(connection.ids.localLow));
    if (remains !== undefined) {
      if (connection.openingKey !== undefined) this.#openings.ended(connection.openingKey);
      this.#linger.add(remains, now);
    } else if (connection.openingKey !== undefined) {
      this.#openings.forget(connection.openingKey);
    }
  }

  // ---- for openings

  hasRoom(): boolean {
    if (this.#connections.size < this.settings.limits.maxConnections) return true;
    this.#connectionsRefused++;
    return false;
  }

  admitsStranger(face: number, neighbour: number, now: number): boolean {
    return this.#strangers.take(face, neighbour, now);
  }

  accept(view: StreamPacketView, localSid: Xid, peerDag: Dag, openingKey: string, now: number): Connection {
    const ids = this.#newIds();
    ids.peerHigh = view.sourceIdHigh;
    ids.peerLow = view.sourceIdLow;
    const connection = new Connection(this, { id: this.#nextId++, ids, localSid, peerDag, isServer: true, openingKey }, now);
    this.#add(connection);
    return connection;
  }

  // ---- packets without a connection

  #answerUnknown(source: Dag, sid: Xid): void {
    this.counters.unknownConnection++;
    const view = this.#view;
    if (view.hasNoSender) return; // a REFUSE or RETRY
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
