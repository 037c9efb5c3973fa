import { unlinkSync } from 'node:fs';
import { XiaError, type Gauge } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import { Errno } from './errno.js';
import { FaceCounters, MAX_PACKET_BYTES, type Face, type FaceDescription, type FaceHandler, type FaceSettings } from './face.js';
import { checkedMtu } from './face-mtu.js';
import { loadUnixCalls, type UnixCalls, type UnixWatch } from './unix-calls.js';
import { checkUnixPath, removeStaleSocket } from './unix-listen.js';
import { MAX_MESSAGE_BYTES, MAX_UNSENT_BYTES, MESSAGE_HEADER_BYTES, type UnixLink } from './unix-link.js';
import { UnixNeighbours } from './unix-neighbours.js';

export interface UnixFaceOptions {
  readonly name: string;
  readonly role: FaceRole;
  /** The path of the socket that others connect to. */
  readonly listen?: string | undefined;
  /** Paths of sockets to connect to, again whenever a connection is lost. This or `listen` is needed. */
  readonly peers?: readonly string[] | undefined;
  /** Default and most: 65,507. */
  readonly mtu?: number | undefined;
  /** Gives the system calls; for tests. */
  readonly calls?: () => Promise<UnixCalls>;
}

/** Messages that are taken before timers and other sockets have their turn. */
const MOST_AT_ONCE = 32;

/**
 * A face to nodes on this machine, over UNIX sockets that keep messages apart (`SOCK_SEQPACKET`). A message carries one packet, or several
 * of one size that were sent within a turn: so a large answer to a request for a part of a chunk costs each node on the way two system
 * calls. Nothing is lost on such a link; a neighbour that does not read makes packets wait, and be dropped when too many do.
 *
 * Each connection is a neighbour: those that came until they go, those to a configured peer for as long as it is configured. Linux only.
 */
export class UnixFace implements Face {
  readonly name: string;
  readonly counters = new FaceCounters();
  readonly takesLent = true;
  #role: FaceRole;
  #mtu: number;
  readonly #listen: string | undefined;
  readonly #loadCalls: () => Promise<UnixCalls>;
  readonly #neighbours: UnixNeighbours;
  readonly #memory = new Uint8Array(MESSAGE_HEADER_BYTES + MAX_MESSAGE_BYTES);
  readonly #memoryWords = new DataView(this.#memory.buffer);
  #calls: UnixCalls | undefined;
  #handler: FaceHandler | undefined;
  /** Set while the face listens. */
  #listening: { readonly fd: number; readonly watch: UnixWatch } | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #somebodyComes = false;

  /** @throws XiaError `bad-config` */
  constructor(options: UnixFaceOptions) {
    const { name, role, listen, peers = [], mtu = MAX_PACKET_BYTES, calls = loadUnixCalls } = options;
    this.name = name;
    this.#role = role;
    this.#mtu = checkedMtu(name, mtu);
    this.#listen = listen;
    this.#loadCalls = calls;
    if (listen === undefined && peers.length === 0) throw this.#bad('one of "listen" and "peers" is needed');
    if (listen !== undefined) checkUnixPath(listen);
    this.#neighbours = new UnixNeighbours(this.#checkedPeers(peers), {
      ready: () => {
        this.#immediate ??= setImmediate(this.#attend);
      },
      announced: (id) => this.#handler?.announced(id),
      gone: (id) => this.#handler?.gone(id),
    });
  }

  get role(): FaceRole {
    return this.#role;
  }

  get mtu(): number {
    return this.#mtu;
  }

  update({ role, mtu = MAX_PACKET_BYTES, peers = [] }: FaceSettings): void {
    const checked = checkedMtu(this.name, mtu);
    if (this.#listen === undefined && peers.length === 0) throw this.#bad('one of "listen" and "peers" is needed');
    this.#neighbours.setPeers(this.#checkedPeers(peers));
    this.#role = role;
    this.#mtu = checked;
  }

  async open(handler: FaceHandler): Promise<void> {
    this.#handler = handler;
    try {
      this.#calls = await this.#loadCalls();
      if (this.#listen !== undefined) await this.#startListening(this.#calls, this.#listen);
      if (this.#handler !== handler) throw new XiaError('face-failed', 'it was closed while it was opened');
    } catch (cause) {
      await this.close();
      if (!(cause instanceof XiaError)) throw cause;
      throw new XiaError(cause.code, `face ${this.name}: ${cause.message}`, { ...cause.context, face: this.name }, { cause });
    }
    this.#neighbours.start(this.#calls);
  }

  send(neighbour: number, packet: Uint8Array, body?: Uint8Array, lent = false): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    if (bytes > this.#mtu) {
      this.counters.droppedTooBig++;
      return false;
    }
    if (neighbour !== 0) return this.#sendTo(this.#neighbours.link(neighbour), packet, body, lent, bytes);
    const links = this.#neighbours.links();
    if (links.length === 0) this.counters.droppedNoNeighbour++;
    let sent = false;
    for (const link of links) sent = this.#sendTo(link, packet, body, lent, bytes) || sent;
    return sent;
  }

  sendRun(neighbour: number, bytes: Uint8Array, segmentBytes: number, lent = false): number {
    if (segmentBytes > this.#mtu || bytes.length > MAX_MESSAGE_BYTES) return this.#sendEach(neighbour, bytes, segmentBytes, lent);
    if (neighbour !== 0) return this.#sendRunTo(this.#neighbours.link(neighbour), bytes, segmentBytes, lent);
    return Math.max(0, ...this.#neighbours.links().map((link) => this.#sendRunTo(link, bytes, segmentBytes, lent)));
  }

  describe(): FaceDescription {
    const neighbours = this.#neighbours.describe();
    const connected = neighbours.filter(({ isConnected }) => isConnected).length;
    return {
      address: this.#listen === undefined ? 'unix' : `unix:${this.#listen}`,
      neighbours: neighbours.map(({ id, path }) => ({ id, address: path === undefined ? `unix#${id}` : `unix:${path}` })),
      details: { connected, connectionsRefused: this.#neighbours.refused },
    };
  }

  gauges(): Gauge[] {
    const { used, highWater } = this.#neighbours.unsent();
    const refused = this.counters.droppedQueueFull;
    return [{ name: 'largest send queue', unit: 'bytes', used, highWater, bound: MAX_UNSENT_BYTES, refused }, this.#neighbours.gauge()];
  }

  async close(): Promise<void> {
    this.#handler = undefined;
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    this.#neighbours.close();
    const listening = this.#listening;
    if (listening === undefined || this.#listen === undefined) return;
    this.#listening = undefined;
    listening.watch.stop();
    this.#calls?.close(listening.fd);
    removeQuietly(this.#listen);
  }

  async #startListening(calls: UnixCalls, path: string): Promise<void> {
    let fd = calls.listen(path);
    if (fd === -Errno.IN_USE) {
      await removeStaleSocket(path);
      if (this.#handler === undefined) return;
      fd = calls.listen(path);
    }
    if (fd < 0) throw listenRefused(path, -fd);
    const watch = calls.watch(fd, () => {
      this.#somebodyComes = true;
      this.#immediate ??= setImmediate(this.#attend);
    });
    this.#listening = { fd, watch };
  }

  /**
   * The event loop opens no scope for callbacks of Node where it tells that something is ready (see `UdpDirect`), so the work is
   * done in the phase that comes next.
   */
  readonly #attend = (): void => {
    this.#immediate = undefined;
    if (this.#somebodyComes && this.#listening !== undefined) this.#neighbours.accept(this.#listening.fd);
    this.#somebodyComes = false;
    this.#neighbours.attend(this.#memory, MOST_AT_ONCE, this.#take);
  };

  readonly #take = (neighbour: number, bytes: number): void => {
    const handler = this.#handler;
    if (handler === undefined) return;
    const segmentBytes = bytes > MESSAGE_HEADER_BYTES ? this.#memoryWords.getUint32(0, true) : 0;
    const packetBytes = bytes - MESSAGE_HEADER_BYTES;
    if (segmentBytes === 0 || segmentBytes > MAX_PACKET_BYTES || bytes > this.#memory.length) {
      this.counters.ignored++;
      return;
    }
    this.counters.bytesIn += packetBytes;
    const lent = handler.takesLent === true;
    const view = this.#memory.subarray(MESSAGE_HEADER_BYTES, bytes);
    const packets = lent ? view : Uint8Array.from(view);
    if (segmentBytes >= packetBytes) {
      this.counters.packetsIn++;
      return handler.packet(neighbour, packets, lent);
    }
    this.counters.packetsIn += Math.ceil(packetBytes / segmentBytes);
    this.counters.runsIn++;
    if (handler.run !== undefined) return handler.run(neighbour, packets, segmentBytes, lent);
    for (let at = 0; at < packetBytes; at += segmentBytes) handler.packet(neighbour, packets.subarray(at, at + segmentBytes), lent);
  };

  #sendTo(link: UnixLink | undefined, packet: Uint8Array, body: Uint8Array | undefined, lent: boolean, bytes: number): boolean {
    if (link === undefined) {
      this.counters.droppedNoNeighbour++;
      return false;
    }
    if (!link.send(packet, body, lent)) {
      this.counters.droppedQueueFull++;
      return false;
    }
    this.counters.packetsOut++;
    this.counters.bytesOut += bytes;
    return true;
  }

  #sendRunTo(link: UnixLink | undefined, bytes: Uint8Array, segmentBytes: number, lent: boolean): number {
    const packets = Math.ceil(bytes.length / segmentBytes);
    if (link === undefined) this.counters.droppedNoNeighbour += packets;
    else if (!link.sendRun(bytes, segmentBytes, lent)) this.counters.droppedQueueFull += packets;
    else {
      this.counters.packetsOut += packets;
      this.counters.bytesOut += bytes.length;
      this.counters.runsOut++;
      return packets;
    }
    return 0;
  }

  #sendEach(neighbour: number, bytes: Uint8Array, segmentBytes: number, lent: boolean): number {
    let sent = 0;
    for (let at = 0; at < bytes.length; at += segmentBytes) {
      if (this.send(neighbour, bytes.subarray(at, at + segmentBytes), undefined, lent)) sent++;
    }
    return sent;
  }

  #checkedPeers(peers: readonly string[]): readonly string[] {
    for (const path of peers) checkUnixPath(path);
    if (new Set(peers).size < peers.length) throw this.#bad('one of the peers is there twice');
    if (this.#listen !== undefined && peers.includes(this.#listen)) throw this.#bad('it is its own peer');
    return peers;
  }

  #bad(reason: string): XiaError {
    return new XiaError('bad-config', `face ${this.name}: ${reason}`, { face: this.name });
  }
}

function listenRefused(path: string, errno: number): XiaError {
  if (errno === Errno.IN_USE) return new XiaError('address-in-use', `${path}: another program is listening on this socket`, { path });
  const isMissing = errno === Errno.NO_ACCESS || errno === Errno.NO_ENTRY;
  const reason = isMissing ? 'its directory does not exist, or this user may not write to it' : `error ${errno} of the system`;
  return new XiaError('face-failed', `${path}: cannot listen: ${reason}`, { path });
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Removed by somebody else.
  }
}
