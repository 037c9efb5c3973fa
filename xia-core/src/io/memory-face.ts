import { concatBytes, copyBytes, type Gauge } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import { FaceCounters, MAX_PACKET_BYTES, type Face, type FaceDescription, type FaceHandler } from './face.js';

/** What is found where a packet was. */
const OVERWRITTEN = 0xee;

export interface MemoryFaceOptions {
  readonly name: string;
  readonly role: FaceRole;
  /** Default and most: 65,507. */
  readonly mtu?: number;
  /** Runs the delivery of what is queued for this face, once, later. Default: a microtask. */
  readonly schedule?: (deliver: () => void) => void;
  /** Packets waiting for delivery beyond which more are dropped by their sender. Default 4096. */
  readonly queuePackets?: number;
}

/** One end of a link: the other face, and the id that we are known by there. */
interface MemoryLink {
  readonly peer: MemoryFace;
  idAtPeer: number;
}

/**
 * A face whose neighbours are faces in the same process, for tests and for nodes that share a process.
 * Packets are copied, as any link does, arrive in order, and are lost only where a counter says so. They are lent where they can
 * be, and overwritten afterwards, so that it is seen at once when somebody keeps what was only lent.
 */
export class MemoryFace implements Face {
  readonly name: string;
  readonly role: FaceRole;
  readonly mtu: number;
  readonly counters = new FaceCounters();
  readonly takesLent = true;
  readonly #schedule: (deliver: () => void) => void;
  readonly #queuePackets: number;
  /** By neighbour id less 1; a place stays empty after its neighbour has gone, ids are not used again. */
  readonly #links: (MemoryLink | undefined)[] = [];
  #handler: FaceHandler | undefined;
  #queuedFrom: number[] = [];
  #queuedPackets: Uint8Array[] = [];
  #scheduled = false;
  #mostQueued = 0;
  #queueFull = 0;

  constructor(options: MemoryFaceOptions) {
    this.name = options.name;
    this.role = options.role;
    this.mtu = Math.min(options.mtu ?? MAX_PACKET_BYTES, MAX_PACKET_BYTES);
    this.#schedule = options.schedule ?? queueMicrotask;
    this.#queuePackets = options.queuePackets ?? 4096;
  }

  /** Makes two faces neighbours, open or not; each hears `announced` once it is open. */
  static connect(a: MemoryFace, b: MemoryFace): { readonly idAtA: number; readonly idAtB: number } {
    const idAtA = a.#links.push({ peer: b, idAtPeer: 0 });
    const idAtB = b.#links.push({ peer: a, idAtPeer: idAtA });
    a.#links[idAtA - 1]!.idAtPeer = idAtB;
    a.#handler?.announced(idAtA);
    b.#handler?.announced(idAtB);
    return { idAtA, idAtB };
  }

  /** Takes the link to a neighbour down, at both ends. Packets under way are lost. */
  disconnect(neighbour: number): void {
    const link = this.#links[neighbour - 1];
    if (link === undefined) return;
    this.#forget(neighbour);
    link.peer.#forget(link.idAtPeer);
  }

  async open(handler: FaceHandler): Promise<void> {
    this.#handler = handler;
    this.#links.forEach((link, index) => {
      if (link !== undefined) handler.announced(index + 1);
    });
  }

  send(neighbour: number, packet: Uint8Array, body?: Uint8Array): boolean {
    if (packet.length + (body?.length ?? 0) > this.mtu) {
      this.counters.droppedTooBig++;
      return false;
    }
    if (neighbour !== 0) return this.#sendTo(this.#links[neighbour - 1], packet, body);
    let sent = false;
    for (const link of this.#links) if (link !== undefined) sent = this.#sendTo(link, packet, body) || sent;
    return sent;
  }

  describe(): FaceDescription {
    const neighbours = this.#links.flatMap((link, index) =>
      link === undefined ? [] : [{ id: index + 1, address: `memory:${link.peer.name}` }],
    );
    return { address: `memory:${this.name}`, neighbours };
  }

  gauges(): Gauge[] {
    const [used, highWater, bound, refused] = [this.#queuedPackets.length, this.#mostQueued, this.#queuePackets, this.#queueFull];
    return [{ name: 'receive queue', unit: 'packets', used, highWater, bound, refused }];
  }

  async close(): Promise<void> {
    this.#handler = undefined;
    for (let id = 1; id <= this.#links.length; id++) this.disconnect(id);
  }

  #sendTo(link: MemoryLink | undefined, packet: Uint8Array, body: Uint8Array | undefined): boolean {
    if (link === undefined || this.#handler === undefined) {
      this.counters.droppedNoNeighbour++;
      return false;
    }
    const copy = body === undefined ? copyBytes(packet) : concatBytes(packet, body);
    if (!link.peer.#enqueue(link.idAtPeer, copy)) {
      this.counters.droppedQueueFull++;
      return false;
    }
    this.counters.packetsOut++;
    this.counters.bytesOut += copy.length;
    return true;
  }

  #enqueue(from: number, packet: Uint8Array): boolean {
    if (this.#queuedPackets.length >= this.#queuePackets) {
      this.#queueFull++;
      return false;
    }
    this.#queuedFrom.push(from);
    this.#queuedPackets.push(packet);
    if (this.#queuedPackets.length > this.#mostQueued) this.#mostQueued = this.#queuedPackets.length;
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#schedule(this.#deliver);
    }
    return true;
  }

  readonly #deliver = (): void => {
    const from = this.#queuedFrom;
    const packets = this.#queuedPackets;
    this.#queuedFrom = [];
    this.#queuedPackets = [];
    this.#scheduled = false;
    for (let i = 0; i < packets.length; i++) {
      const neighbour = from[i]!;
      const packet = packets[i]!;
      if (this.#handler === undefined || this.#links[neighbour - 1] === undefined) {
        this.counters.ignored++;
        continue;
      }
      this.counters.packetsIn++;
      this.counters.bytesIn += packet.length;
      const lent = this.#handler.takesLent === true;
      this.#handler.packet(neighbour, packet, lent);
      if (lent) packet.fill(OVERWRITTEN);
    }
  };

  #forget(neighbour: number): void {
    if (this.#links[neighbour - 1] === undefined) return;
    this.#links[neighbour - 1] = undefined;
    this.#handler?.gone(neighbour);
  }
}

/** Two faces that are each other's neighbour 1. */
export function memoryFacePair(a: MemoryFaceOptions, b: MemoryFaceOptions): readonly [MemoryFace, MemoryFace] {
  const pair = [new MemoryFace(a), new MemoryFace(b)] as const;
  MemoryFace.connect(pair[0], pair[1]);
  return pair;
}
