import { concatBytes } from '../bytes/index.js';
import { Disposition, type ForwardingEngine, FROM_FACE, FROM_SELF, LOCAL_FACE } from '../forwarding/index.js';
import { XcmpCode, XcmpType, XipView, type XcmpErrorType, type XipFault } from '../wire/index.js';
import type { Xid } from '../xid/index.js';
import type { FaceTable } from './face-table.js';
import { LocalQueue } from './local-queue.js';

/** Packets to ourselves that may wait, in bytes. A burst of chunk segments fits. */
const LOCAL_QUEUE_BYTES = 16 * 1024 * 1024;

/** Sends a packet by a face to one neighbour, or to all of them (0), as `Face.send` does. False when it was dropped. */
export type Transmit = (face: number, neighbour: number, packet: Uint8Array, body?: Uint8Array) => boolean;

export interface PacketPathOptions {
  readonly engine: ForwardingEngine;
  readonly faces: FaceTable;
  readonly transmit: Transmit;
  /** A packet has arrived at something of ours: `view.last` says at what. */
  readonly deliver: (view: XipView, face: number, neighbour: number, now: number) => void;
  /** A packet that came from elsewhere is about to be sent on. */
  readonly observe: (view: XipView, now: number) => void;
  /** A packet gets no further and its source may be told. */
  readonly report: (type: XcmpErrorType, code: number, view: XipView, now: number, mtu?: number) => void;
  /** A packet came to us for a neighbour on the link that it came by; `better` is that neighbour, `node` what was looked up. */
  readonly redirect: (view: XipView, node: number, better: Xid, now: number) => void;
}

/** Why this node dropped a packet that the engine had not refused. */
export type PathDrop = `malformed:${XipFault}` | 'too-big' | 'sent-back' | 'transmit' | 'no-face';

/** The way of every packet through a node: check, decide, then send on, deliver or report. */
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

  constructor(options: PacketPathOptions) {
    this.#options = options;
  }

  /** A packet came in by a face. It may be changed in place and sent on as it is. */
  receive(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    this.received++;
    const wasBusy = this.#busy;
    this.#busy = true;
    this.#incomingPacket(face, neighbour, packet, now);
    this.#busy = wasBusy;
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
        return this.#send(view, engine.outFace, engine.outNeighbour, now, body);
      case Disposition.BROADCAST:
        return this.#broadcast(packet, body);
      case Disposition.DELIVER:
        // The engine has marked how far it came; it walks on from there when its turn comes.
        view.setLast(-1);
        this.#local.push(body === undefined ? packet : concatBytes(packet, body));
        if (!this.#busy) this.#drainLocal(now);
        return true;
      case Disposition.UNREACHABLE:
        report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, now);
        return false;
      default:
        return false;
    }
  }

  /** Sends a packet of ours by one face without asking the routes: link-local messages. */
  sendLink(face: number, neighbour: number, packet: Uint8Array): boolean {
    this.originated++;
    return this.#options.transmit(face, neighbour, packet) || this.#drop('transmit');
  }

  counters(): Record<string, number> {
    return {
      received: this.received,
      originated: this.originated,
      'local-queue-full': this.#local.dropped,
      ...Object.fromEntries(this.#drops),
    };
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
          report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, now);
          return;
        }
        if (engine.outFace === face && engine.outNeighbour !== neighbour) this.#sendAcross(view, face, now);
        else this.#sendOn(view, engine.outFace, engine.outNeighbour, now);
        return;
      case Disposition.DELIVER:
        deliver(view, face, neighbour, now);
        return;
      case Disposition.UNREACHABLE:
        report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, now);
        return;
      case Disposition.TIME_EXCEEDED:
        report(XcmpType.TIME_EXCEEDED, XcmpCode.HOP_LIMIT, view, now);
        return;
      default:
        return;
    }
  }

  /** Sends a packet on by the face that it came by, and tells its source who was nearer, if that one has a name. */
  #sendAcross(view: XipView, face: number, now: number): void {
    const { outNeighbour, outNode } = this.#options.engine;
    const better = this.#options.faces.get(face)?.hidOf?.(outNeighbour);
    this.#sendOn(view, face, outNeighbour, now);
    if (better !== undefined) this.#options.redirect(view, outNode, better, now);
  }

  #sendOn(view: XipView, face: number, neighbour: number, now: number): void {
    this.#options.observe(view, now);
    this.#send(view, face, neighbour, now);
  }

  #send(view: XipView, face: number, neighbour: number, now: number, body?: Uint8Array): boolean {
    const { faces, transmit, report } = this.#options;
    const mtu = faces.mtu(face);
    if (mtu === 0) return this.#drop('no-face');
    if (view.packetBytes > mtu) {
      this.#drop('too-big');
      report(XcmpType.TOO_BIG, XcmpCode.NONE, view, now, mtu);
      return false;
    }
    // Shorter only where Ethernet padded it.
    const packet = view.packetBytes < view.bytes.length ? view.bytes.subarray(0, view.packetBytes) : view.bytes;
    return transmit(face, neighbour, packet, body) || this.#drop('transmit');
  }

  #broadcast(packet: Uint8Array, body?: Uint8Array): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    let sent = false;
    for (const [face, { mtu }] of this.#options.faces.entries()) {
      if (bytes <= mtu && this.#options.transmit(face, 0, packet, body)) sent = true;
    }
    return sent || this.#drop('transmit');
  }

  #drainLocal(now: number): void {
    this.#busy = true;
    while (!this.#local.isEmpty) {
      for (const packet of this.#local.takeAll()) this.#incomingPacket(LOCAL_FACE, 0, packet, now);
    }
    this.#busy = false;
  }

  #drop(reason: PathDrop): false {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
    return false;
  }
}
