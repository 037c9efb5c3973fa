import type { RandomSource } from '../bytes/index.js';
import type { CongestionName } from '../congestion/index.js';
import type { CacheSettings, FetchEvent, FetchLimits } from '../content/index.js';
import type { Dag } from '../dag/index.js';
import type { MobilityEvent, MobilityLimits, NameEvent } from '../mobility/index.js';
import type { RoutingEvent, RoutingTimers } from '../routing/index.js';
import type { DatagramSocketHandle, StreamEvent, StreamLimits } from '../transport/index.js';
import type { CryptoSuite, Identity } from '../xid/index.js';
import type { FaceSpec } from './face-table.js';
import type { HoldLimits } from './hold-buffer.js';
import type { Transmit, TransmitRun } from './path-options.js';
import type { RoleOptions } from './role.js';

/** What a node tells its owner. */
export type StackEvent =
  | { readonly layer: 'mobility'; readonly event: MobilityEvent }
  | { readonly layer: 'stream'; readonly event: StreamEvent }
  | { readonly layer: 'datagram'; readonly socket: DatagramSocketHandle }
  | { readonly layer: 'fetch'; readonly event: FetchEvent }
  | { readonly layer: 'name'; readonly event: NameEvent }
  | { readonly layer: 'routing'; readonly event: RoutingEvent };

export interface NodeStackOptions {
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  /** Makes the id of a chunk; `crypto.hash` by default, another one only to talk to the C++ prototype. */
  readonly contentHash?: CryptoSuite['hash'];
  readonly faces: readonly FaceSpec[];
  readonly role: RoleOptions;
  /** A router with peer faces speaks link-state routing on them, unless this is false. `cost`: of a peer face, by default 10. */
  readonly routing?: false | (RoutingTimers & { readonly cost?: (face: string) => number | undefined });
  /** Codes of further principal types to route by. A node of another type in an address is passed over, to its fallback. */
  readonly principals?: readonly number[];
  /** On-path chunk cache; off by default. */
  readonly cache?: CacheSettings | undefined;
  readonly transmit: Transmit;
  /** Whether a neighbour of an uplink was its peer and is not any more: it is not attached to, whatever it says. */
  readonly isFormer?: (face: number, neighbour: number) => boolean;
  /** Output for packets that came in together and leave together; they are transmitted singly without it. */
  readonly transmitRun?: TransmitRun;
  readonly onEvent: (event: StackEvent) => void;
  /** Used in place of the name server that beacons tell of. */
  readonly nameServer?: Dag | undefined;
  /** Packets of machines that stand still are held; false switches it off. */
  readonly holding?: HoldLimits | false | undefined;
  readonly mobilityLimits?: MobilityLimits;
  /** The congestion controller of connections and of fetches, unless `fetchLimits` names another; the default one by default. */
  readonly congestion?: CongestionName | undefined;
  readonly streamLimits?: Partial<StreamLimits>;
  readonly fetchLimits?: FetchLimits;
}
