import { XiaError, type Gauge, type RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import { encodeDgramHeader, parseTransport } from '../wire/dgram.js';
import { xipHeaderBytes } from '../wire/xip.js';
import { PrincipalType, Xid, XID_ID_BYTES } from '../xid/index.js';
import type { OutgoingPacket } from './stream-options.js';

/** A datagram that arrived. `payload` may share memory with the packet. */
export interface ReceivedDatagram {
  readonly payload: Uint8Array;
  readonly source: Dag;
}

export interface DatagramLimits {
  readonly maxSockets: number;
  /** Datagrams that wait in a socket, and their bytes; what comes when it is full is dropped and counted. */
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
}

export const DEFAULT_DATAGRAM_LIMITS: DatagramLimits = {
  maxSockets: 4096,
  maxQueued: 1024,
  maxQueuedBytes: 4 * 1024 * 1024,
};

export interface DatagramEndpointOptions {
  readonly rng: RandomSource;
  /** Our address for a service, as of now. */
  readonly localDag: (sid: Xid) => Dag;
  /** Largest XIP packet towards an address, bytes. */
  readonly mtu: (destination: Dag) => number;
  /** Takes the payload of an XIP packet with next header 60. False when it could not be sent. */
  readonly output: (packet: OutgoingPacket) => boolean;
  /** A socket whose queue was empty has a datagram. */
  readonly onReadable: (socket: DatagramSocketHandle) => void;
  readonly limits?: Partial<DatagramLimits>;
}

export interface DatagramSocketHandle {
  readonly sid: Xid;
  /** Datagrams dropped because the queue was full. */
  readonly dropped: number;
  readonly queued: number;
  /** The largest payload that is known to pass towards an address now, bytes; `send` refuses more. */
  largestPayload(destination: Dag): number;
  /** Sends one datagram. False when it could not go: too large, no way there, or closed. Delivery is not promised. */
  send(destination: Dag, payload: Uint8Array): boolean;
  /** The oldest datagram that waits. */
  receive(): ReceivedDatagram | undefined;
  close(): void;
}

const HEADER = encodeDgramHeader();

/** All datagram sockets of a node, by their SID. */
export class DatagramEndpoint {
  readonly #options: DatagramEndpointOptions;
  readonly #limits: DatagramLimits;
  readonly #sockets = new Map<string, DatagramSocket>();
  /** Datagrams that a socket took, and that its full queue had no room for. */
  queued = 0;
  dropped = 0;
  /** Packets that are no datagrams, and datagrams for a SID without a socket. */
  malformed = 0;
  unclaimed = 0;
  #mostSockets = 0;
  #socketsRefused = 0;
  /** Of one socket. */
  readonly #most = { queued: 0, queuedBytes: 0 };

  constructor(options: DatagramEndpointOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_DATAGRAM_LIMITS, ...options.limits };
  }

  get size(): number {
    return this.#sockets.size;
  }

  /**
   * Opens a socket; without `sid` one that nobody else has is made up.
   * @throws XiaError `address-in-use`, or `limit-reached` when there are as many sockets as there may be
   */
  open(sid: Xid = this.#ephemeralSid()): DatagramSocketHandle {
    if (this.#sockets.has(sid.key)) {
      throw new XiaError('address-in-use', `${sid.toString()} has a socket already`, { sid: sid.toString() });
    }
    if (this.#sockets.size >= this.#limits.maxSockets) {
      this.#socketsRefused++;
      throw new XiaError('limit-reached', `there are ${this.#sockets.size} sockets already`);
    }
    const socket = new DatagramSocket(sid, this.#options, this.#limits, this.#most, () => this.#sockets.delete(sid.key));
    this.#sockets.set(sid.key, socket);
    this.#mostSockets = Math.max(this.#mostSockets, this.#sockets.size);
    return socket;
  }

  /** Takes the payload of an XIP packet with next header 60. False when it is not for a socket of ours. */
  handlePacket(payload: Uint8Array, source: Dag, destinationSid: Xid): boolean {
    const parsed = parseTransport(payload);
    if (!('kind' in parsed) || parsed.kind !== 'dgram') {
      this.malformed++;
      return false;
    }
    const socket = this.#sockets.get(destinationSid.key);
    if (socket === undefined) {
      this.unclaimed++;
      return false;
    }
    if (socket.deliver({ payload: parsed.payload, source })) this.queued++;
    else this.dropped++;
    return true;
  }

  /** Every packet handed in is one of these. */
  counters(): Record<'queued' | 'dropped' | 'malformed' | 'unclaimed', number> {
    const { queued, dropped, malformed, unclaimed } = this;
    return { queued, dropped, malformed, unclaimed };
  }

  gauges(): Gauge[] {
    const { maxSockets, maxQueued, maxQueuedBytes } = this.#limits;
    const [used, highWater, refused] = [this.#sockets.size, this.#mostSockets, this.#socketsRefused];
    let queued = 0;
    let queuedBytes = 0;
    for (const socket of this.#sockets.values()) {
      queued = Math.max(queued, socket.queued);
      queuedBytes = Math.max(queuedBytes, socket.queuedBytes);
    }
    const [packets, bytes] = [this.#most.queued, this.#most.queuedBytes];
    return [
      { name: 'datagram sockets', unit: 'entries', used, highWater, bound: maxSockets, refused },
      { name: 'longest datagram queue', unit: 'packets', used: queued, highWater: packets, bound: maxQueued, refused: this.dropped },
      { name: 'largest datagram queue', unit: 'bytes', used: queuedBytes, highWater: bytes, bound: maxQueuedBytes, refused: this.dropped },
    ];
  }

  #ephemeralSid(): Xid {
    for (;;) {
      const sid = new Xid(PrincipalType.SID, this.#options.rng.bytes(XID_ID_BYTES));
      if (!this.#sockets.has(sid.key)) return sid;
    }
  }
}

class DatagramSocket implements DatagramSocketHandle {
  readonly sid: Xid;
  dropped = 0;
  readonly #options: DatagramEndpointOptions;
  readonly #limits: DatagramLimits;
  readonly #most: { queued: number; queuedBytes: number };
  readonly #onClose: () => void;
  #queue: ReceivedDatagram[] = [];
  #first = 0;
  queuedBytes = 0;
  #closed = false;

  constructor(
    sid: Xid,
    options: DatagramEndpointOptions,
    limits: DatagramLimits,
    most: { queued: number; queuedBytes: number },
    onClose: () => void,
  ) {
    this.sid = sid;
    this.#options = options;
    this.#limits = limits;
    this.#most = most;
    this.#onClose = onClose;
  }

  get queued(): number {
    return this.#queue.length - this.#first;
  }

  largestPayload(destination: Dag): number {
    const { localDag, mtu } = this.#options;
    return Math.max(0, mtu(destination) - xipHeaderBytes(destination, localDag(this.sid)) - HEADER.length);
  }

  send(destination: Dag, payload: Uint8Array): boolean {
    if (this.#closed || payload.length > this.largestPayload(destination)) return false;
    const source = this.#options.localDag(this.sid);
    return this.#options.output({ destination, source, payload: [HEADER, payload] });
  }

  receive(): ReceivedDatagram | undefined {
    const datagram = this.#queue[this.#first];
    if (datagram === undefined) return undefined;
    this.#first++;
    this.queuedBytes -= heldBytes(datagram);
    if (this.#first === this.#queue.length) {
      this.#queue = [];
      this.#first = 0;
    }
    return datagram;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#first = 0;
    this.queuedBytes = 0;
    this.#onClose();
  }

  /** False when there is no room. */
  deliver(datagram: ReceivedDatagram): boolean {
    const bytes = heldBytes(datagram);
    if (this.queued >= this.#limits.maxQueued || this.queuedBytes + bytes > this.#limits.maxQueuedBytes) {
      this.dropped++;
      return false;
    }
    if (this.#first >= 256) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
    this.#queue.push(datagram);
    this.queuedBytes += bytes;
    // Before the owner hears of it and takes it out.
    if (this.queued > this.#most.queued) this.#most.queued = this.queued;
    if (this.queuedBytes > this.#most.queuedBytes) this.#most.queuedBytes = this.queuedBytes;
    if (this.queued === 1) this.#options.onReadable(this);
    return true;
  }
}

/** The whole packet stays in memory as long as its payload does. */
function heldBytes(datagram: ReceivedDatagram): number {
  return datagram.payload.buffer.byteLength;
}
