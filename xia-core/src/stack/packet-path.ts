import { concatBytes, copyBytes, type Gauge } from '../bytes/index.js';
import { Disposition, forwardReasons, FROM_FACE, FROM_SELF, HELD_FACE, LOCAL_FACE } from '../forwarding/index.js';
import type { Hop } from '../mobility/index.js';
import { NextHeader, XcmpCode, XcmpType, XipView } from '../wire/index.js';
import type { Xid } from '../xid/index.js';
import type { HeldPacket, HoldBuffer } from './hold-buffer.js';
import { LocalQueue } from './local-queue.js';
import { alikeBytes, isAnswer, spreadDestination, spreadMarks } from './packet-run.js';
import { PathExit } from './path-exit.js';
import type { PacketPathOptions, PathDrop } from './path-options.js';
import { PathTally } from './path-tally.js';

/** Packets to ourselves that may wait, in bytes. A burst of chunk segments fits. */
const LOCAL_QUEUE_BYTES = 16 * 1024 * 1024;

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
  readonly #tally = new PathTally();
  readonly #exit: PathExit;
  readonly #local = new LocalQueue(LOCAL_QUEUE_BYTES);
  #busy = false;
  /** Whether the packet at hand lies in memory that is not for it alone, so that whoever keeps it has to copy it. */
  #inRun = false;

  constructor(options: PacketPathOptions) {
    this.#options = options;
    this.#exit = new PathExit(options, this.#tally);
  }

  get held(): HoldBuffer {
    return this.#exit.held;
  }

  /** A packet came in by a face. It may be changed in place and sent on as it is; `lent`, it is not ours any more afterwards. */
  receive(face: number, neighbour: number, packet: Uint8Array, now: number, lent = false): void {
    this.#tally.received++;
    const wasBusy = this.#busy;
    const wasInRun = this.#inRun;
    const wasLent = this.#exit.lent;
    this.#busy = true;
    this.#inRun = lent;
    this.#exit.lent = lent;
    try {
      this.#incomingPacket(face, neighbour, packet, now);
    } finally {
      // A listener of the owner's may throw; the node goes on, and so does the packet during which this one came.
      this.#busy = wasBusy;
      this.#inRun = wasInRun;
      this.#exit.lent = wasLent;
    }
    if (!wasBusy) this.#drainLocal(now);
  }

  /**
   * Packets of one neighbour came in together, each `segmentBytes` long, the last one shorter or equal. The effect is that of
   * `receive` for each of them in turn.
   */
  receiveRun(face: number, neighbour: number, bytes: Uint8Array, segmentBytes: number, now: number, lent = false): void {
    this.#tally.received += Math.ceil(bytes.length / segmentBytes);
    const wasBusy = this.#busy;
    const wasInRun = this.#inRun;
    const wasLent = this.#exit.lent;
    this.#busy = true;
    this.#inRun = true;
    this.#exit.lent = lent;
    try {
      for (let at = 0; at < bytes.length;) at += this.#incomingAlike(face, neighbour, bytes, at, segmentBytes, now);
    } finally {
      this.#busy = wasBusy;
      this.#inRun = wasInRun;
      this.#exit.lent = wasLent;
    }
    if (!wasBusy) this.#drainLocal(now);
  }

  /**
   * A packet starts its way here. False when it could not even leave.
   * @param body the rest of the packet, where it lies elsewhere: sent from there, and never written to
   */
  originate(packet: Uint8Array, now: number, body?: Uint8Array): boolean {
    this.#tally.originated++;
    const view = this.#outgoing;
    const fault = view.reset(packet, body?.length);
    if (fault !== undefined) return this.#tally.drop(`malformed:${fault}`);
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
        this.#tally.originated += packets;
        engine.countAlike(packets - 1, LOCAL_FACE);
        spreadMarks(view, run, 0, run.length);
        return this.#exit.sendRun(run, packetBytes, packets);
      }
      this.#tally.originated++;
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
        return this.#exit.send(view, LOCAL_FACE, 0, now, body);
      case Disposition.BROADCAST:
        return this.#exit.broadcast(packet, body);
      case Disposition.DELIVER:
        // The engine has marked how far it came; it walks on from there when its turn comes.
        view.setLast(-1);
        if (!this.#local.push(body === undefined ? packet : concatBytes(packet, body))) return this.#tally.drop('local-queue-full');
        if (!this.#busy) this.#drainLocal(now);
        return true;
      case Disposition.UNREACHABLE:
        this.#tally.drop('no-route');
        report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, LOCAL_FACE, 0, now);
        return false;
      default:
        return this.#dropAsDecided();
    }
  }

  /** Packets came in that nobody looks at. */
  refuse(reason: PathDrop, packets: number): void {
    this.#tally.received += packets;
    this.#tally.drop(reason, packets);
  }

  /** Sends a packet of ours by one face without asking the routes: link-local messages. */
  sendLink(face: number, neighbour: number, packet: Uint8Array): boolean {
    this.#tally.originated++;
    return this.#exit.sendLink(face, neighbour, packet);
  }

  /** Packets whose way leads over the identifier are held, or sent on by `towards` to where they are (see `HidRoutes.hold`). */
  hold(xid: Xid, from: Hop | undefined, towards: Hop | undefined): void {
    this.#exit.hold(xid, from, towards);
  }

  /** Packets that were held for an identifier take the way that there is now, before any other. */
  release(xid: Xid, now: number): void {
    for (const packet of this.#exit.release(xid)) this.#resume(packet, now);
  }

  /** Packets in, what became of them, and drops by reason. */
  counters(): Record<string, number> {
    return this.#tally.counters(this.held.packets);
  }

  gauges(): Gauge[] {
    return [this.#local.gauge(), ...this.held.gauges()];
  }

  #incomingPacket(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    const view = this.#incoming;
    const fault = view.reset(packet);
    if (fault !== undefined) {
      this.#tally.drop(`malformed:${fault}`);
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
          this.#tally.drop('sent-back');
          report(XcmpType.UNREACHABLE, XcmpCode.HOST_UNREACHABLE, view, face, neighbour, now);
          return;
        }
        this.#pass(view, face, neighbour, now);
        return;
      case Disposition.DELIVER:
        this.#tally.delivered++;
        // Whoever takes a chunk's segment in copies it to its place; others may keep the packet.
        if (this.#inRun && view.nextHeader !== NextHeader.CHUNK) view.bytes = copyBytes(view.bytes);
        if (!deliver(view, face, neighbour, now)) this.#turnAway(view, reached, face, neighbour, now);
        return;
      case Disposition.BROADCAST:
        // One of ours, which was on its way to something of ours that has gone meanwhile.
        this.#exit.broadcast(view.bytes);
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

  /** What a packet has arrived at is gone: it takes the way that it would have taken without. */
  #turnAway(view: XipView, reached: number, face: number, neighbour: number, now: number): void {
    this.#tally.delivered--;
    view.retract(reached);
    const disposition = this.#options.engine.forward(view, face, face === LOCAL_FACE ? FROM_SELF : FROM_FACE);
    if (disposition === Disposition.DELIVER) this.#tally.drop('chunk-gone');
    else this.#finish(disposition, view, reached, face, neighbour, now);
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
      this.#tally.drop(`malformed:${fault}`);
      return first.length;
    }
    const alike = alikeBytes(view, bytes, at);
    const reached = view.last;
    const { engine, faces } = this.#options;
    const disposition = engine.forward(view, face, FROM_FACE);
    if (disposition === Disposition.DELIVER && alike > first.length && isAnswer(view)) {
      const packets = Math.ceil(alike / segmentBytes);
      engine.countAlike(packets - 1, face);
      this.#tally.delivered += packets;
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
    const { engine, faces, observe, passed, redirect } = this.#options;
    const { outFace, outNeighbour, outNode } = engine;
    if (run === undefined) {
      observe(view, now);
      this.#exit.send(view, face, neighbour, now);
    } else {
      const segmentBytes = view.bytes.length;
      this.#observeRun(view, run, now);
      this.#exit.sendRun(run, segmentBytes, packets);
    }
    passed(view, outNode, run?.length ?? view.bytes.length, face, neighbour, now);
    if (outFace !== face || outNeighbour === neighbour) return;
    const better = faces.get(face)?.hidOf?.(outNeighbour);
    if (better !== undefined) redirect(view, outNode, better, face, neighbour, now);
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

  /** A packet that was sent to a machine which has not read it. It waits if those for its machine do; else nobody wants it. */
  returned(face: number, neighbour: number, packet: Uint8Array, now: number): void {
    const view = this.#released;
    if (view.reset(packet) !== undefined) return;
    const { engine } = this.#options;
    if (engine.preview(view) === Disposition.FORWARD && engine.outFace === HELD_FACE) this.#exit.send(view, face, neighbour, now);
  }

  /** Decides anew about a packet that was held. It may well go where it came from: that one had no better way then. */
  #resume({ bytes, face, neighbour }: HeldPacket, now: number): void {
    const view = this.#released;
    const fault = view.reset(bytes);
    if (fault !== undefined) return void this.#tally.drop(`malformed:${fault}`);
    const reached = view.last;
    const disposition = this.#options.engine.forward(view, face, face === LOCAL_FACE ? FROM_SELF : FROM_FACE);
    if (disposition === Disposition.FORWARD) this.#exit.send(view, face, neighbour, now);
    else this.#finish(disposition, view, reached, face, neighbour, now);
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
    return reason === 'none' ? false : this.#tally.drop(reason);
  }
}
