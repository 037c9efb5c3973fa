import type { CongestionName } from '../congestion/index.js';
import type { CacheSettings, FetchLimits } from '../content/index.js';
import type { Dag } from '../dag/index.js';
import type { NodeIdentity } from '../io/index.js';
import type { MobilityLimits } from '../mobility/index.js';
import type { StreamLimits } from '../transport/index.js';
import type { IdHash, Xid } from '../xid/index.js';
import type { FaceConfig } from './face-config.js';

/** How long packets of one machine that stands still wait, and how many bytes of them. */
export interface HoldingOptions {
  readonly enabled?: boolean | undefined;
  readonly ageMs?: number | undefined;
  readonly bytes?: number | undefined;
}

/** What a node needs of a logger; pino's fits. */
export interface NodeLogger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface XiaNodeOptions {
  /** The key that the node's HID is the hash of; a fresh one by default. */
  readonly identity?: NodeIdentity;
  readonly faces: readonly FaceConfig[];
  /**
   * `application` (the default) attaches by its uplink faces, `host` lets others attach to its access faces as well, `router`
   * owns an AD.
   */
  readonly role?: 'application' | 'host' | 'router';
  /** Routers only. The certificate (statement bytes) names the AD and this node's HID. */
  readonly router?: {
    readonly certificate: Uint8Array;
    readonly beacon?: { readonly intervalMs?: number | undefined; readonly lifetimeMs?: number | undefined };
  };
  /** ADs that may be attached to; all by default. */
  readonly trustedAds?: readonly Xid[];
  /** Routers tell it in their beacons; others use it in place of what beacons say. */
  readonly nameServer?: Dag;
  /** Codes of further principal types to route by. A node of another type in an address is passed over, to its fallback. */
  readonly principals?: readonly number[];
  /** Static routes, by the name of the face; on an Ethernet face to the neighbour with the HID `nextHop`, else to all. */
  readonly routes?: readonly { readonly to: Xid; readonly via: string; readonly nextHop?: Xid | undefined }[];
  /** Routers: link-state routing on the peer faces, on unless `enabled` is false. Silence of `deadMs` ends a neighbour. */
  readonly routing?: {
    readonly enabled?: boolean | undefined;
    readonly helloMs?: number | undefined;
    readonly deadMs?: number | undefined;
  };
  /** What CIDs are made by: `sha256` by default, `sha1` only for a network of the C++ prototype. Ours and theirs do not mix. */
  readonly contentHash?: IdHash;
  /** On-path chunk cache; `bytes` 0 (the default) switches it off. */
  readonly cache?: CacheSettings;
  /** A HID that moves more than `limit` times within `windowMs` is frozen for a while. Defaults 5 and 180,000. */
  readonly moves?: { readonly limit?: number | undefined; readonly windowMs?: number | undefined };
  /** Packets of machines that stand still wait: on, 2000 ms and 1 MiB for each unless said otherwise. */
  readonly holding?: HoldingOptions;
  readonly bindingLifetimeMs?: number;
  readonly streamLimits?: Partial<StreamLimits>;
  readonly fetchLimits?: FetchLimits;
  /** The congestion controller of streams and of fetches, unless `fetchLimits` names another. */
  readonly congestion?: CongestionName | undefined;
  readonly mobilityLimits?: MobilityLimits;
  readonly logger?: NodeLogger;
  /** Closes the node when aborted. */
  readonly signal?: AbortSignal;
  /** How long `start` waits for a router to accept the node; 10,000 by default, 0 does not wait at all. */
  readonly attachTimeoutMs?: number;
}
