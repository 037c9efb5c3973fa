import { EventEmitter } from 'node:events';
import { XiaError, type Gauge } from '../bytes/index.js';
import { contentDag, hostDag, type Dag } from '../dag/index.js';
import { contentId, Driver, generateIdentity, type Face, type NodeIdentity } from '../io/index.js';
import type { AttachmentInfo, MobilityEvent } from '../mobility/index.js';
import { NodeStack, type StackEvent } from '../stack/index.js';
import { PrincipalType, Xid, type IdHash } from '../xid/index.js';
import { untilAttached } from './attach-wait.js';
import type { CaptureListener, CaptureOptions } from './capture.js';
import type { DatagramSocket } from './datagram-socket.js';
import { DatagramSockets } from './datagram-sockets.js';
import { EchoSocket } from './echo-socket.js';
import { logMobility, logRouting } from './event-log.js';
import { makeFace } from './face-config.js';
import { Guests } from './guests.js';
import { Fetches, type FetchOptions } from './fetches.js';
import { LaterMessages } from './later-messages.js';
import { Names } from './names.js';
import { NodeFaces } from './node-faces.js';
import type { NodeLogger, XiaNodeOptions } from './node-options.js';
import { Reconfiguration } from './reconfigure.js';
import { prepareSecureStreams } from './secure-stream.js';
import { stackOptionsOf } from './stack-options.js';
import type { StreamServer } from './stream-server.js';
import type { Enter } from './stream-socket.js';
import { StreamSockets, type ConnectOptions, type ListenOptions } from './stream-sockets.js';
import { nodeGauges, nodeView, type NodeView } from './views.js';
import type { XiaStream } from './xia-stream.js';

const DEFAULT_ATTACH_TIMEOUT_MS = 10_000;
const DEFAULT_LOGGER: NodeLogger = { debug: () => {}, info: () => {}, warn: () => {} };

interface XiaNodeEvents {
  /** Attached for the first time, or again. */
  attach: [place: { ad: Xid; dag: Dag }];
  /** Attached somewhere else than before. */
  move: [place: { ad: Xid; dag: Dag }];
  detach: [];
  /** Everything that mobility reports, bindings of others included. */
  mobility: [event: MobilityEvent];
}

/**
 * A node of an XIA network in this process: an application, a host, a router or a virtual machine, by its role.
 *
 *     await using node = await XiaNode.start({ faces: [{ name: 'host', role: 'uplink', udp: { ... } }] });
 *     const stream = await node.connect('calc.xia');
 */
export class XiaNode extends EventEmitter<XiaNodeEvents> implements AsyncDisposable {
  readonly identity: NodeIdentity;
  readonly #stack: NodeStack;
  readonly #driver: Driver;
  readonly #faces: NodeFaces;
  readonly #later = new LaterMessages((face, neighbour, bytes) => this.#receive(face, neighbour, bytes));
  readonly #logger: NodeLogger;
  readonly #contentHash: IdHash;
  readonly #fetches: Fetches;
  readonly #guests: Guests;
  readonly #names: Names;
  readonly #streams: StreamSockets;
  readonly #datagrams: DatagramSockets;
  readonly #reconfiguration: Reconfiguration;
  #closing: Promise<void> | undefined;

  private constructor(options: XiaNodeOptions, identity: NodeIdentity) {
    super();
    this.identity = identity;
    this.#logger = options.logger ?? DEFAULT_LOGGER;
    this.#contentHash = options.contentHash ?? 'sha256';
    const faces = options.faces.map((face) => makeFace(face, new Xid(PrincipalType.HID, identity.id)));
    // Others wait for what a router or a host has to say.
    const mayWait = (options.role ?? 'application') === 'application';
    this.#faces = new NodeFaces(
      {
        packet: (id, neighbour, bytes, lent) => {
          if (!mayWait || !this.#later.take(id, neighbour, bytes, lent)) this.#receive(id, neighbour, bytes, lent);
        },
        run: (id, neighbour, bytes, segmentBytes, lent) => {
          this.#stack.receiveRun(id, neighbour, bytes, segmentBytes, this.#driver.now(), lent);
          this.#driver.rearm();
        },
        announced: (id, neighbour, station) => this.#enter((now) => this.#stack.announced(id, neighbour, now, station)),
        gone: (id, neighbour) => this.#enter((now) => this.#stack.neighbourGone(id, neighbour, now)),
        fault: (face, error) => this.#logger.warn({ face: face.name, code: error.code, reason: error.message }, 'face fault'),
      },
      () => this.#driver.now() + this.#stack.wallOffsetMs,
    );
    for (const { name, cost } of options.faces) this.#faces.costs.set(name, cost);
    this.#stack = new NodeStack(
      stackOptionsOf(options, identity, faces, this.#faces.costs, {
        isFormer: (face, neighbour) => this.#faces.byId.get(face)?.isFormer?.(neighbour) === true,
        transmit: (face, neighbour, packet, body, lent) => this.#faces.transmit(face, neighbour, packet, body, lent),
        transmitRun: (face, neighbour, bytes, segmentBytes, lent) => this.#faces.transmitRun(face, neighbour, bytes, segmentBytes, lent),
        onEvent: (event) => this.#handle(event),
      }),
    );
    for (const [id, spec] of this.#stack.faces.entries()) this.#faces.byId.set(id, spec as Face);
    for (const { to, via, nextHop } of options.routes ?? []) this.#addRoute(to, via, nextHop);
    this.#driver = new Driver(this.#stack);
    this.#fetches = new Fetches(this.#stack, this.#enter);
    this.#streams = new StreamSockets(this.#stack, this.#enter, identity);
    this.#datagrams = new DatagramSockets(this.#stack, this.#enter);
    this.#names = new Names(this.#stack, this.#enter);
    const listen = (listener: (event: MobilityEvent) => void) => {
      this.on('mobility', listener);
      return () => void this.off('mobility', listener);
    };
    this.#guests = new Guests({ stack: this.#stack, faces: this.#faces.byId, enter: this.#enter, listen });
    this.#reconfiguration = new Reconfiguration({
      stack: this.#stack,
      identity,
      faces: this.#faces,
      enter: this.#enter,
      isClosing: () => this.#closing !== undefined,
    });
  }

  /**
   * Opens the faces and, unless the node is a router, waits until a router has accepted it.
   * @throws XiaError `attach-timeout`, `address-in-use`, `face-failed`, `bad-config`, `interrupted`
   */
  static async start(options: XiaNodeOptions): Promise<XiaNode> {
    const node = new XiaNode(options, options.identity ?? generateIdentity());
    try {
      options.signal?.throwIfAborted();
      for (const [id, face] of node.#faces.byId) await node.#faces.open(id, face);
      node.#enter((now) => node.#stack.handleTimeout(now));
      if (options.role !== 'router') await node.#attached(options.attachTimeoutMs ?? DEFAULT_ATTACH_TIMEOUT_MS, options.signal);
      options.signal?.addEventListener('abort', () => void node.close(), { once: true });
    } catch (error) {
      await node.close();
      throw error;
    }
    return node;
  }

  /** This node's host identifier: the hash of its public key. */
  get hid(): Xid {
    return this.#stack.hid;
  }

  /** The AD that the node is in; undefined until it is attached. */
  get ad(): Xid | undefined {
    return this.#stack.ad;
  }

  /** The node's address as it is now, or that of a service on it. */
  dag(sid?: Xid): Dag {
    return this.#stack.dag(sid);
  }

  /** Changes faces, routes and settings while the node runs. */
  get reconfigure(): Reconfiguration {
    return this.#reconfiguration;
  }

  /** Where this node is attached; undefined while it is not. */
  get attachment(): AttachmentInfo | undefined {
    return this.#stack.mobility.attachment;
  }

  /**
   * Listens for streams to a service, encrypted unless `secure` is false.
   * @throws XiaError `address-in-use`
   */
  async listen(sid: Xid, options: ListenOptions = {}): Promise<StreamServer> {
    // Before the first peer comes, who would have to wait for it.
    if (options.secure !== false) await prepareSecureStreams();
    return this.#streams.listen(sid, options);
  }

  /**
   * Opens a stream to a service given by its address or name, encrypted unless `secure` is false.
   *
   * An encrypted stream is only opened to a peer that proves to hold the key of the HID or SID in the address.
   * @throws XiaError `connection-closed`, `peer-not-authentic`, `handshake-failed`, `timeout`, `name-not-found`, `interrupted`
   */
  async connect(destination: Dag | string, options: ConnectOptions = {}): Promise<XiaStream> {
    const dag = await this.#address(destination, options.signal);
    return this.#streams.connect(dag, options);
  }

  /** Opens a datagram socket; without a SID it gets one of its own. @throws XiaError `address-in-use`, `limit-reached` */
  datagram(sid?: Xid): DatagramSocket {
    return this.#datagrams.open(sid);
  }

  /** Opens a socket for XCMP echoes. @throws XiaError `limit-reached` */
  echo(): EchoSocket {
    return new EchoSocket(this.#stack, this.#enter);
  }

  /**
   * Publishes a chunk: from now on it is served to whoever asks. The bytes must not be changed any more.
   * @throws XiaError `limit-reached` when the store is full
   */
  publish(bytes: Uint8Array, options: { readonly ttlMs?: number } = {}): { cid: Xid; dag: Dag } {
    const cid = new Xid(PrincipalType.CID, contentId(bytes, this.#contentHash));
    const outcome = this.#enter((now) => this.#stack.content.publish(cid.id, bytes, now, options.ttlMs));
    if (outcome === 'full') throw new XiaError('limit-reached', 'the chunk store is full', { bytes: bytes.length });
    return { cid, dag: this.contentDag(cid) };
  }

  /** Takes back one `publish` of a chunk. */
  unpublish(cid: Xid): void {
    this.#stack.content.unpublish(cid.id);
  }

  /** The address of a chunk that this node publishes. */
  contentDag(cid: Xid): Dag {
    return contentDag(this.#stack.ad, this.#stack.hid, cid);
  }

  /**
   * Fetches a chunk from wherever it is nearest, or of several sources together; its hash is checked before it is returned,
   * or `verify` asked.
   * It comes as long as one of the sources answers.
   * @throws XiaError `bad-argument` when a source is not an address of the chunk, `fetch-failed`, `interrupted`
   */
  async fetch(dag: Dag | string, options: FetchOptions = {}): Promise<Uint8Array> {
    return this.#fetches.fetch(dag, options);
  }

  /**
   * Gives the memory of a fetched chunk back, to be used for other ones. Worth it for whoever fetches many; nobody may
   * read the bytes any more, neither those who got them from another fetch of the same chunk.
   */
  recycle(bytes: Uint8Array): void {
    this.#stack.recycle(bytes);
  }

  /** Memory for so many bytes, with anything in it, out of what fetched chunks were in and go into; {@link recycle} takes it back. */
  lend(length: number): Uint8Array {
    return this.#stack.lend(length);
  }

  /**
   * The address of a name. An address in text form is returned as it is.
   * @throws XiaError `name-not-found`, `name-service-timeout`, `bad-dag`, `interrupted`
   */
  async resolve(
    name: string,
    options: { readonly signal?: AbortSignal; readonly timeoutMs?: number; readonly fresh?: boolean } = {},
  ): Promise<Dag> {
    return this.#names.resolve(name, options);
  }

  /**
   * Registers a name for this node, or a service on it, and keeps it: renewed before it expires, and at once after a move.
   * @throws XiaError `refused`, `name-service-timeout`
   */
  async register(name: string, options: { readonly sid?: Xid; readonly ttlMs?: number } = {}): Promise<void> {
    return this.#names.register(name, options);
  }

  /** The name server in use: the configured one, or what the beacons say. */
  get nameServer(): Dag | undefined {
    return this.#stack.nameServer;
  }

  /** Something says that this node may have been moved: it asks at once where it is. */
  hint(): void {
    this.#enter((now) => this.#stack.mobility.hint('link', now));
  }

  /** The machines that come here and go from here, as whoever moves them tells. */
  get guests(): Guests {
    return this.#guests;
  }

  /**
   * Refuses a guest that was given away: its copy here has its key as well, and is not to turn its packets back. It ends by
   * itself a minute after this node has last known the guest to be elsewhere, or by `unfence`.
   * @throws XiaError `limit-reached`
   */
  fence(hid: Xid): void {
    if (this.#enter((now) => this.#stack.mobility.fences.raise(hid, now))) return;
    throw new XiaError('limit-reached', 'too many guests are fenced', { hid: hid.toString() });
  }

  /** Lets a guest attach here again. False when it was not fenced. */
  unfence(hid: Xid): boolean {
    return this.#enter(() => this.#stack.mobility.fences.lift(hid));
  }

  /** A table of the node as plain values. */
  show(view: NodeView): unknown {
    if (view === 'bounds') return this.gauges();
    return nodeView(view, this.#stack, this.#faces.byId, this.#driver.now());
  }

  /** All counters of the node, by part. */
  stats(): Record<string, Record<string, number>> {
    return this.#stack.counters();
  }

  /** How full every queue and table of the node and its faces is, and the most that each ever held. */
  gauges(): Gauge[] {
    return [...nodeGauges(this.#stack, this.#faces.byId), ...this.#streams.gauges(), this.#faces.taps.gauge(), this.#later.gauge()];
  }

  /** Face name -> the address that it listens on. */
  faceAddresses(): Record<string, string> {
    return Object.fromEntries(this.#faces.all().map((face) => [face.name, face.describe().address]));
  }

  /** The faces as people know them. */
  faceDescriptions(): { readonly name: string; readonly mtu: number; readonly description: string }[] {
    return this.#faces.all().map((face) => ({
      name: face.name,
      mtu: face.mtu,
      description: `${face.role} ${face.describe().address}`,
    }));
  }

  /**
   * Shows every packet that comes in by a face, as it was received, and every packet that a face has taken to send. The listener is
   * called in the middle of the packet's way: it must be quick, and must not throw.
   * @returns ends the capture
   * @throws XiaError `limit-reached`
   */
  capture(listener: CaptureListener, options: CaptureOptions = {}): () => void {
    return this.#faces.taps.add(listener, options);
  }

  /**
   * Ends every stream, detaches, and closes the faces. May be called again.
   * @param options.deliveryTimeoutMs how long streams that were ended may take to bring the peer what was written; 1000 by default
   */
  async close({ deliveryTimeoutMs }: { readonly deliveryTimeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(deliveryTimeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #receive(face: number, neighbour: number, bytes: Uint8Array, lent = false): void {
    this.#stack.receive(face, neighbour, bytes, this.#driver.now(), lent);
    this.#driver.rearm();
  }

  readonly #enter: Enter = (input) => {
    const now = this.#driver.now();
    this.#stack.advance(now);
    const result = input(now);
    this.#driver.rearm();
    return result;
  };

  async #attached(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (timeoutMs === 0 || this.attachment !== undefined) return;
    const asked = () => this.#faces.all().flatMap((face) => face.describe().neighbours.map(({ address }) => address));
    await untilAttached(this, timeoutMs, signal, asked);
  }

  #addRoute(to: Xid, via: string, nextHop: Xid | undefined): void {
    const face = this.#stack.faces.byName(via);
    if (face === undefined) throw new XiaError('bad-config', `route to ${to.toString()}: there is no face "${via}"`, { via });
    this.#stack.addRoute(to, { face, neighbour: this.#faces.neighbourFor(face, nextHop) });
  }

  async #address(destination: Dag | string, signal: AbortSignal | undefined): Promise<Dag> {
    if (typeof destination !== 'string') return destination;
    return this.resolve(destination, signal === undefined ? {} : { signal });
  }

  #handle(event: StackEvent): void {
    switch (event.layer) {
      case 'stream':
        return this.#streams.handle(event.event);
      case 'datagram':
        return this.#datagrams.handle(event.socket.sid);
      case 'name':
        return this.#names.handle(event.event);
      case 'fetch':
        return this.#fetches.handle(event.event);
      case 'mobility':
        return this.#handleMobility(event.event);
      case 'routing':
        return logRouting(this.#logger, event.event);
    }
  }

  #handleMobility(event: MobilityEvent): void {
    const ad = this.#stack.ad;
    if (event.kind === 'attached' || event.kind === 'moved') {
      if (ad !== undefined) this.emit(event.kind === 'attached' ? 'attach' : 'move', { ad, dag: hostDag(ad, this.hid) });
    } else if (event.kind === 'detached') {
      this.emit('detach');
    }
    logMobility(this.#logger, event);
    this.emit('mobility', event);
  }

  async #close(deliveryTimeoutMs: number | undefined): Promise<void> {
    this.#names.close();
    this.#fetches.closeAll();
    await this.#streams.closeAll(deliveryTimeoutMs);
    await this.#datagrams.closeAll();
    if (this.attachment !== undefined) this.#enter((now) => this.#stack.mobility.leave(now, now + this.#stack.wallOffsetMs));
    this.#enter(() => this.#stack.routing?.takeLeave());
    this.#driver.stop();
    this.#later.close();
    await this.#faces.close();
  }
}
