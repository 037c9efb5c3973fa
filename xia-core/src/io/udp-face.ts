import type { RemoteInfo, Socket } from 'node:dgram';
import { DgramAsPromised, type SocketAsPromised } from 'dgram-as-promised';
import { XiaError, type Gauge } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import { FaceCounters, MAX_PACKET_BYTES, type Face, type FaceDescription, type FaceHandler, type FaceSettings } from './face.js';
import { checkedMtu } from './face-mtu.js';
import { NeighbourTable } from './neighbour-table.js';
import { formatHostPort, parseHostPort, type HostPort } from './socket-address.js';

export interface UdpFaceOptions {
  readonly name: string;
  readonly role: FaceRole;
  /** `ADDRESS:PORT`, IPv6 in brackets; port 0 takes a free one. `[::]:PORT` takes IPv4 as well. */
  readonly listen: string;
  /** `ADDRESS:PORT` of neighbours that are known before they are heard. */
  readonly peers?: readonly string[];
  /** Default 1472: what a UDP datagram carries in an Ethernet frame. At most 65,507. */
  readonly mtu?: number;
  /** Asked of the operating system for each direction, which may give less: see `describe()`. Default 8 MiB. */
  readonly socketBufferBytes?: number;
  /** Bytes waiting for the kernel beyond which packets are dropped. Default 16 MiB. */
  readonly sendQueueBytes?: number;
  /** How many neighbours are remembered, peers included. Default 4096. */
  readonly neighbours?: number;
}

export const DEFAULT_UDP_MTU = 1472;
const DEFAULT_SOCKET_BUFFER_BYTES = 8 * 1024 * 1024;
const DEFAULT_SEND_QUEUE_BYTES = 16 * 1024 * 1024;
const LEAST_SOCKET_BUFFER_BYTES = 64 * 1024;

type SendCallback = (error: null, address: string, family: number) => void;

/**
 * A face over one UDP socket, one packet in each datagram.
 *
 * Whoever sends us a datagram is a neighbour. Datagrams are taken by a plain listener on the socket: a promise for each
 * one is slow, and the ones that arrive while no promise is pending would be lost. Node allocates 64 KiB for each
 * datagram and shrinks it to what arrived, in an ArrayBuffer of its own; so a handler may keep the bytes, and keeping
 * them holds no more memory than they are long.
 */
export class UdpFace implements Face {
  readonly name: string;
  readonly counters = new FaceCounters();
  #role: FaceRole;
  #mtu: number;
  #peers: readonly HostPort[] = [];
  readonly #listen: HostPort;
  readonly #neighbours: NeighbourTable;
  readonly #socketBufferBytes: number;
  readonly #sendQueueBytes: number;
  #binding: SocketAsPromised | undefined;
  /** Set while the face is open. */
  #socket: Socket | undefined;
  #handler: FaceHandler | undefined;
  #mostQueuedBytes = 0;

  /** @throws XiaError `bad-endpoint` for an address that cannot be read, `bad-config` for another bad option */
  constructor(options: UdpFaceOptions) {
    this.name = options.name;
    this.#role = options.role;
    this.#mtu = checkedMtu(this.name, options.mtu ?? DEFAULT_UDP_MTU);
    this.#listen = parseHostPort(options.listen);
    this.#socketBufferBytes = options.socketBufferBytes ?? DEFAULT_SOCKET_BUFFER_BYTES;
    this.#sendQueueBytes = options.sendQueueBytes ?? DEFAULT_SEND_QUEUE_BYTES;
    this.#neighbours = new NeighbourTable(options.neighbours, (id) => {
      this.counters.neighboursEvicted++;
      this.#handler?.gone(id);
    });
    this.#peers = this.#parsePeers(options.peers ?? []);
    for (const { address, port } of this.#peers) this.#neighbours.pin(address, port);
  }

  get role(): FaceRole {
    return this.#role;
  }

  get mtu(): number {
    return this.#mtu;
  }

  update({ role, mtu, peers = [] }: FaceSettings): void {
    const checked = checkedMtu(this.name, mtu);
    const next = this.#parsePeers(peers);
    const removed = this.#peers.filter((peer) => !next.some((other) => isSameEndpoint(peer, other)));
    const added = next.filter((peer) => !this.#peers.some((other) => isSameEndpoint(peer, other)));
    if (added.length > this.#neighbours.room + removed.length)
      throw new XiaError('bad-config', `face ${this.name}: too many peers`, { peers: peers.length });
    this.#role = role;
    this.#mtu = checked;
    this.#peers = next;
    for (const { address, port } of removed) {
      const id = this.#neighbours.remove(address, port);
      if (id !== 0) this.#handler?.gone(id);
    }
    for (const { address, port } of added) this.#neighbours.pin(address, port);
  }

  async open(handler: FaceHandler): Promise<void> {
    const { address, port, family } = this.#listen;
    const binding = DgramAsPromised.createSocket({ type: family === 4 ? 'udp4' : 'udp6', lookup: literalLookup });
    this.#binding = binding;
    this.#handler = handler;
    const socket = binding.socket;
    socket.on('message', (bytes: Uint8Array, from: RemoteInfo) => this.#receive(bytes, from));
    try {
      await binding.bind({ address, port, exclusive: true });
    } catch (error) {
      await this.close();
      throw this.#openError(error as NodeJS.ErrnoException);
    }
    socket.on('error', (cause) => {
      this.counters.faults++;
      handler.fault(new XiaError('face-failed', `face ${this.name}: ${cause.message}`, { face: this.name }, { cause }));
    });
    growBuffer(this.#socketBufferBytes, (bytes) => socket.setRecvBufferSize(bytes));
    growBuffer(this.#socketBufferBytes, (bytes) => socket.setSendBufferSize(bytes));
    this.#socket = socket;
  }

  send(neighbour: number, packet: Uint8Array, body?: Uint8Array): boolean {
    if (packet.length + (body?.length ?? 0) > this.mtu) {
      this.counters.droppedTooBig++;
      return false;
    }
    if (neighbour !== 0) return this.#sendTo(neighbour, packet, body);
    let sent = false;
    let anybody = false;
    for (let id = 1; id <= this.#neighbours.size; id++) {
      if (!this.#neighbours.has(id)) continue;
      anybody = true;
      sent = this.#sendTo(id, packet, body) || sent;
    }
    if (!anybody) this.counters.droppedNoNeighbour++;
    return sent;
  }

  describe(): FaceDescription {
    const table = this.#neighbours;
    const neighbours = Array.from({ length: table.size }, (_, index) => index + 1)
      .filter((id) => table.has(id))
      .map((id) => ({ id, address: formatHostPort(table.addressOf(id), table.portOf(id)) }));
    if (this.#socket === undefined) {
      return { address: formatHostPort(this.#listen.address, this.#listen.port), neighbours };
    }
    const bound = this.#socket.address();
    return {
      address: formatHostPort(bound.address, bound.port),
      neighbours,
      // What the kernel gave: Linux silently clamps to net.core.rmem_max and wmem_max, and reports twice what it took.
      details: {
        receiveBufferBytes: this.#socket.getRecvBufferSize(),
        sendBufferBytes: this.#socket.getSendBufferSize(),
      },
    };
  }

  gauges(): Gauge[] {
    const used = this.#socket?.getSendQueueSize() ?? 0;
    const refused = this.counters.droppedQueueFull;
    return [
      { name: 'send queue', unit: 'bytes', used, highWater: this.#mostQueuedBytes, bound: this.#sendQueueBytes, refused },
      this.#neighbours.gauge(),
    ];
  }

  async close(): Promise<void> {
    const binding = this.#binding;
    this.#socket = undefined;
    this.#handler = undefined;
    this.#binding = undefined;
    await binding?.close();
  }

  #receive(bytes: Uint8Array, from: RemoteInfo): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (bytes.length === 0 || bytes.length > MAX_PACKET_BYTES) {
      this.counters.ignored++;
      return;
    }
    this.counters.packetsIn++;
    this.counters.bytesIn += bytes.length;
    handler.packet(this.#neighbours.heard(from.address, from.port), bytes);
  }

  #sendTo(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined): boolean {
    const socket = this.#socket;
    if (socket === undefined || !this.#neighbours.has(neighbour)) {
      this.counters.droppedNoNeighbour++;
      return false;
    }
    const bytes = packet.length + (body?.length ?? 0);
    const queuedBytes = socket.getSendQueueSize() + bytes;
    if (queuedBytes > this.#sendQueueBytes) {
      this.counters.droppedQueueFull++;
      return false;
    }
    if (queuedBytes > this.#mostQueuedBytes) this.#mostQueuedBytes = queuedBytes;
    // Without a callback nothing is scheduled per packet, and an unreachable neighbour is silence, as on any link.
    const datagram = body === undefined ? packet : [packet, body];
    socket.send(datagram, this.#neighbours.portOf(neighbour), this.#neighbours.addressOf(neighbour));
    this.counters.packetsOut++;
    this.counters.bytesOut += bytes;
    return true;
  }

  #parsePeers(texts: readonly string[]): HostPort[] {
    const peers: HostPort[] = [];
    for (const peer of texts.map((text) => this.#parsePeer(text))) {
      if (!peers.some((other) => isSameEndpoint(peer, other))) peers.push(peer);
    }
    return peers;
  }

  /** A peer as its datagrams name it. */
  #parsePeer(text: string): HostPort {
    const peer = parseHostPort(text);
    if (this.#listen.family === 4 && peer.family === 6) {
      throw new XiaError('bad-endpoint', `face ${this.name}: peer ${text} needs a face that listens on IPv6`, { text });
    }
    if (peer.port === 0) {
      throw new XiaError('bad-endpoint', `face ${this.name}: peer ${text} needs a port`, { text });
    }
    const isMapped = this.#listen.family === 6 && peer.family === 4;
    return isMapped ? { ...peer, address: `::ffff:${peer.address}` } : peer;
  }

  #openError(cause: NodeJS.ErrnoException): XiaError {
    const address = formatHostPort(this.#listen.address, this.#listen.port);
    const context = { face: this.name, address };
    if (cause.code === 'EADDRINUSE') {
      const message = `face ${this.name}: UDP ${address} is in use by another program`;
      return new XiaError('address-in-use', message, context, { cause });
    }
    const reasons: Record<string, string> = {
      EADDRNOTAVAIL: 'is not an address of this machine',
      EACCES: 'may not be used by this user',
    };
    const reason = reasons[cause.code ?? ''] ?? `cannot be opened: ${cause.message}`;
    return new XiaError('face-failed', `face ${this.name}: UDP ${address} ${reason}`, context, { cause });
  }
}

function isSameEndpoint(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.address === b.address;
}

/** All addresses are literals, so nothing is looked up; Node's own lookup would cost a deferred call per packet. */
function literalLookup(address: string, _options: unknown, callback: SendCallback): void {
  callback(null, address, address.includes(':') ? 6 : 4);
}

/** Linux clamps a size that it does not allow, other systems refuse it; then less is asked for. */
function growBuffer(bytes: number, set: (bytes: number) => void): void {
  for (let size = bytes; size >= LEAST_SOCKET_BUFFER_BYTES; size = Math.floor(size / 2)) {
    try {
      set(size);
      return;
    } catch {
      // Refused: try half of it. The face works with the system's default too.
    }
  }
}
