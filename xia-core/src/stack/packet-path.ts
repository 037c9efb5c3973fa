import { concatBytes, copyBytes, type Gauge } from '../bytes/index.js';
import {
  Disposition,
  type ForwardingEngine,
  type ForwardReason,
  forwardReasons,
  FROM_FACE,
  FROM_SELF,
  HELD_FACE,
  LOCAL_FACE,
} from '../forwarding/index.js';
import type { Hop } from '../mobility/index.js';
import { NextHeader, XcmpCode, XcmpType, XipView, type XcmpErrorType, type XipFault } from '../wire/index.js';
import { Xid } from '../xid/index.js';
import type { FaceTable } from './face-table.js';
import { HoldBuffer, type HeldPacket, type HoldDrop } from './hold-buffer.js';
import { LocalQueue } from './local-queue.js';
import { alikeBytes, spreadDestination, spreadMarks } from './packet-run.js';

/** Packets to ourselves that may wait, in bytes. A burst of chunk segments fits. */
const LOCAL_QUEUE_BYTES = 16 * 1024 * 1024;

/** Sends a packet by a face to one neighbour, or to all of them (0), as `Face.send` does. False when it was dropped. */
export type Transmit = (face: number, neighbour: number, packet: Uint8Array, body?: Uint8Array, lent?: boolean) => boolean;

/** Tells the source of a packet why it got no further; `face` and `neighbour` are where the packet came from. */
export type Report = (type: XcmpErrorType, code: number, view: XipView, face: number, neighbour: number, now: number, mtu?: number) => void;
/** Sends packets that lie one after the other by a face to one neighbour, as `Face.sendRun` does. Returns how many were not dropped. */
export type TransmitRun = (face: number, neighbour: number, bytes: Uint8Array, segmentBytes: number, lent?: boolean) => number;

export interface PacketPathOptions {
  readonly engine: ForwardingEngine;
  readonly faces: FaceTable;
  readonly transmit: Transmit;
  /** Each packet of a run is transmitted singly without it. */
  readonly transmitRun?: TransmitRun | undefined;
  /** A packet has arrived at something of ours: `view.last` says at what. */
  readonly deliver: (view: XipView, face: number, neighbour: number, now: number) => void;
  /**
   * As `deliver` for packets about chunks that lie one after the other, each `segmentBytes` long, the last one shorter or equal, with
   * equal headers but for their lengths. The view is that of the first; it and the bytes may be written to.
   */
  readonly deliverRun: (view: XipView, run: Uint8Array, segmentBytes: number, face: number, neighbour: number, now: number) => void;
  /** Whether `observe` wants to see chunks that go through. */
  readonly observesChunks: () => boolean;
  /** A packet that came from elsewhere is about to be sent on. */
  readonly observe: (view: XipView, now: number) => void;
  /** A packet of this node is about to be looked at: its destination may be written anew; whether it was. */
  readonly leaving: (view: XipView, now: number) => boolean;
  /** Packets of `bytes` together went on by the entry of destination node `node`; `face` and `neighbour` are where they came from. */
  readonly passed: (view: XipView, node: number, bytes: number, face: number, neighbour: number, now: number) => void;
  /** A packet gets no further and its source may be told. */
  readonly report: Report;
  /**
   * A packet came by a face for another neighbour there, `better`; `node` is what was looked up, `face` and `neighbour` where it
   * came from.
   */
  readonly redirect: (view: XipView, node: number, better: Xid, face: number, neighbour: number, now: number) => void;
}

/** Why this node dropped a packet: the engine's reason, or one that comes before or after it. */
export type PathDrop =
  | `malformed:${XipFault}`
  | Exclude<ForwardReason, 'none'>
  | 'too-big'
  | 'sent-back'
  | 'transmit'
  | 'no-face'
  | 'local-queue-full'
  | 'fenced'
  | HoldDrop;

/**
 * The way of every packet through a node: check, decide, then send on, deliver or report.
 *
 * Nothing gets lost without a number: as long as no packet is being handled, `received + originated` is
 * `forwarded + broadcast + delivered`, what is held and all drops together.
 */
export class PacketPath {
  readonly #options: PacketPathOptions;
  /** Three views, since delivering a packet makes the node send others, and may let go of what was held. */
  readonly #incoming = new XipView();
  readonly #outgoing = new XipView();
  readonly #released = new XipView();
  readonly held = new HoldBuffer((reason) => this.#drop(reason));
  readonly #local = new LocalQueue(LOCAL_QUEUE_BYTES);
  readonly #drops = new Map<PathDrop, number>();
  #busy = false;
  /** Whether the packet at hand lies in memory that is not for it alone, so that whoever keeps it has to copy it. */
  #inRun = false;
  /** Whether that memory is the face's again afterwards. What this node sends meanwhile is treated alike: that does no harm. */
  #lent = false;
  received = 0;
  originated = 0;
  #forwarded = 0;
  #broadcasts = 0;
  #delivered = 0;

  constructor(options: PacketPathOptions) {
    this.#options = options;
  }

  /** A packet came in by a face. It may be changed in place and sent on as it is; `lent`, it is not ours any more afterwards. */
  receive(face: number, neighbour: number, packet: Uint8Array, now: number, lent = false): void {
    this.received++;
    const wasBusy = this.#busy;
    this.#busy = true;
    this.#inRun = this.#lent = lent;
    try {
      this.#incomingPacket(face, neighbour, packet, now);
    } finally {
      // A listener of the owner's may throw; the node goes on.
      this.#inRun = this.#lent = false;
      this.#busy = wasBusy;
    }
    if (!wasBusy) this.#drainLocal(now);
  }

  /**
   * Packets of one neighbour came in together, each `segmentBytes` long, the last one shorter or equal. The effect is that of
   * `receive` for each of them in turn.
   */
  receiveRun(face: number, neighbour: number, bytes: Uint8Array, segmentBytes: number, now: number, lent = false): void {
    this.received += Math.ceil(bytes.length / segmentBytes);
    const wasBusy = this.#busy;
    this.#busy = true;
    this.#inRun = true;
    this.#lent = lent;
    try {
      for (let at = 0; at < bytes.length;) at += this.#incomingAlike(face, neighbour, bytes, at, segmentBytes, now);
    } finally {
      this.#inRun = this.#lent = false;
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
    const { engine, leaving } = this.#options;
    leaving(view, now);
    return this.#begin(engine.forward(view, LOCAL_FACE, FROM_SELF), packet, now, body);
  }

  /**
   * Packets that lie one after the other, with equal headers but for their lengths, each `packetBytes` long, the last one shorter or
   * equal, start their way here. The effect is that of `originate` for each of them in turn.
   */
  originateRun(run: Uint8Array, packetBytes: number, now: number): void {
    const { engine, faces, leaving } = this.#options;
    const view = this.#outgoing;
    const first = run.subarray(0, packetBytes);
    let at = 0;
    if (view.reset(first) === undefined) {
      if (leaving(view, now)) spreadDestination(view, run);
      const disposition = engine.forward(view, LOCAL_FACE, FROM_SELF);
      if (disposition === Disposition.FORWARD && packetBytes <= faces.mtu(engine.outFace)) {
        const packets = Math.ceil(run.length / packetBytes);
        this.originated += packets;
        engine.countAlike(packets - 1, LOCAL_FACE);
        spreadMarks(view, run, 0, run.length);
        return this.#transmitRun(run, packetBytes, packets);
      }
      this.originated++;
      // Whoever keeps one here would keep them all.
      view.bytes = copyBytes(first);
      this.#begin(disposition, view.bytes, now, undefined);
      at = first.length;
    }
    for (; at < run.length; at += packetBytes) this.originate(run.slice(at, at + packetBytes), now);
  }

  /** Does what the engine has decided about a packet that starts here. */
  #begin(disposition: Disposition, packet: Uint8Array, now: number, body: Uint8Array | undefined): boolean {
    const view = this.#outgoing;
    const { report } = this.#options;
    switch (disposition) {
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

  /** Packets came in that nobody looks at. */
  refuse(reason: PathDrop, packets: number): void {
    this.received += packets;
    this.#drop(reason, packets);
  }

  /** Sends a packet of ours by one face without asking the routes: link-local messages. */
  sendLink(face: number, neighbour: number, packet: Uint8Array): boolean {
    this.originated++;
    return this.#options.transmit(face, neighbour, packet) ? this.#left() : this.#drop('transmit');
  }

  /** Packets whose way leads over the identifier are held, or sent on by `towards` to where they are (see `HidRoutes.hold`). */
  hold(xid: Xid, from: Hop | undefined, towards: Hop | undefined): void {
    this.held.open(xid.key, from, towards);
    if (towards === undefined) return;
    for (const { bytes } of this.held.drain(xid.key)) this.#handBack(bytes, towards);
  }

  /** Packets that were held for an identifier take the way that there is now, before any other. */
  release(xid: Xid, now: number): void {
    for (const packet of this.held.close(xid.key)) this.#resume(packet, now);
  }

  /** Packets in, what became of them, and drops by reason. */
  counters(): Record<string, number> {
    return {
      received: this.received,
      originated: this.originated,
      forwarded: this.#forwarded,
      broadcast: this.#broadcasts,
      delivered: this.#delivered,
      held: this.held.packets,
      ...Object.fromEntries(this.#drops),
    };
  }

  gauges(): Gauge[] {
    return [this.#local.gauge(), ...this.held.gauges()];
  }

  #incomingPacket(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    const view = this.#incoming;
    const fault = view.reset(packet);
    if (fault !== undefined) {
      this.#drop(`malformed:${fault}`);
      return;
    }
    const reached = view.last;
    const disposition = this.#options.engine.forward(view, face, face === LOCAL_FACE ? FROM_SELF : FROM_FACE);
    this.#finish(disposition, view, reached, face, neighbour, now);
  }

  /**
   * Does what the engine has decided about a packet.
   * @param reached what `last` was when it came
   */
  #finish(disposition: Disposition, view: XipView, reached: number, face: number, neighbour: number, now: number): void {
    const { deliver, report } = this.#options;
    switch (disposition) {
      case Disposition.FORWARD:
        if (this.#isSentBack(view, reached, face, neighbour)) {
          this.#drop('sent-back');
          report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, face, neighbour, now);
          return;
        }
        this.#pass(view, face, neighbour, now);
        return;
      case Disposition.DELIVER:
        this.#delivered++;
        // Whoever takes a chunk's segment in copies it to its place; others may keep the packet.
        if (this.#inRun && view.nextHeader !== NextHeader.CHUNK) view.bytes = copyBytes(view.bytes);
        deliver(view, face, neighbour, now);
        return;
      case Disposition.BROADCAST:
        // One of ours, which was on its way to something of ours that has gone meanwhile.
        this.#broadcast(view.bytes);
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

  /**
   * Takes the packet at `at`, and with it those behind it that are alike: when they go on, they are decided about once.
   * @returns the bytes of all that were taken
   */
  #incomingAlike(face: number, neighbour: number, bytes: Uint8Array, at: number, segmentBytes: number, now: number): number {
    const first = bytes.subarray(at, at + segmentBytes);
    const view = this.#incoming;
    const fault = view.reset(first);
    if (fault !== undefined) {
      this.#drop(`malformed:${fault}`);
      return first.length;
    }
    const alike = alikeBytes(view, bytes, at);
    const reached = view.last;
    const { engine, faces } = this.#options;
    const disposition = engine.forward(view, face, FROM_FACE);
    if (disposition === Disposition.DELIVER && view.nextHeader === NextHeader.CHUNK && alike > first.length) {
      const packets = Math.ceil(alike / segmentBytes);
      engine.countAlike(packets - 1, face);
      this.#delivered += packets;
      spreadMarks(view, bytes, at, at + alike);
      this.#options.deliverRun(view, bytes.subarray(at, at + alike), segmentBytes, face, neighbour, now);
      return alike;
    }
    const goesOn = disposition === Disposition.FORWARD && segmentBytes <= faces.mtu(engine.outFace);
    if (!goesOn || alike === first.length || this.#isSentBack(view, reached, face, neighbour)) {
      this.#finish(disposition, view, reached, face, neighbour, now);
      this.#incomingEach(face, neighbour, bytes, at + first.length, at + alike, segmentBytes, now);
      return alike;
    }
    const packets = Math.ceil(alike / segmentBytes);
    engine.countAlike(packets - 1, face);
    spreadMarks(view, bytes, at, at + alike);
    this.#pass(view, face, neighbour, now, alike === bytes.length ? bytes : bytes.subarray(at, at + alike), packets);
    return alike;
  }

  #incomingEach(face: number, neighbour: number, bytes: Uint8Array, start: number, end: number, segmentBytes: number, now: number): void {
    for (let at = start; at < end; at += segmentBytes) {
      this.#incomingPacket(face, neighbour, bytes.subarray(at, Math.min(at + segmentBytes, end)), now);
    }
  }

  /**
   * Whether a packet would go back to who sent it. That one must have had a reason; it would only circle until its hops are used
   * up. Unless it has come further in its address here: what is behind our AD may well lie where it came from.
   */
  #isSentBack(view: XipView, reached: number, face: number, neighbour: number): boolean {
    const { outFace, outNeighbour } = this.#options.engine;
    return outFace === face && outNeighbour === neighbour && view.last === reached;
  }

  /**
   * Sends on what the engine has decided about. If it leaves by the face that it came by, its source is told who was nearer.
   * @param run several packets that are alike; the view is that of the first
   */
  #pass(view: XipView, face: number, neighbour: number, now: number, run?: Uint8Array, packets = 1): void {
    const { engine, faces, passed, redirect } = this.#options;
    const { outFace, outNeighbour, outNode } = engine;
    if (run === undefined) this.#sendOn(view, face, neighbour, now);
    else this.#sendRunOn(view, now, run, packets);
    passed(view, outNode, run?.length ?? view.bytes.length, face, neighbour, now);
    if (outFace !== face || outNeighbour === neighbour) return;
    const better = faces.get(face)?.hidOf?.(outNeighbour);
    if (better !== undefined) redirect(view, outNode, better, face, neighbour, now);
  }

  #sendOn(view: XipView, face: number, neighbour: number, now: number): void {
    this.#options.observe(view, now);
    this.#send(view, face, neighbour, now);
  }

  /** As `#send` for packets that are alike and fit the face; the view is that of the first. */
  #sendRunOn(view: XipView, now: number, run: Uint8Array, packets: number): void {
    const segmentBytes = view.bytes.length;
    this.#observeRun(view, run, now);
    this.#transmitRun(run, segmentBytes, packets);
  }

  #transmitRun(run: Uint8Array, segmentBytes: number, packets: number): void {
    const { engine, transmit, transmitRun } = this.#options;
    const { outFace, outNeighbour } = engine;
    if (transmitRun !== undefined) {
      const sent = transmitRun(outFace, outNeighbour, run, segmentBytes, this.#lent);
      this.#forwarded += sent;
      if (sent < packets) this.#drop('transmit', packets - sent);
      return;
    }
    for (let at = 0; at < run.length; at += segmentBytes) {
      if (transmit(outFace, outNeighbour, run.subarray(at, at + segmentBytes), undefined, this.#lent)) this.#forwarded++;
      else this.#drop('transmit');
    }
  }

  /** Shows each packet of a run to the cache, if there is one. */
  #observeRun(view: XipView, run: Uint8Array, now: number): void {
    const { observe, observesChunks } = this.#options;
    if (view.nextHeader !== NextHeader.CHUNK || !observesChunks()) return;
    const segmentBytes = view.bytes.length;
    for (let at = 0; at < run.length; at += segmentBytes) {
      view.reset(run.subarray(at, at + segmentBytes));
      observe(view, now);
    }
  }

  /** Sends a packet where the engine has just said; `face` and `neighbour` are where it came from. */
  #send(view: XipView, face: number, neighbour: number, now: number, body?: Uint8Array): boolean {
    const { engine, faces, transmit, report } = this.#options;
    const { outFace, outNeighbour } = engine;
    const mtu = faces.mtu(outFace);
    if (mtu === 0) return outFace === HELD_FACE ? this.#hold(view, face, neighbour, now, body) : this.#drop('no-face');
    if (view.packetBytes > mtu) {
      this.#drop('too-big');
      report(XcmpType.TOO_BIG, XcmpCode.NONE, view, face, neighbour, now, mtu);
      return false;
    }
    // Shorter only where Ethernet padded it.
    const packet = view.packetBytes < view.bytes.length ? view.bytes.subarray(0, view.packetBytes) : view.bytes;
    return transmit(outFace, outNeighbour, packet, body, this.#lent) ? this.#left() : this.#drop('transmit');
  }

  /** Keeps a packet whose machine stands still. Whoever gets it later finds the hop limit that it came with. */
  #hold(view: XipView, face: number, neighbour: number, now: number, body?: Uint8Array): boolean {
    const { outNode } = this.#options.engine;
    const id = view.bytes.subarray(view.nodeIdOffset(outNode), view.nodeIdOffset(outNode) + 20);
    const { key } = new Xid(view.nodeType(outNode), id);
    const head = view.packetBytes < view.bytes.length ? view.bytes.subarray(0, view.packetBytes) : view.bytes;
    const towards = this.held.towards(key);
    if (towards !== undefined) return this.#handBack(body === undefined ? head : concatBytes(head, body), towards);
    if (face !== LOCAL_FACE) view.setHopLimit(view.hopLimit + 1);
    const bytes = body === undefined ? copyBytes(head) : concatBytes(head, body);
    return this.held.push(key, { bytes, face, neighbour, at: now }) || this.#drop('hold-full');
  }

  /** A packet that was sent to a machine which has not read it. It waits if those for its machine do; else nobody wants it. */
  returned(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    const view = this.#released;
    if (view.reset(packet) !== undefined) return;
    const { engine } = this.#options;
    if (engine.preview(view) === Disposition.FORWARD && engine.outFace === HELD_FACE) this.#hold(view, face, neighbour, now);
  }

  /** Sends a packet to where those for its machine are held; it may have come from there. */
  #handBack(packet: Uint8Array, { face, neighbour }: Hop): boolean {
    const { faces, transmit } = this.#options;
    if (packet.length > faces.mtu(face)) return this.#drop('no-face');
    return transmit(face, neighbour, packet, undefined, this.#lent) ? this.#left() : this.#drop('transmit');
  }

  /** Decides anew about a packet that was held. It may well go where it came from: that one had no better way then. */
  #resume({ bytes, face, neighbour }: HeldPacket, now: number): void {
    const view = this.#released;
    const fault = view.reset(bytes);
    if (fault !== undefined) return void this.#drop(`malformed:${fault}`);
    const reached = view.last;
    const disposition = this.#options.engine.forward(view, face, face === LOCAL_FACE ? FROM_SELF : FROM_FACE);
    if (disposition === Disposition.FORWARD) this.#send(view, face, neighbour, now);
    else this.#finish(disposition, view, reached, face, neighbour, now);
  }

  #left(): true {
    this.#forwarded++;
    return true;
  }

  #broadcast(packet: Uint8Array, body?: Uint8Array): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    let sent = false;
    for (const [face, { mtu }] of this.#options.faces.entries()) {
      if (bytes <= mtu && this.#options.transmit(face, 0, packet, body, this.#lent)) sent = true;
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

  #drop(reason: PathDrop, packets = 1): false {
    this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + packets);
    return false;
  }
}
