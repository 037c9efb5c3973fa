import { concatBytes, copyBytes } from '../bytes/index.js';
import { HELD_FACE, LOCAL_FACE } from '../forwarding/index.js';
import type { Hop } from '../mobility/index.js';
import { XcmpCode, XcmpType, type XipView } from '../wire/index.js';
import { Xid } from '../xid/index.js';
import { HoldBuffer, type HeldPacket } from './hold-buffer.js';
import type { PacketPathOptions } from './path-options.js';
import type { PathTally } from './path-tally.js';

type ExitOptions = Pick<PacketPathOptions, 'engine' | 'faces' | 'transmit' | 'transmitRun' | 'report'>;

/** Where packets leave a node: by a face, by all of them, or later, when the machine that they are for does not stand still any more. */
export class PathExit {
  readonly #options: ExitOptions;
  readonly #tally: PathTally;
  readonly held: HoldBuffer;
  /**
   * Whether the memory of the packet at hand is the face's again afterwards, that it came by. What this node sends meanwhile is treated
   * alike: that does no harm.
   */
  lent = false;

  constructor(options: ExitOptions, tally: PathTally) {
    this.#options = options;
    this.#tally = tally;
    this.held = new HoldBuffer((reason) => tally.drop(reason));
  }

  /** Sends a packet where the engine has just said; `face` and `neighbour` are where it came from. */
  send(view: XipView, face: number, neighbour: number, now: number, body?: Uint8Array): boolean {
    const { engine, faces, transmit, report } = this.#options;
    const { outFace, outNeighbour } = engine;
    const mtu = faces.mtu(outFace);
    if (mtu === 0) return outFace === HELD_FACE ? this.#hold(view, face, neighbour, now, body) : this.#tally.drop('no-face');
    const { bytes, packetBytes } = view;
    if (packetBytes > mtu) {
      this.#tally.drop('too-big');
      report(XcmpType.TOO_BIG, XcmpCode.NONE, view, face, neighbour, now, mtu);
      return false;
    }
    // Shorter only where Ethernet padded it.
    const packet = packetBytes < bytes.length ? bytes.subarray(0, packetBytes) : bytes;
    return transmit(outFace, outNeighbour, packet, body, this.lent) ? this.#tally.left() : this.#tally.drop('transmit');
  }

  /** The same for packets that are alike, each `segmentBytes` long, the last one shorter or equal, and fit the face. */
  sendRun(run: Uint8Array, segmentBytes: number, packets: number): void {
    const { engine, transmit, transmitRun } = this.#options;
    const { outFace, outNeighbour } = engine;
    if (transmitRun !== undefined) {
      const sent = transmitRun(outFace, outNeighbour, run, segmentBytes, this.lent);
      this.#tally.forwarded += sent;
      if (sent < packets) this.#tally.drop('transmit', packets - sent);
      return;
    }
    for (let at = 0; at < run.length; at += segmentBytes) {
      if (transmit(outFace, outNeighbour, run.subarray(at, at + segmentBytes), undefined, this.lent)) this.#tally.left();
      else this.#tally.drop('transmit');
    }
  }

  /** Sends a packet of ours by one face without asking the routes. */
  sendLink(face: number, neighbour: number, packet: Uint8Array): boolean {
    return this.#options.transmit(face, neighbour, packet) ? this.#tally.left() : this.#tally.drop('transmit');
  }

  broadcast(packet: Uint8Array, body?: Uint8Array): boolean {
    const bytes = packet.length + (body?.length ?? 0);
    let sent = false;
    for (const [face, { mtu }] of this.#options.faces.entries()) {
      if (bytes <= mtu && this.#options.transmit(face, 0, packet, body, this.lent)) sent = true;
    }
    if (!sent) return this.#tally.drop('transmit');
    this.#tally.broadcasts++;
    return true;
  }

  /** Packets whose way leads over the identifier are held, or sent on by `towards` to where they are (see `HidRoutes.hold`). */
  hold(xid: Xid, from: Hop | undefined, towards: Hop | undefined): void {
    this.held.open(xid.key, from, towards);
    if (towards === undefined) return;
    for (const { bytes } of this.held.drain(xid.key)) this.#handBack(bytes, towards);
  }

  /** What was held for an identifier, which is not held any more. */
  release(xid: Xid): HeldPacket[] {
    return this.held.close(xid.key);
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
    return this.held.push(key, { bytes, face, neighbour, at: now }) || this.#tally.drop('hold-full');
  }

  /** Sends a packet to where those for its machine are held; it may have come from there. */
  #handBack(packet: Uint8Array, { face, neighbour }: Hop): boolean {
    const { faces, transmit } = this.#options;
    if (packet.length > faces.mtu(face)) return this.#tally.drop('no-face');
    return transmit(face, neighbour, packet, undefined, this.lent) ? this.#tally.left() : this.#tally.drop('transmit');
  }
}
