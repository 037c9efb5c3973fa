import { concatBytes, type Gauge } from '../bytes/index.js';
import {
  Disposition,
  type ForwardingEngine,
  type ForwardReason,
  forwardReasons,
  FROM_FACE,
  FROM_SELF,
  LOCAL_FACE,
} from '../forwarding/index.js';
import { XcmpCode, XcmpType, XipView, type XcmpErrorType, type XipFault } from '../wire/index.js';
import type { FaceTable } from './face-table.js';
import { LocalQueue } from './local-queue.js';

/** Packets to ourselves that may wait, in bytes. A burst of chunk segments fits. */
const LOCAL_QUEUE_BYTES = 16 * 1024 * 1024;

/** Sends a packet by a face to one neighbour, or to all of them (0), as `Face.send` does. False when it was dropped. */
export type Transmit = (face: number, neighbour: number, packet: Uint8Array, body?: Uint8Array) => boolean;

/** Tells the source of a packet why it got no further; `face` and `neighbour` are where the packet came from. */
export type Report = (type: XcmpErrorType, code: number, view: XipView, face: number, neighbour: number, now: number, mtu?: number) => void;

export interface PacketPathOptions {
  readonly engine: ForwardingEngine;
  readonly faces: FaceTable;
  readonly transmit: Transmit;
  /** A packet has arrived at something of ours: `view.last` says at what. */
  readonly deliver: (view: XipView, face: number, neighbour: number, now: number) => void;
  /** A packet that came from elsewhere is about to be sent on. */
  readonly observe: (view: XipView, now: number) => void;
  /** A packet gets no further and its source may be told. */
  readonly report: Report;
}

/** Why this node dropped a packet: the engine's reason, or one that comes before or after it. */
export type PathDrop =
  | `malformed:${XipFault}`
  | Exclude<ForwardReason, 'none'>
  | 'too-big'
  | 'sent-back'
  | 'transmit'
  | 'no-face'
  | 'local-queue-full';

/**
 * The way of every packet through a node: check, decide, then send on, deliver or report.
 *
 * Nothing gets lost without a number: as long as no packet is being handled, `received + originated` is
 * `forwarded + broadcast + delivered` and all drops together.
 */
export class PacketPath {
  readonly #options: PacketPathOptions;
  /** Two views, since delivering a packet makes the node send others. */
  readonly #incoming = new XipView();
  readonly #outgoing = new XipView();
  readonly #local = new LocalQueue(LOCAL_QUEUE_BYTES);
  readonly #drops = new Map<PathDrop, number>();
  #busy = false;
  received = 0;
  originated = 0;
  #forwarded = 0;
  #broadcasts = 0;
  #delivered = 0;

  constructor(options: PacketPathOptions) {
    this.#options = options;
  }

  /** A packet came in by a face. It may be changed in place and sent on as it is. */
  receive(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    this.received++;
    const wasBusy = this.#busy;
    this.#busy = true;
    try {
      this.#incomingPacket(face, neighbour, packet, now);
    } finally {
      // A listener of the owner's may throw; the node goes on.
      this.#busy = wasBusy;
    }
    if (!wasBusy) this.#drainLocal(now);
  }

  /**
   * A packet starts its way here. False when it could not even leave.
   * @param body the rest of the packet, where it lies elsewhere: sent from there, and never written to
   */
  originate(packet: Uint8Array, now: number, body?: Uint8Array): boolean {
    this.originated++;
    const view = this.#outgoing;
    const fault = view.reset(packet, body?.length);
    if (fault !== undefined) return this.#drop(`malformed:${fault}`);
    const { engine, report } = this.#options;
    switch (engine.forward(view, LOCAL_FACE, FROM_SELF)) {
      case Disposition.FORWARD:
        return this.#send(view, LOCAL_FACE, 0, now, body);
      case Disposition.BROADCAST:
        return this.#broadcast(packet, body);
      case Disposition.DELIVER:
        // The engine has marked how far it came; it walks on from there when its turn comes.
        view.setLast(-1);
        if (!this.#local.push(body === undefined ? packet : concatBytes(packet, body))) return this.#drop('local-queue-full');
        if (!this.#busy) this.#drainLocal(now);
        return true;
      case Disposition.UNREACHABLE:
        this.#drop('no-route');
        report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, LOCAL_FACE, 0, now);
        return false;
      default:
        return this.#dropAsDecided();
    }
  }

  /** Sends a packet of ours by one face without asking the routes: link-local messages. */
  sendLink(face: number, neighbour: number, packet: Uint8Array): boolean {
    this.originated++;
    return this.#options.transmit(face, neighbour, packet) ? this.#left() : this.#drop('transmit');
  }

  /** Packets in, what became of them, and drops by reason. */
  counters(): Record<string, number> {
    return {
      received: this.received,
      originated: this.originated,
      forwarded: this.#forwarded,
      broadcast: this.#broadcasts,
      delivered: this.#delivered,
      ...Object.fromEntries(this.#drops),
    };
  }

  gauges(): Gauge[] {
    return [this.#local.gauge()];
  }

  #incomingPacket(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    const view = this.#incoming;
    const fault = view.reset(packet);
    if (fault !== undefined) {
      this.#drop(`malformed:${fault}`);
      return;
    }
    const { engine, deliver, report } = this.#options;
    const reached = view.last;
    switch (engine.forward(view, face, face === LOCAL_FACE ? FROM_SELF : FROM_FACE)) {
      case Disposition.FORWARD:
        // Who sent it must have had a reason; sending it back would only let it circle until its hops are used up. Unless it has
        // come further in its address here: what is behind our AD may well lie where it came from.
        if (engine.outFace === face && engine.outNeighbour === neighbour && view.last === reached) {
          this.#drop('sent-back');
          report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, face, neighbour, now);
          return;
        }
        this.#options.observe(view, now);
        this.#send(view, face, neighbour, now);
        return;
      case Disposition.DELIVER:
        this.#delivered++;
        deliver(view, face, neighbour, now);
        return;
      case Disposition.BROADCAST:
        // One of ours, which was on its way to something of ours that has gone meanwhile.
        this.#broadcast(packet);
        return;
      case Disposition.UNREACHABLE:
        this.#dropAsDecided();
        report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, face, neighbour, now);
        return;
      case Disposition.TIME_EXCEEDED:
        this.#dropAsDecided();
        report(XcmpType.TIME_EXCEEDED, XcmpCode.HOP_LIMIT, view, face, neighbour, now);
        return;
      default:
        this.#dropAsDecided();
    }
  }

  /** Sends a packet where the engine has just said; `face` and `neighbour` are where it came from. */
  #send(view: XipView, face: number, neighbour: number, now: number, body?: Uint8Array): boolean {
    const { engine, faces, transmit, report } = this.#options;
    const { outFace, outNeighbour } = engine;
    const mtu = faces.mtu(outFace);
    if (mtu === 0) return this.#drop('no-face');
    if (view.packetBytes > mtu) {
      this.#drop('too-big');
      report(XcmpType.TOO_BIG, XcmpCode.NONE, view, face, neighbour, now, mtu);
      return false;
    }
    // Shorter only where Ethernet padded it.
    const packet = view.packetBytes < view.bytes.length ? view.bytes.subarray(0, view.packetBytes) : view.bytes;
    return transmit(outFace, outNeighbour, packet, body) ? this.#left() : this.#drop('transmit');
  }

  #left(): true {
    this.#forwarded++;
    return true;
  }

  #broadcast(packet: Uint8Array, body?: Uint8Array): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    let sent = false;
    for (const [face, { mtu }] of this.#options.faces.entries()) {
      if (bytes <= mtu && this.#options.transmit(face, 0, packet, body)) sent = true;
    }
    if (!sent) return this.#drop('transmit');
    this.#broadcasts++;
    return true;
  }

  #drainLocal(now: number): void {
    this.#busy = true;
    try {
      for (let packet = this.#local.take(); packet !== undefined; packet = this.#local.take()) {
        this.#incomingPacket(LOCAL_FACE, 0, packet, now);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** The engine refused it and knows why. */
  #dropAsDecided(): false {
    const reason = forwardReasons[this.#options.engine.reason];
    return reason === 'none' ? false : this.#drop(reason);
  }

  #drop(reason: PathDrop): false {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
    return false;
  }
}
