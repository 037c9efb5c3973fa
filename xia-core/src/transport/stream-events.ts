import type { Dag } from '../dag/index.js';
import type { Xid } from '../xid/index.js';
import type { ConnectionCounters } from './connection-counters.js';

/**
 * Where a connection is in its life:
 *
 *     client: opening --ACCEPT--> open --both ends done--> closed
 *     server: accepting --first packet to our id--> open --both ends done--> closed
 *     any: --RESET, REFUSE, GONE, timeout, reset()--> closed
 *
 * Half-closed is `open` with one direction ended.
 */
export const ConnectionState = {
  OPENING: 'opening',
  ACCEPTING: 'accepting',
  OPEN: 'open',
  CLOSED: 'closed',
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** Counters and estimates of one connection. */
export interface ConnectionStats extends Readonly<ConnectionCounters> {
  readonly rttMs: number;
  /** `Infinity` before the first round trip. */
  readonly minRttMs: number;
  /** Congestion window. */
  readonly windowBytes: number;
  readonly bytesInFlight: number;
  /** How large XIP packets to the peer may be, and how often larger ones were found to vanish. */
  readonly mtuBytes: number;
  readonly blackHoles: number;
}

/**
 * One bidirectional byte stream. All calls take the caller's `now` where they may send.
 * None of them throws; on a closed connection they do nothing.
 */
export interface ConnectionHandle {
  /** Names the connection in events; unique within its endpoint. */
  readonly id: number;
  readonly state: ConnectionState;
  /** SID of this end. */
  readonly localSid: Xid;
  /** Where packets to the peer go now. */
  readonly peerDag: Dag;
  /** Own address as it is written into packets. */
  readonly localDag: Dag;
  readonly stats: ConnectionStats;
  /**
   * Takes bytes to send and returns how many; fewer than offered when the buffer is full, then `writable` follows.
   * Parts of 1 KiB and more are kept by reference until the peer has them: do not change them afterwards.
   */
  write(bytes: Uint8Array, now: number): number;
  /** The next bytes in order, at most `maxBytes`, often fewer; undefined when none are there. May share memory with a packet. */
  read(maxBytes: number, now: number): Uint8Array | undefined;
  /** Ends our direction after what was written. */
  end(now: number): void;
  /** Gives the connection up in both directions and tells the peer why; a number of 32 bits, see `StreamCode`. */
  reset(code: number, now: number): void;
  /** Bytes that {@link read} has. */
  readable(): number;
  /** Bytes that {@link write} would take. */
  writable(): number;
}

/** What an endpoint tells its owner. Handlers may call any method of the endpoint and its connections. */
export type StreamEvent =
  /** The peer accepted our connection. */
  | { readonly kind: 'connected'; readonly connection: ConnectionHandle }
  /** A peer connected to the listener of `sid`. */
  | { readonly kind: 'accepted'; readonly connection: ConnectionHandle; readonly sid: Xid }
  /** There is more to read. */
  | { readonly kind: 'readable'; readonly connection: ConnectionHandle }
  /** A write was cut short, and there is room again. */
  | { readonly kind: 'writable'; readonly connection: ConnectionHandle }
  /** The peer ended its direction and everything was read. */
  | { readonly kind: 'end'; readonly connection: ConnectionHandle }
  /** The peer proved that it is at a new address. */
  | { readonly kind: 'peer-moved'; readonly connection: ConnectionHandle; readonly from: Dag; readonly to: Dag }
  /** It is over; `code` is of `StreamCode` or the application's, 0 after an orderly end of both directions. Always the last event. */
  | {
      readonly kind: 'closed';
      readonly connection: ConnectionHandle;
      readonly code: number;
      /** Who ended it: our side (a call, a timeout) or the peer. */
      readonly by: 'local' | 'peer';
    };
