import { createServer, type Server, type Socket } from 'node:net';
import { XiaError, type Gauge } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import { FaceCounters, type Face, type FaceDescription, type FaceHandler, type FaceNeighbour, type FaceSettings } from './face.js';
import { checkedMtu } from './face-mtu.js';
import { MAX_UNSENT_BYTES, NetdevConnection } from './netdev-connection.js';
import { listenUnix } from './unix-listen.js';
import { loadUnreadBytes, type UnreadBytes } from './unread-bytes.js';

export interface NetdevFaceOptions {
  readonly name: string;
  readonly role: FaceRole;
  /** The UNIX socket that we listen on and QEMU connects to. */
  readonly path: string;
  /** Default 1472: what a UDP datagram carries in an Ethernet frame of the usual size. At most 65,507. */
  readonly mtu?: number;
}

const DEFAULT_NETDEV_MTU = 1472;
const MAX_FRAME_BYTES = 65_535 + 14;
const MAX_CONNECTIONS = 64;

/**
 * A face to virtual machines: QEMU's `-netdev stream,id=N,server=off,addr.type=unix,addr.path=PATH` (7.2 and later).
 *
 * Each connection is a neighbour for as long as it lasts. It is announced when it comes, and again whenever the machine
 * announces itself, as QEMU does for it when it goes on running after a migration.
 */
export class NetdevFace implements Face {
  readonly name: string;
  readonly counters = new FaceCounters();
  #role: FaceRole;
  #mtu: number;
  readonly #path: string;
  readonly #server: Server;
  /** By neighbour id less 1. */
  readonly #connections: (NetdevConnection | undefined)[] = [];
  #handler: FaceHandler | undefined;
  #connectionsRefused = 0;
  #mostConnections = 0;
  readonly #most = { unsentBytes: 0 };
  #unread: UnreadBytes = () => undefined;

  /** @throws XiaError `bad-config` */
  constructor(options: NetdevFaceOptions) {
    this.name = options.name;
    this.#role = options.role;
    this.#mtu = checkedMtu(this.name, options.mtu ?? DEFAULT_NETDEV_MTU);
    this.#path = options.path;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('drop', () => this.#connectionsRefused++);
  }

  get role(): FaceRole {
    return this.#role;
  }

  get mtu(): number {
    return this.#mtu;
  }

  update({ role, mtu = DEFAULT_NETDEV_MTU }: FaceSettings): void {
    this.#mtu = checkedMtu(this.name, mtu);
    this.#role = role;
  }

  async open(handler: FaceHandler): Promise<void> {
    this.#handler = handler;
    this.#unread = await loadUnreadBytes();
    try {
      await listenUnix(this.#server, this.#path);
    } catch (cause) {
      this.#handler = undefined;
      if (!(cause instanceof XiaError)) throw cause;
      throw new XiaError(cause.code, `face ${this.name}: ${cause.message}`, { ...cause.context, face: this.name }, { cause });
    }
    this.#server.on('error', (cause) => this.#fault(cause.message, cause));
  }

  send(neighbour: number, packet: Uint8Array, body?: Uint8Array): boolean {
    if (packet.length + (body?.length ?? 0) > this.mtu) {
      this.counters.droppedTooBig++;
      return false;
    }
    if (neighbour !== 0) return this.#sendTo(this.#connections[neighbour - 1], packet, body);
    let sent = false;
    let anybody = false;
    for (const connection of this.#connections) {
      if (connection === undefined) continue;
      anybody = true;
      sent = this.#sendTo(connection, packet, body) || sent;
    }
    if (!anybody) this.counters.droppedNoNeighbour++;
    return sent;
  }

  takeBack(neighbour: number): Uint8Array[] {
    return this.#connections[neighbour - 1]?.takeBack() ?? [];
  }

  station(neighbour: number): string | undefined {
    return this.#connections[neighbour - 1]?.link.station;
  }

  describe(): FaceDescription {
    const neighbours = this.#connections.flatMap((connection, index) =>
      connection === undefined ? [] : [describeNeighbour(index + 1, connection)],
    );
    return { address: `unix:${this.#path}`, neighbours, details: { connectionsRefused: this.#connectionsRefused } };
  }

  gauges(): Gauge[] {
    const connections = this.#connections.filter((connection) => connection !== undefined);
    const used = Math.max(0, ...connections.map(({ unsentBytes }) => unsentBytes));
    const refused = this.counters.droppedQueueFull;
    const [connected, most, turnedAway] = [connections.length, this.#mostConnections, this.#connectionsRefused];
    return [
      { name: 'largest send queue', unit: 'bytes', used, highWater: this.#most.unsentBytes, bound: MAX_UNSENT_BYTES, refused },
      { name: 'machines', unit: 'entries', used: connected, highWater: most, bound: MAX_CONNECTIONS, refused: turnedAway },
    ];
  }

  async close(): Promise<void> {
    this.#handler = undefined;
    for (const connection of this.#connections) connection?.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #sendTo(connection: NetdevConnection | undefined, packet: Uint8Array, body: Uint8Array | undefined): boolean {
    if (connection === undefined) {
      this.counters.droppedNoNeighbour++;
      return false;
    }
    const frame = connection.link.encode(packet, body);
    const packetBytes = packet.length + (body?.length ?? 0);
    if (!connection.write(frame, frame.length - packetBytes)) {
      this.counters.droppedQueueFull++;
      return false;
    }
    this.counters.packetsOut++;
    this.counters.bytesOut += packetBytes;
    return true;
  }

  #accept(socket: Socket): void {
    const handler = this.#handler;
    if (handler === undefined) {
      socket.destroy();
      return;
    }
    const free = this.#connections.indexOf(undefined);
    const index = free < 0 ? this.#connections.length : free;
    const neighbour = index + 1;
    const connection = new NetdevConnection(socket, this.#most, this.#unread, MAX_FRAME_BYTES, (frame) =>
      this.#receive(connection, neighbour, frame),
    );
    this.#connections[index] = connection;
    this.#mostConnections = Math.max(this.#mostConnections, this.#connections.length);
    socket.on('data', (piece) => {
      if (connection.splitter.push(piece) === undefined || socket.destroyed) return;
      this.#fault(`neighbour ${neighbour} sent a frame of more than ${MAX_FRAME_BYTES} bytes`);
      connection.destroy();
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      // A machine that goes away in the middle of something is no fault; `close` follows.
      if (cause.code !== 'ECONNRESET' && cause.code !== 'EPIPE') this.#fault(cause.message, cause);
    });
    socket.on('close', () => {
      this.#connections[index] = undefined;
      this.#handler?.gone(neighbour);
    });
    handler.announced(neighbour);
  }

  #receive(connection: NetdevConnection, neighbour: number, frame: Uint8Array): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    const event = connection.link.receive(frame);
    switch (event.kind) {
      case 'packet':
        this.counters.packetsIn++;
        this.counters.bytesIn += event.packet.length;
        handler.packet(neighbour, event.packet);
        break;
      case 'announced':
        connection.announcedMs ??= performance.timeOrigin + performance.now();
        handler.announced(neighbour, event.station);
        break;
      case 'reply':
        connection.write(event.frame);
        break;
      case 'ignored':
        this.counters.ignored++;
        break;
    }
  }

  #fault(reason: string, cause?: unknown): void {
    this.counters.faults++;
    this.#handler?.fault(new XiaError('face-failed', `face ${this.name}: ${reason}`, { face: this.name, path: this.#path }, { cause }));
  }
}

function describeNeighbour(id: number, { link, announcedMs }: NetdevConnection): FaceNeighbour {
  return { id, address: link.describe(), ...(announcedMs === undefined ? {} : { announcedMs }) };
}
