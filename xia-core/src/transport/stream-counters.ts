import type { StreamFault } from '../wire/stream.js';

/** What an endpoint counts over all of its connections. All but `packetsReceived` together are `packetsReceived`. */
export interface StreamEndpointCounters {
  packetsReceived: number;
  /** Dropped because the packet is malformed, by what is wrong with it. */
  readonly malformed: Record<StreamFault, number>;
  /** Packets that were for a connection, and for one that has ended. */
  forConnection: number;
  forEnded: number;
  /** Packets to a connection id that means nothing here. */
  unknownConnection: number;
  /** Packets without a connection beyond the budget of the neighbour that they came from. */
  strangersLimited: number;
  opensTaken: number;
  /** OPENs of a connection that there is, or was. */
  opensRepeated: number;
  /** Packets to no connection that are no OPEN. */
  opensMalformed: number;
  opensRefused: number;
  /** OPENs without a good token that were answered by RETRY, because many connections were half open. */
  opensRetried: number;
  /** OPENs dropped because as many connections as may be were half open. */
  opensDropped: number;
  goneHeard: number;
}

export function newStreamEndpointCounters(): StreamEndpointCounters {
  return {
    packetsReceived: 0,
    malformed: {
      short: 0,
      version: 0,
      type: 0,
      flags: 0,
      empty: 0,
      'frame-type': 0,
      'frame-length': 0,
      'frame-value': 0,
    },
    forConnection: 0,
    forEnded: 0,
    unknownConnection: 0,
    strangersLimited: 0,
    opensTaken: 0,
    opensRepeated: 0,
    opensMalformed: 0,
    opensRefused: 0,
    opensRetried: 0,
    opensDropped: 0,
    goneHeard: 0,
  };
}

/** The counters as one table, for display. */
export function flatStreamCounters({ malformed, ...counters }: StreamEndpointCounters): Record<string, number> {
  return { ...counters, ...Object.fromEntries(Object.entries(malformed).map(([fault, count]) => [`malformed:${fault}`, count])) };
}
