/** What is to be done with a packet. The zero value discards it. */
export const Disposition = {
  /** Nothing: the packet is malformed, or must go no further. Send no answer. */
  DROP: 0,
  /** Send it on `outFace` to `outNeighbour`. */
  FORWARD: 1,
  /** It has arrived: hand it to what `view.last` names. */
  DELIVER: 2,
  /** Send it on every face. Only at its origin. */
  BROADCAST: 3,
  /** Every edge was tried. Its sender may be told. */
  UNREACHABLE: 4,
  /** It has used up its hops. Its sender may be told. */
  TIME_EXCEEDED: 5,
} as const;
export type Disposition = (typeof Disposition)[keyof typeof Disposition];

/** Why a packet got no further, by the number that the engine's `reason` has. */
export const forwardReasons = ['none', 'no-route', 'hop-limit', 'cycle', 'two-sinks', 'no-source-edge', 'broadcast-not-ours'] as const;
export type ForwardReason = (typeof forwardReasons)[number];

/** Numbers of the reasons. */
export const Reason = {
  NONE: 0,
  /** No edge that may be tried has an entry, of any type known here. */
  NO_ROUTE: 1,
  HOP_LIMIT: 2,
  CYCLE: 3,
  TWO_SINKS: 4,
  NO_SOURCE_EDGE: 5,
  /** Heard as a broadcast, and nothing behind the broadcast identifier is here. Broadcasts stay on their link. */
  BROADCAST_NOT_OURS: 6,
} as const;
export type Reason = (typeof Reason)[keyof typeof Reason];
