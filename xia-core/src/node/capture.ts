import { XiaError, type Gauge } from '../bytes/index.js';
import { MAX_PACKET_BYTES, type Face } from '../io/index.js';
import { CaptureFilter, type CaptureDirection } from './capture-filter.js';

/** More listeners than this are refused: each of them costs a copy of every packet. */
export const MAX_CAPTURES = 8;

/** A packet that came in by a face, as it was received, or that a face has taken to send. */
export interface CapturedPacket {
  readonly direction: CaptureDirection;
  /** The name of the face. */
  readonly face: string;
  /** Who sent it, or to whom it goes, by the face's number for it; 0 for every neighbour. */
  readonly neighbour: number;
  /** Milliseconds since 1970, with fractions. */
  readonly wallMs: number;
  /** Bytes of the packet, of which `bytes` may be the beginning only. */
  readonly length: number;
  /** A copy. */
  readonly bytes: Uint8Array;
}

export interface CaptureOptions {
  readonly filter?: CaptureFilter;
  /** Bytes that are copied of each packet; all by default. */
  readonly snaplen?: number;
  /** Asked before a packet is copied; with false the packet is left out. */
  readonly wants?: (face: string) => boolean;
}

export type CaptureListener = (packet: CapturedPacket) => void;

interface Tap {
  readonly listener: CaptureListener;
  readonly filter: CaptureFilter;
  readonly snaplen: number;
  readonly wants: ((face: string) => boolean) | undefined;
}

/** Everybody who listens to the packets of a node. */
export class CaptureTaps {
  readonly #taps = new Set<Tap>();
  #highWater = 0;
  #refused = 0;
  /** Whether there is somebody: all that a packet costs while there is not. */
  isActive = false;

  /**
   * @returns ends the listening; may be called again
   * @throws XiaError `limit-reached`
   */
  add(listener: CaptureListener, options: CaptureOptions): () => void {
    if (this.#taps.size >= MAX_CAPTURES) {
      this.#refused++;
      throw new XiaError('limit-reached', `no more than ${MAX_CAPTURES} captures of one node at a time`, { captures: MAX_CAPTURES });
    }
    const { filter = new CaptureFilter(), snaplen = MAX_PACKET_BYTES, wants } = options;
    const tap: Tap = { listener, filter, snaplen, wants };
    this.#taps.add(tap);
    this.#highWater = Math.max(this.#highWater, this.#taps.size);
    this.isActive = true;
    return () => {
      this.#taps.delete(tap);
      this.isActive = this.#taps.size > 0;
    };
  }

  gauge(): Gauge {
    const used = this.#taps.size;
    return { name: 'captures', unit: 'entries', used, highWater: this.#highWater, bound: MAX_CAPTURES, refused: this.#refused };
  }

  /**
   * Shows a packet to those who want it.
   * @param body the rest of the packet, where it lies elsewhere
   */
  show(direction: CaptureDirection, face: Face, neighbour: number, wallMs: number, packet: Uint8Array, body?: Uint8Array): void {
    const length = packet.length + (body?.length ?? 0);
    for (const { listener, filter, snaplen, wants } of this.#taps) {
      if (!filter.matches({ face: face.name, direction, bytes: packet })) continue;
      if (wants !== undefined && !wants(face.name)) continue;
      const bytes = copyOf(packet, body, Math.min(snaplen, length));
      listener({ direction, face: face.name, neighbour, wallMs, length, bytes });
    }
  }
}

/** The first bytes of a packet in one piece. */
function copyOf(packet: Uint8Array, body: Uint8Array | undefined, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const fromPacket = Math.min(packet.length, length);
  bytes.set(packet.subarray(0, fromPacket));
  if (body !== undefined && length > fromPacket) bytes.set(body.subarray(0, length - fromPacket), fromPacket);
  return bytes;
}
