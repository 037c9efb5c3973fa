import type { XiaError } from '../bytes/index.js';
import type { FaceRole } from '../stack/face-table.js';
import type { Xid } from '../xid/index.js';

/** The largest UDP payload over IPv4 (65,535 less the IPv4 and UDP headers): no face carries a larger packet. */
export const MAX_PACKET_BYTES = 65_507;

/** What a face reports. Its methods are called synchronously from the face's own event, never from inside `send`. */
export interface FaceHandler {
  /**
   * A packet arrived. The bytes belong to the handler from now on: it may keep them, and change them in place.
   * They are not checked in any way, only bounded: 65,535.
   */
  packet(neighbour: number, bytes: Uint8Array): void;
  /** A link came up, or a machine announced itself (RARP, gratuitous ARP): something was started or resumed there. */
  announced(neighbour: number): void;
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
}

/** A face as people see it; `details` are facts of the kind of face, such as the size of its receive buffer. */
export interface FaceDescription {
  readonly address: string;
  readonly neighbours: readonly FaceNeighbour[];
  readonly details?: Readonly<Record<string, string | number>>;
}

/**
 * A link to neighbours that carries whole XIP packets, unreliably and in no particular order.
 *
 * Neighbours have small ids from 1 on, given out by the face; configured peers have the ids 1..n in the order of the
 * configuration, for ever. Id 0 means every neighbour. A face is opened once and closed once.
 */
export interface Face {
  readonly name: string;
  readonly role: FaceRole;
  /** The largest XIP packet that `send` takes, in bytes. */
  readonly mtu: number;
  readonly counters: FaceCounters;
  /**
   * The id of a neighbour by its HID, the same for ever, on links whose stations have names; so a route can lead to it.
   * @throws XiaError `bad-config` when the link cannot find it, `limit-reached`
   */
  neighbourFor?(hid: Xid): number;
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
   * @returns false when it was dropped, which is counted; with neighbour 0, when nobody was sent anything
   */
  send(neighbour: number, packet: Uint8Array, body?: Uint8Array): boolean;
  describe(): FaceDescription;
  /** Stops the face; unsent packets may be lost. May be called again, and before `open`. */
  close(): Promise<void>;
}
