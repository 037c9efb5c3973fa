import type { ForwardingEngine, ForwardReason } from '../forwarding/index.js';
import type { XcmpErrorType, XipFault, XipView } from '../wire/index.js';
import type { Xid } from '../xid/index.js';
import type { FaceTable } from './face-table.js';
import type { HoldDrop } from './hold-buffer.js';

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
  /**
   * A packet has arrived at something of ours: `view.last` says at what. False when that is not here after all, but gone by now: the
   * packet is as it was, and counted nowhere.
   */
  readonly deliver: (view: XipView, face: number, neighbour: number, now: number) => boolean;
  /**
   * As `deliver` for answers with parts of chunks that lie one after the other, each `segmentBytes` long, the last one shorter or equal, with
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
  | 'chunk-gone'
  | 'fenced'
  | HoldDrop;
