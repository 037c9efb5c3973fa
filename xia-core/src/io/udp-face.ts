import type { RemoteInfo, Socket } from 'node:dgram';
import type { SocketAsPromised } from 'dgram-as-promised';
import { copyBytes, XiaError, type Gauge } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import { claimedPacketBytes, MAX_RUN_BYTES, MAX_RUN_SEGMENTS } from '../wire/index.js';
import { FaceCounters, MAX_PACKET_BYTES, type Face, type FaceDescription, type FaceHandler, type FaceSettings } from './face.js';
import { checkedMtu } from './face-mtu.js';
import { NeighbourTable } from './neighbour-table.js';
import { RunGatherer } from './run-gatherer.js';
import { formatHostPort, parseHostPort, type HostPort } from './socket-address.js';
import type { UdpDirect } from './udp-direct.js';
import type { UdpKernel } from './udp-kernel.js';
import { RunOutcome, UdpOffload } from './udp-offload.js';
import { isSameEndpoint, parsePeers } from './udp-peers.js';
import { bindUdp } from './udp-socket.js';

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
  /**
   * `auto`: packets of one size to one neighbour are gathered until the end of the turn and leave in one system call, and
   * arrive so, where the system can (Linux; `describe()` says it), and all are taken and sent past Node. `busy`: the same as soon
   * as some megabytes have passed, since loading what it needs takes 10 to 50 ms, which a short program has no use for.
   * Default `off`: each packet leaves at once, by Node.
   */
  readonly offload?: UdpOffloadMode;
  /** Gives the system calls of `offload`; for tests. */
  readonly kernel?: () => Promise<UdpKernel>;
}

export type UdpOffloadMode = 'auto' | 'busy' | 'off';

export const DEFAULT_UDP_MTU = 1472;
const DEFAULT_SOCKET_BUFFER_BYTES = 8 * 1024 * 1024;
/** Peers that were taken from the settings and are remembered. */
const MAX_FORMER = 64;
const DEFAULT_SEND_QUEUE_BYTES = 16 * 1024 * 1024;
/** Shorter packets may have padding behind them that no header counts: such a datagram is never cut. */
const LEAST_RUN_BYTES = 47;
/** `busy`: so many packets worth the trouble, in and out, pay for the beginning: 3 MB at 1400 bytes. */
const BUSY_PACKETS = 2048;
const LEAST_BUSY_BYTES = 512;
/** Larger ones count as so many: 15 MB at 60,000 bytes. */
const LARGE_BUSY_BYTES = 32_768;
const LARGE_COUNTS_AS = 8;
/** More of them than any kernel puts together were not put together by a kernel. */
const MAX_RECEIVED_SEGMENTS = 128;

/**
 * A face over one UDP socket, one packet in each datagram.
 *
 * Whoever sends us a datagram is a neighbour. Datagrams are taken by a plain listener on the socket: a promise for each
 * one is slow, and the ones that arrive while no promise is pending would be lost. Node allocates 64 KiB for each
 * datagram and shrinks it to what arrived, in an ArrayBuffer of its own; so a handler may keep the bytes, and keeping
 * them holds no more memory than they are long. With `offload` they are taken past Node, into memory that is used again,
 * and lent to a handler that can do with that.
 */
export class UdpFace implements Face {
  readonly name: string;
  readonly counters = new FaceCounters();
  readonly takesLent = true;
  #role: FaceRole;
  #mtu: number;
  #peers: readonly HostPort[] = [];
  /** Taken from the settings since the face was made, the latest last. */
  #former: readonly HostPort[] = [];
  readonly #listen: HostPort;
  readonly #neighbours: NeighbourTable;
  readonly #socketBufferBytes: number;
  readonly #sendQueueBytes: number;
  readonly #offloadMode: UdpOffloadMode;
  /** Packets until `busy` switches runs on; 0 when it has, or never will. */
  #packetsUntilBusy = 0;
  readonly #loadKernel: (() => Promise<UdpKernel>) | undefined;
  /** Set while the face is open and runs are on. */
  #offload: UdpOffload | undefined;
  /** Set while the face is open and datagrams are taken and sent past Node. */
  #direct: UdpDirect | undefined;
  /** Whether Node may still have packets for the kernel, behind which others must wait. */
  #nodeSends = false;
  /** Whether the kernel may hand up runs; that is not taken back. */
  #receivesRuns = false;
  /** Why they are not. */
  #offloadReason = 'not asked for';
  /** Set while packets are gathered. */
  #gatherer: RunGatherer | undefined;
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
    this.#offloadMode = options.offload ?? 'off';
    if (this.#offloadMode === 'busy') this.#offloadReason = 'not busy yet';
    this.#loadKernel = options.kernel;
    this.#neighbours = new NeighbourTable(options.neighbours, (id) => {
      this.counters.neighboursEvicted++;
      this.#gatherer?.flushNeighbour(id);
      this.#offload?.forget(id);
      this.#handler?.gone(id);
    });
    this.#peers = parsePeers(this.name, this.#listen, options.peers ?? []);
    for (const { address, port } of this.#peers) this.#neighbours.pin(address, port);
  }

  get role(): FaceRole {
    return this.#role;
  }

  get mtu(): number {
    return this.#mtu;
  }

  update({ role, mtu = DEFAULT_UDP_MTU, peers = [] }: FaceSettings): void {
    const checked = checkedMtu(this.name, mtu);
    const next = parsePeers(this.name, this.#listen, peers);
    const removed = this.#peers.filter((peer) => !next.some((other) => isSameEndpoint(peer, other)));
    const added = next.filter((peer) => !this.#peers.some((other) => isSameEndpoint(peer, other)));
    if (added.length > this.#neighbours.room + removed.length)
      throw new XiaError('bad-config', `face ${this.name}: too many peers`, { peers: peers.length });
    this.#role = role;
    this.#mtu = checked;
    this.#peers = next;
    this.#former = [...this.#former, ...removed].filter((peer) => !next.some((other) => isSameEndpoint(peer, other))).slice(-MAX_FORMER);
    for (const { address, port } of removed) this.#forgetPeer(address, port);
    for (const { address, port } of added) this.#neighbours.pin(address, port);
  }

  isFormer(neighbour: number): boolean {
    if (this.#former.length === 0 || this.#role !== 'uplink') return false;
    const [address, port] = [this.#neighbours.addressOf(neighbour), this.#neighbours.portOf(neighbour)];
    return this.#former.some((peer) => peer.port === port && peer.address === address);
  }

  async open(handler: FaceHandler): Promise<void> {
    this.#handler = handler;
    const onMessage = (bytes: Uint8Array, from: RemoteInfo): void => this.#receive(bytes, from.address, from.port, false);
    const binding = await bindUdp(this.name, this.#listen, this.#socketBufferBytes, onMessage);
    if (this.#handler !== handler) {
      await binding.close();
      throw new XiaError('face-failed', `face ${this.name} was closed while it was opened`, { face: this.name });
    }
    this.#binding = binding;
    const { socket } = binding;
    socket.on('error', (cause) => {
      this.counters.faults++;
      handler.fault(new XiaError('face-failed', `face ${this.name}: ${cause.message}`, { face: this.name }, { cause }));
    });
    if (this.#offloadMode === 'auto') await this.#startOffload(socket);
    this.#socket = socket;
    this.#packetsUntilBusy = this.#offloadMode === 'busy' ? BUSY_PACKETS : 0;
  }

  send(neighbour: number, packet: Uint8Array, body?: Uint8Array, lent = false): boolean {
    if (packet.length + (body?.length ?? 0) > this.mtu) {
      this.counters.droppedTooBig++;
      return false;
    }
    if (neighbour !== 0) return this.#accept(neighbour, packet, body, lent);
    let sent = false;
    let anybody = false;
    for (let id = 1; id <= this.#neighbours.size; id++) {
      if (!this.#neighbours.has(id)) continue;
      anybody = true;
      sent = this.#accept(id, packet, body, lent) || sent;
    }
    if (!anybody) this.counters.droppedNoNeighbour++;
    return sent;
  }

  sendRun(neighbour: number, bytes: Uint8Array, segmentBytes: number, lent = false): number {
    if (neighbour !== 0) return this.#acceptRun(neighbour, bytes, segmentBytes, lent);
    let sent = 0;
    let anybody = false;
    for (let id = 1; id <= this.#neighbours.size; id++) {
      if (!this.#neighbours.has(id)) continue;
      anybody = true;
      sent = Math.max(sent, this.#acceptRun(id, bytes, segmentBytes, lent));
    }
    if (!anybody) this.counters.droppedNoNeighbour += Math.ceil(bytes.length / segmentBytes);
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
      details: {
        ...(this.#offload === undefined ? { offload: 'off', offloadReason: this.#offloadReason } : { offload: 'gso+gro' }),
        datagrams: this.#direct === undefined ? 'by Node' : 'past Node',
        // What the kernel gave: Linux silently clamps to net.core.rmem_max and wmem_max, and reports twice what it took.
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
      ...(this.#gatherer === undefined ? [] : [this.#gatherer.gauge()]),
      this.#neighbours.gauge(),
    ];
  }

  async close(): Promise<void> {
    const binding = this.#binding;
    this.#gatherer?.flush();
    this.#gatherer = undefined;
    this.#offload = undefined;
    this.#direct?.stop();
    this.#direct = undefined;
    this.#socket = undefined;
    this.#handler = undefined;
    this.#binding = undefined;
    await binding?.close();
  }

  /** @param lent the bytes are somebody else's again afterwards */
  #receive(datagram: Uint8Array, address: string, port: number, lent: boolean): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (datagram.length === 0 || datagram.length > MAX_PACKET_BYTES) {
      this.counters.ignored++;
      return;
    }
    const mayLend = lent && handler.takesLent === true;
    const bytes = lent && !mayLend ? ownBytes(datagram) : datagram;
    const neighbour = this.#neighbours.heard(address, port);
    this.counters.bytesIn += bytes.length;
    if (this.#packetsUntilBusy > 0) this.#countBusy(bytes.length);
    const segmentBytes = this.#receivesRuns ? segmentBytesOf(bytes) : bytes.length;
    if (segmentBytes === bytes.length) {
      this.counters.packetsIn++;
      handler.packet(neighbour, bytes, mayLend);
      return;
    }
    this.counters.packetsIn += Math.ceil(bytes.length / segmentBytes);
    this.counters.runsIn++;
    if (handler.run !== undefined) return handler.run(neighbour, bytes, segmentBytes, mayLend);
    for (let at = 0; at < bytes.length; at += segmentBytes) handler.packet(neighbour, bytes.subarray(at, at + segmentBytes), mayLend);
  }

  #countBusy(packetBytes: number): void {
    if (packetBytes < LEAST_BUSY_BYTES) return;
    this.#packetsUntilBusy = Math.max(0, this.#packetsUntilBusy - (packetBytes < LARGE_BUSY_BYTES ? 1 : LARGE_COUNTS_AS));
    if (this.#packetsUntilBusy === 0 && this.#socket !== undefined) void this.#startOffload(this.#socket);
  }

  /** Never rejects. */
  async #startOffload(socket: Socket): Promise<void> {
    const binding = this.#binding;
    const offload = await UdpOffload.start(socket, this.#loadKernel);
    // Closed meanwhile, or closed and opened again.
    if (binding === undefined || this.#binding !== binding) return;
    if (typeof offload === 'string') {
      this.#offloadReason = offload;
      return;
    }
    this.#receivesRuns = true;
    this.#offload = offload;
    this.#gatherer = new RunGatherer({
      run: (neighbour, bytes, segmentBytes) => this.#sendRunTo(neighbour, bytes, segmentBytes),
      single: (neighbour, packet, body) => void this.#sendTo(neighbour, packet, body, false),
    });
    this.#nodeSends = true;
    this.#direct = offload.takeOver((bytes, address, port) => this.#receive(bytes, address, port, true));
  }

  /** Takes a packet for one neighbour, to be sent now or with those that follow in this turn. */
  #accept(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined, lent: boolean): boolean {
    const gatherer = this.#gatherer;
    // What waits when runs are refused leaves first.
    const isGathering = gatherer !== undefined && (this.#offload !== undefined || gatherer.bytes > 0);
    if (!isGathering || !this.#neighbours.has(neighbour)) return this.#sendTo(neighbour, packet, body, lent);
    const bytes = packet.length + (body?.length ?? 0);
    if (RunGatherer.isAlone(bytes)) {
      gatherer.flushNeighbour(neighbour);
      return this.#sendTo(neighbour, packet, body, lent);
    }
    if (gatherer.bytes + bytes > this.#sendQueueBytes) {
      this.counters.droppedQueueFull++;
      return false;
    }
    gatherer.add(neighbour, lent ? copyBytes(packet) : packet, body);
    return true;
  }

  #acceptRun(neighbour: number, bytes: Uint8Array, segmentBytes: number, lent: boolean): number {
    if (segmentBytes > this.mtu) return this.#acceptEach(neighbour, bytes, segmentBytes, lent);
    // Other kinds of faces have larger runs.
    const most = segmentBytes * Math.max(1, Math.min(MAX_RUN_SEGMENTS, Math.floor(MAX_RUN_BYTES / segmentBytes)));
    let sent = 0;
    for (let at = 0; at < bytes.length; at += most) {
      const part = bytes.length <= most ? bytes : bytes.subarray(at, at + most);
      this.#gatherer?.flushNeighbour(neighbour);
      if (part.length > segmentBytes && this.#sendRunTo(neighbour, part, segmentBytes)) sent += Math.ceil(part.length / segmentBytes);
      else sent += this.#acceptEach(neighbour, part, segmentBytes, lent);
    }
    return sent;
  }

  #acceptEach(neighbour: number, bytes: Uint8Array, segmentBytes: number, lent: boolean): number {
    let sent = 0;
    for (let at = 0; at < bytes.length; at += segmentBytes) {
      const packet = bytes.subarray(at, at + segmentBytes);
      if (packet.length > this.mtu) this.counters.droppedTooBig++;
      else if (this.#sendTo(neighbour, packet, undefined, lent)) sent++;
    }
    return sent;
  }

  /** False when nothing was sent, and nothing counted: the packets are to be sent one by one. */
  #sendRunTo(neighbour: number, bytes: Uint8Array, segmentBytes: number): boolean {
    const socket = this.#socket;
    const offload = this.#offload;
    if (socket === undefined || offload === undefined || !this.#neighbours.has(neighbour)) return false;
    // What Node still keeps for the kernel was sent before.
    if (socket.getSendQueueSize() > 0) return false;
    const outcome = offload.send(neighbour, this.#neighbours.addressOf(neighbour), this.#neighbours.portOf(neighbour), bytes, segmentBytes);
    if (outcome === RunOutcome.REFUSED) this.#stopSendingRuns(offload.refusal);
    if (outcome !== RunOutcome.SENT) return false;
    this.counters.packetsOut += Math.ceil(bytes.length / segmentBytes);
    this.counters.bytesOut += bytes.length;
    this.counters.runsOut++;
    return true;
  }

  /** For good: a system that refuses one run refuses the next. What arrives as a run is taken on. */
  #stopSendingRuns(reason = ''): void {
    this.#offload = undefined;
    this.#offloadReason = reason;
    this.counters.faults++;
    const message = `face ${this.name}: packets are sent one by one from now on: ${reason}`;
    const handler = this.#handler;
    // Not from inside `send`.
    setImmediate(() => handler?.fault(new XiaError('face-failed', message, { face: this.name })));
  }

  #sendTo(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined, lent: boolean): boolean {
    const socket = this.#socket;
    if (socket === undefined || !this.#neighbours.has(neighbour)) {
      this.counters.droppedNoNeighbour++;
      return false;
    }
    const bytes = packet.length + (body?.length ?? 0);
    if (!this.#sendDirect(neighbour, packet, body) && !this.#sendByNode(socket, neighbour, lent ? copyBytes(packet) : packet, body))
      return false;
    this.counters.packetsOut++;
    this.counters.bytesOut += bytes;
    if (this.#packetsUntilBusy > 0) this.#countBusy(bytes);
    return true;
  }

  /** False when it is for Node to send. */
  #sendDirect(neighbour: number, packet: Uint8Array, body: Uint8Array | undefined): boolean {
    const direct = this.#direct;
    const offload = this.#offload;
    if (direct === undefined || offload === undefined) return false;
    // What Node still keeps for the kernel was sent before.
    if (this.#nodeSends && this.#socket!.getSendQueueSize() > 0) return false;
    this.#nodeSends = false;
    const to = offload.addressOf(neighbour, this.#neighbours.addressOf(neighbour), this.#neighbours.portOf(neighbour));
    return to !== null && direct.send(to, packet, body);
  }

  #sendByNode(socket: Socket, neighbour: number, packet: Uint8Array, body: Uint8Array | undefined): boolean {
    const queuedBytes = socket.getSendQueueSize() + packet.length + (body?.length ?? 0);
    if (queuedBytes > this.#sendQueueBytes) {
      this.counters.droppedQueueFull++;
      return false;
    }
    if (queuedBytes > this.#mostQueuedBytes) this.#mostQueuedBytes = queuedBytes;
    this.#nodeSends = true;
    // Without a callback nothing is scheduled per packet, and an unreachable neighbour is silence, as on any link.
    const datagram = body === undefined ? packet : [packet, body];
    socket.send(datagram, this.#neighbours.portOf(neighbour), this.#neighbours.addressOf(neighbour));
    return true;
  }

  #forgetPeer(address: string, port: number): void {
    const id = this.#neighbours.find(address, port);
    if (id === 0) return;
    this.#gatherer?.flushNeighbour(id);
    this.#offload?.forget(id);
    this.#neighbours.remove(address, port);
    this.#handler?.gone(id);
  }
}

/** A copy in memory of its own, as Node gives a datagram. */
function ownBytes(lent: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(lent.length);
  bytes.set(lent);
  return bytes;
}

/** The size of the packets that a datagram is made of, told by the first one; the datagram's own when it is one packet. */
function segmentBytesOf(bytes: Uint8Array): number {
  const first = claimedPacketBytes(bytes);
  const isRun = first >= LEAST_RUN_BYTES && first < bytes.length && bytes.length <= MAX_RECEIVED_SEGMENTS * first;
  return isRun ? first : bytes.length;
}
