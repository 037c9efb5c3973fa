import { copyBytes, XiaError } from '../bytes/index.js';
import type { Face, FaceHandler } from '../io/index.js';
import type { Xid } from '../xid/index.js';
import { CaptureTaps } from './capture.js';

/** What comes in by the faces of a node, by the number of the face. */
export interface NodeFacesHandler {
  /** A packet, whose bytes may be lent (see `FaceHandler.packet`). */
  readonly packet: (id: number, neighbour: number, bytes: Uint8Array, lent: boolean) => void;
  /** Packets that came in together, each `segmentBytes` long, the last one shorter or equal. */
  readonly run: (id: number, neighbour: number, bytes: Uint8Array, segmentBytes: number, lent: boolean) => void;
  readonly announced: (id: number, neighbour: number) => void;
  readonly gone: (id: number, neighbour: number) => void;
  readonly fault: (face: Face, error: Parameters<FaceHandler['fault']>[0]) => void;
}

/** The faces of a node by the numbers that the stack gave them, and whoever listens to what passes there. */
export class NodeFaces {
  readonly byId = new Map<number, Face>();
  readonly taps = new CaptureTaps();
  /** Name of a peer face -> what a packet that leaves by it costs. */
  readonly costs = new Map<string, number | undefined>();
  readonly #dropped = new Set<Face>();
  readonly #handler: NodeFacesHandler;
  readonly #wallMs: () => number;

  /** @param wallMs the time of a packet for people, ms since 1970 */
  constructor(handler: NodeFacesHandler, wallMs: () => number) {
    this.#handler = handler;
    this.#wallMs = wallMs;
  }

  all(): Face[] {
    return [...this.byId.values()];
  }

  /**
   * The neighbour of a face with a HID; all of them (0) without one.
   * @throws XiaError `bad-config` when the neighbours of the face have no names, or it cannot find this one
   */
  neighbourFor(id: number, hid: Xid | undefined): number {
    if (hid === undefined) return 0;
    const face = this.byId.get(id);
    if (face?.neighbourFor !== undefined) return face.neighbourFor(hid);
    throw new XiaError('bad-config', `next hop ${hid.toString()}: the neighbours of face "${face?.name ?? id}" have no names`, {
      face: id,
    });
  }

  /** As `Face.send`. */
  transmit(id: number, neighbour: number, packet: Uint8Array, body: Uint8Array | undefined, lent = false): boolean {
    const face = this.byId.get(id);
    if (face === undefined) return false;
    const given = lent && face.takesLent !== true ? copyBytes(packet) : packet;
    if (!face.send(neighbour, given, body, lent)) return false;
    if (this.taps.isActive) this.taps.show('out', face, neighbour, this.#wallMs(), packet, body);
    return true;
  }

  /** Sends a run as the face can: whole, or each packet of it. Returns how many were not dropped. */
  transmitRun(id: number, neighbour: number, bytes: Uint8Array, segmentBytes: number, lent = false): number {
    const face = this.byId.get(id);
    if (face === undefined) return 0;
    const given = lent && face.takesLent !== true ? copyBytes(bytes) : bytes;
    const sent =
      face.sendRun === undefined
        ? sendEach(face, neighbour, given, segmentBytes, lent)
        : face.sendRun(neighbour, given, segmentBytes, lent);
    if (this.taps.isActive) this.#showRun('out', face, neighbour, bytes.subarray(0, sent * segmentBytes), segmentBytes);
    return sent;
  }

  /** @throws XiaError `address-in-use`, `face-failed` */
  async open(id: number, face: Face): Promise<void> {
    const { packet, run, announced, gone, fault } = this.#handler;
    await face.open({
      takesLent: true,
      packet: (neighbour, bytes, lent = false) => {
        if (this.taps.isActive) this.taps.show('in', face, neighbour, this.#wallMs(), bytes);
        packet(id, neighbour, bytes, lent);
      },
      run: (neighbour, bytes, segmentBytes, lent = false) => {
        if (this.taps.isActive) this.#showRun('in', face, neighbour, bytes, segmentBytes);
        run(id, neighbour, bytes, segmentBytes, lent);
      },
      announced: (neighbour) => announced(id, neighbour),
      gone: (neighbour) => gone(id, neighbour),
      fault: (error) => fault(face, error),
    });
  }

  /** Takes a face out: nothing leaves by it any more, what comes in still does. Returns what closes it. */
  drop(id: number): () => Promise<void> {
    const face = this.byId.get(id);
    if (face === undefined) return async () => {};
    this.byId.delete(id);
    this.#dropped.add(face);
    return async () => {
      await face.close();
      this.#dropped.delete(face);
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.all(), ...this.#dropped].map((face) => face.close()));
  }

  #showRun(direction: 'in' | 'out', face: Face, neighbour: number, bytes: Uint8Array, segmentBytes: number): void {
    const wallMs = this.#wallMs();
    for (let at = 0; at < bytes.length; at += segmentBytes) {
      this.taps.show(direction, face, neighbour, wallMs, bytes.subarray(at, at + segmentBytes));
    }
  }
}

function sendEach(face: Face, neighbour: number, bytes: Uint8Array, segmentBytes: number, lent: boolean): number {
  let sent = 0;
  for (let at = 0; at < bytes.length; at += segmentBytes) {
    if (face.send(neighbour, bytes.subarray(at, at + segmentBytes), undefined, lent)) sent++;
  }
  return sent;
}
