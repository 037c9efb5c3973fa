import type { Gauge, XiaError } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import type { Xid } from '../xid/index.js';

/** The largest UDP payload over IPv4 (65,535 less the IPv4 and UDP headers): no face carries a larger packet. */
export const MAX_PACKET_BYTES = 65_507;

/** What a face reports. Its methods are called synchronously from the face's own event, never from inside `send`. */
export interface FaceHandler {
  /** Whether packets may be lent to it (see `packet`); without it, none are. */
  readonly takesLent?: boolean;
  /**
   * A packet arrived. The bytes belong to the handler from now on: it may keep them, and change them in place.
   * They are not checked in any way, only bounded: 65,535.
   * @param lent the bytes are the face's again when this returns: what is kept of them must be copied
   */
  packet(neighbour: number, bytes: Uint8Array, lent?: boolean): void;
  /**
   * Packets of one neighbour arrived together, one after the other in `bytes`: each `segmentBytes` long, the last one shorter or equal.
   * Only the first one's length was looked at. They belong to the handler; whoever keeps one for long copies it, or it holds them all.
   * A face that hears of no handler for this uses `packet` for each.
   */
  run?(neighbour: number, bytes: Uint8Array, segmentBytes: number, lent?: boolean): void;
  /**
   * A link came up, or a machine announced itself (RARP, gratuitous ARP): something was started or resumed there.
   * `station` is the MAC address, as text, of a machine that has announced itself.
   */
  announced(neighbour: number, station?: string): void;
  /** The neighbour is no more, and its id may be given to another: forget every route by it. */
  gone(neighbour: number): void;
  /** Something failed that `send` cannot tell, such as a broken connection. The face goes on working unless closed. */
  fault(error: XiaError): void;
}

/** Counters of one face, since it was made. Each drop is in exactly one of the `dropped` fields. */
export class FaceCounters {
  packetsIn = 0;
  bytesIn = 0;
  packetsOut = 0;
  bytesOut = 0;
  /** Runs of several packets that came or went in one piece; their packets are counted above as all others. */
  runsIn = 0;
  runsOut = 0;
  /** Outgoing: too many bytes are waiting in the kernel or the connection already. */
  droppedQueueFull = 0;
  /** Outgoing: larger than the face's MTU. */
  droppedTooBig = 0;
  /** Outgoing: the neighbour is not known (any more), or the face is not open. */
  droppedNoNeighbour = 0;
  /** Incoming: empty, or a frame that is none of ours (another protocol, another address, malformed). */
  ignored = 0;
  /** Neighbours whose id was taken for a newer one because the table was full. */
  neighboursEvicted = 0;
  /** Faults told to the handler. */
  faults = 0;
}

/** A neighbour as people see it. */
export interface FaceNeighbour {
  readonly id: number;
  readonly address: string;
  /** When a machine first announced itself here, ms since 1970; absent where it has not, or cannot. */
  readonly announcedMs?: number;
}

/** A face as people see it; `details` are facts of the kind of face, such as the size of its receive buffer. */
export interface FaceDescription {
  readonly address: string;
  readonly neighbours: readonly FaceNeighbour[];
  readonly details?: Readonly<Record<string, string | number>>;
}

/** What a face may be told anew while it is open. */
export interface FaceSettings {
  readonly role: FaceRole;
  /** In bytes, at most {@link MAX_PACKET_BYTES}; what this kind of face has by default when it is not given. */
  readonly mtu?: number | undefined;
  /** Addresses of neighbours that are known before they are heard, where a kind of face has such. */
  readonly peers?: readonly string[] | undefined;
}

/**
 * A link to neighbours that carries whole XIP packets, unreliably and in no particular order.
 *
 * Neighbours have small ids from 1 on, given out by the face; configured peers have the ids 1..n in the order of the
 * configuration, for as long as they are configured. Id 0 means every neighbour. A face is opened once and closed once.
 */
export interface Face {
  readonly name: string;
  readonly role: FaceRole;
  /** The largest XIP packet that `send` takes, in bytes. */
  readonly mtu: number;
  readonly counters: FaceCounters;
  /** Whether `send` and `sendRun` understand `lent`; a face without it must be given bytes that it may keep. */
  readonly takesLent?: boolean;
  /**
   * The id of a neighbour by its HID, the same for ever, on links whose stations have names; so a route can lead to it.
   * @throws XiaError `bad-config` when the link cannot find it, `limit-reached`
   */
  neighbourFor?(hid: Xid): number;
  /** The MAC address of a neighbour as text, on links whose stations have such; undefined before it was heard. */
  station?(neighbour: number): string | undefined;
  /** The HID that a neighbour was named by. */
  hidOf?(neighbour: number): Xid | undefined;
  /**
   * Starts the face. Resolves when packets can arrive and be sent.
   * @throws XiaError `address-in-use` or `face-failed`, naming the face and its address
   */
  open(handler: FaceHandler): Promise<void>;
  /**
   * Sends a packet to a neighbour, or to all of them when `neighbour` is 0. The bytes must not change any more after
   * the call: the face may still be reading them. Never throws, never waits.
   * @param body the rest of the packet, when it lies elsewhere; so a chunk is sent from where it is kept
   * @param lent `packet`, not `body`, may change after the call, so the face copies what it still needs then
   * @returns false when it was dropped, which is counted; with neighbour 0, when nobody was sent anything
   */
  send(neighbour: number, packet: Uint8Array, body?: Uint8Array, lent?: boolean): boolean;
  /**
   * Sends packets that lie one after the other, each `segmentBytes` long, the last one shorter or equal, as they are. As `send`
   * else. Faces without it are given each packet by `send`.
   * @returns how many were not dropped; with neighbour 0, by the neighbour that most were sent to
   */
  sendRun?(neighbour: number, bytes: Uint8Array, segmentBytes: number, lent?: boolean): number;
  /**
   * The packets that a neighbour which stands still may not have read, in order, as they were sent. Some of them it may have read after all.
   * A face that does not know has none.
   */
  takeBack?(neighbour: number): Uint8Array[];
  describe(): FaceDescription;
  /** How full its queues and tables are; names are without that of the face. */
  gauges?(): Gauge[];
  /**
   * Takes other settings over without closing. A peer that is no longer configured is `gone`; one that stays keeps its id. A
   * face without this method cannot be changed while it is open.
   * @throws XiaError `bad-endpoint`, `bad-config`; then nothing has changed
   */
  update?(settings: FaceSettings): void;
  /** Whether this neighbour was a peer of an uplink and is not any more. What it had under way is taken; it is no place to attach at. */
  isFormer?(neighbour: number): boolean;
  /** Stops the face; unsent packets may be lost. May be called again, and before `open`. */
  close(): Promise<void>;
}
