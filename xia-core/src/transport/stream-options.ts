import type { RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import type { CongestionController } from '../congestion/congestion.js';
import { congestionControllers, DEFAULT_CONGESTION, type CongestionName } from '../congestion/controllers.js';
import type { StreamEvent } from './stream-events.js';

/** A STREAM packet to be sent as an XIP packet with next header 62. */
export interface OutgoingPacket {
  readonly destination: Dag;
  readonly source: Dag;
  /** Parts that follow each other; XIP writes them one after the other, so stream bytes are copied once. */
  readonly payload: readonly Uint8Array[];
}

/**
 * Bounds and times of an endpoint. Unsent and unread bytes take at most `3 * (maxConnections * startBufferBytes + sharedBufferBytes)`,
 * as what is received may take twice its size.
 */
export interface StreamLimits {
  /** Connections at the same time; more are refused with BUSY. */
  readonly maxConnections: number;
  /** Connections of peers that are half open at the same time, over all services. From half of it on, OPENs need a token. */
  readonly maxHalfOpen: number;
  /** Ended connections that are still answered for, so that a lost last packet does no harm; the oldest go first. */
  readonly maxLingering: number;
  /** Bytes to send, and bytes received and unread, that every connection may have. */
  readonly startBufferBytes: number;
  /**
   * Written and unacknowledged bytes per connection at most; twice the congestion window counts, if that is less. Large enough for
   * rate times round trip, or it limits the rate.
   */
  readonly sendBufferBytes: number;
  /** Received and unread bytes per connection at most. The window doubles while the reader uses all of it within two round trips. */
  readonly receiveWindowBytes: number;
  /** What all connections together may have beyond `startBufferBytes` each, to send, and as much to receive. */
  readonly sharedBufferBytes: number;
  /** A connection that hears nothing for this long is over; the smaller value of both ends counts. */
  readonly idleTimeoutMs: number;
  /** A quiet connection says PING this often; 0 never. Keep it below half of `idleTimeoutMs`. */
  readonly keepAliveMs: number;
  /** How long connecting may take. */
  readonly openTimeoutMs: number;
  /** Longest time an acknowledgement is held back. */
  readonly maxAckDelayMs: number;
  /** Longest time between probes of a silent peer: how late a stream notices that its peer is back. */
  readonly probeCapMs: number;
  /** How long an ended connection is answered for; longer than an outage that shall be survived. */
  readonly lingerMs: number;
}

export const DEFAULT_STREAM_LIMITS: StreamLimits = {
  maxConnections: 16_384,
  maxHalfOpen: 1024,
  maxLingering: 1024,
  startBufferBytes: 512 * 1024,
  sendBufferBytes: 32 * 1024 * 1024,
  receiveWindowBytes: 32 * 1024 * 1024,
  sharedBufferBytes: 256 * 1024 * 1024,
  idleTimeoutMs: 60_000,
  keepAliveMs: 15_000,
  openTimeoutMs: 10_000,
  maxAckDelayMs: 25,
  probeCapMs: 400,
  lingerMs: 20_000,
};

export interface StreamEndpointOptions {
  readonly crypto: CryptoSuite;
  /** Key of the host: signs where we are. */
  readonly identity: Identity;
  /** Must be unpredictable outside of simulations: connection ids and challenges come from it. */
  readonly rng: RandomSource;
  /** Our address for a service, as of now. Asked when a connection begins and after `addressChanged`. */
  readonly localDag: (sid: Xid) => Dag;
  /** Takes a packet. May deliver it at once, even back into this endpoint. */
  readonly output: (packet: OutgoingPacket) => void;
  readonly onEvent: (event: StreamEvent) => void;
  /** Largest XIP packet towards an address, bytes. */
  readonly mtu: (destination: Dag) => number;
  /** A connection has found out that larger packets than these vanish on the way to an address. */
  readonly onPathMtu?: (destination: Dag, mtuBytes: number) => void;
  readonly limits?: Partial<StreamLimits>;
  /** The congestion controller of each connection: its name, or what makes it. BBR by default. */
  readonly congestion?: CongestionName | (() => CongestionController);
}

/** Options with the defaults filled in, shared by all connections of an endpoint. */
export interface StreamSettings extends Omit<StreamEndpointOptions, 'congestion'> {
  readonly limits: StreamLimits;
  readonly congestion: () => CongestionController;
}

export function withDefaults(options: StreamEndpointOptions): StreamSettings {
  const { congestion = DEFAULT_CONGESTION } = options;
  return {
    ...options,
    limits: { ...DEFAULT_STREAM_LIMITS, ...options.limits },
    congestion: typeof congestion === 'string' ? congestionControllers[congestion] : congestion,
  };
}
