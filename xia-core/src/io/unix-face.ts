import { connect, createServer, type Server, type Socket } from 'node:net';
import { writeU32BE, XiaError } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import { FaceCounters, MAX_PACKET_BYTES, type Face, type FaceDescription, type FaceHandler, type FaceSettings } from './face.js';
import { checkedMtu } from './face-mtu.js';
import { FrameSplitter } from './frame-splitter.js';
import { listenUnix } from './unix-listen.js';

export interface UnixFaceOptions {
  readonly name: string;
  readonly role: FaceRole;
  /** Default and largest: 65,507. */
  readonly mtu?: number | undefined;
  /** Path of the socket that neighbours connect to. */
  readonly listen?: string | undefined;
  /** Paths of sockets that this face connects to. */
  readonly peers?: readonly string[] | undefined;
}

const AGAIN_MS = 50;

/** A face to nodes of the same machine, over UNIX sockets. At least one of `listen` and `peers` is needed. */
export class UnixFace implements Face {
  readonly name: string;
  readonly counters = new FaceCounters();
  #role: FaceRole;
  #mtu: number;
  readonly #listen: string | undefined;
  #peers: readonly string[];
  #server: Server | undefined;
  /** By neighbour id less 1. */
  readonly #sockets: (Socket | undefined)[] = [];
  readonly #ids = new Map<string, number>();
  #handler: FaceHandler | undefined;

  /** @throws XiaError `bad-config` */
  constructor({ name, role, mtu = MAX_PACKET_BYTES, listen, peers = [] }: UnixFaceOptions) {
    if (listen === undefined && peers.length === 0) throw new XiaError('bad-config', `face ${name}: listen or peers are needed`);
    this.name = name;
    this.#role = role;
    this.#mtu = checkedMtu(name, mtu);
    this.#listen = listen;
    this.#peers = peers;
    for (const peer of peers) this.#pin(peer);
  }

  get role(): FaceRole {
    return this.#role;
  }

  get mtu(): number {
    return this.#mtu;
  }

  update({ role, mtu = MAX_PACKET_BYTES, peers = [] }: FaceSettings): void {
    this.#mtu = checkedMtu(this.name, mtu);
    this.#role = role;
    const [before, after] = [new Set(this.#peers), new Set(peers)];
    this.#peers = peers;
    for (const peer of before) {
      if (after.has(peer)) continue;
      this.#sockets[this.#ids.get(peer)! - 1]?.destroy();
      this.#ids.delete(peer);
    }
    for (const peer of after) {
      if (before.has(peer)) continue;
      this.#pin(peer);
      this.#connect(peer);
    }
  }

  async open(handler: FaceHandler): Promise<void> {
    this.#handler = handler;
    if (this.#listen !== undefined) {
      this.#server = createServer((socket) => this.#join(socket, this.#free()));
      await listenUnix(this.#server, this.#listen);
    }
    for (const peer of this.#peers) this.#connect(peer);
  }

  send(neighbour: number, packet: Uint8Array, body?: Uint8Array): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    if (bytes > this.#mtu) {
      this.counters.droppedTooBig++;
      return false;
    }
    const sockets = neighbour === 0 ? this.#sockets : [this.#sockets[neighbour - 1]];
    let sent = false;
    for (const socket of sockets) {
      if (socket === undefined) continue;
      const prefix = new Uint8Array(4);
      writeU32BE(prefix, 0, bytes);
      socket.cork();
      for (const part of body === undefined ? [prefix, packet] : [prefix, packet, body]) socket.write(part);
      socket.uncork();
      this.counters.packetsOut++;
      this.counters.bytesOut += bytes;
      sent = true;
    }
    if (!sent) this.counters.droppedNoNeighbour++;
    return sent;
  }

  describe(): FaceDescription {
    const neighbours = [...this.#ids].map(([peer, id]) => ({ id, address: `unix:${peer}` }));
    return { address: `unix:${this.#listen ?? this.#peers[0] ?? ''}`, neighbours };
  }

  async close(): Promise<void> {
    this.#handler = undefined;
    for (const socket of this.#sockets) socket?.destroy();
    const server = this.#server;
    if (server?.listening === true) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #pin(peer: string): void {
    this.#ids.set(peer, this.#free() + 1);
  }

  #free(): number {
    const taken = new Set(this.#ids.values());
    let index = 0;
    while (this.#sockets[index] !== undefined || taken.has(index + 1)) index++;
    return index;
  }

  #connect(peer: string): void {
    const id = this.#ids.get(peer);
    if (this.#handler === undefined || id === undefined) return;
    const socket = connect(peer);
    socket.on('connect', () => this.#join(socket, id - 1));
    socket.on('error', () => undefined);
    socket.on('close', () => setTimeout(() => this.#connect(peer), AGAIN_MS).unref());
  }

  #join(socket: Socket, index: number): void {
    const handler = this.#handler;
    if (handler === undefined) return void socket.destroy();
    this.#sockets[index] = socket;
    const splitter = new FrameSplitter(MAX_PACKET_BYTES, (bytes) => {
      this.counters.packetsIn++;
      this.counters.bytesIn += bytes.length;
      handler.packet(index + 1, bytes);
    });
    socket.on('data', (piece) => void splitter.push(piece));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets[index] = undefined;
      this.#handler?.gone(index + 1);
    });
    handler.announced(index + 1);
  }
}
