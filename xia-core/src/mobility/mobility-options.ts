import type { RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import type { BeaconOptions } from './beacon-sender.js';
import type { MobilityEvent } from './events.js';
import type { HidRoutes, Hop, LinkFaces, LinkSink } from './links.js';

/** Limits of what a node does for others; every default suits a router with some thousand guests. */
export interface MobilityLimits {
  /** HIDs remembered at most (about 2 KB each). Default 4096. */
  readonly maxBindings?: number | undefined;
  /** More moves than this in `moveWindowMs` freeze a HID for `freezeMs`. Defaults 5, 180 s, 60 s. */
  readonly maxMoves?: number | undefined;
  readonly moveWindowMs?: number | undefined;
  readonly freezeMs?: number | undefined;
  /** Messages that one neighbour may have looked at. Default 1000 per second. */
  readonly messagesPerSecond?: number | undefined;
  /** Bindings of one HID. Default 20 per second. */
  readonly bindingsPerSecond?: number | undefined;
  /** The longest lifetime that a router grants. Default 120 s. */
  readonly maxGrantMs?: number | undefined;
  /** Tolerated difference of clocks. Default 30 s. */
  readonly skewMs?: number | undefined;
}

/** A router owns an AD and sends its beacons. */
export interface RouterRole {
  readonly kind: 'router';
  readonly ad: Xid;
  /** Statement bytes: the AD's certificate for this router's key. */
  readonly certificate: Uint8Array;
  readonly beacon: BeaconOptions;
}

/** A host attaches to a router or another host and lets guests attach to itself. */
export interface HostRole {
  readonly kind: 'host';
  /** The least MTU of the access faces, in bytes. */
  readonly mtu: number;
  readonly attach?: AttachOptions;
}

/** An application (or a guest) attaches, and nobody attaches to it. */
export interface ApplicationRole {
  readonly kind: 'application';
  readonly attach?: AttachOptions;
}

/** A router that owns no access faces: it only carries patches on. */
export interface TransitRole {
  readonly kind: 'transit';
}

export interface AttachOptions {
  /** ADs that may be attached to; undefined: all. */
  readonly trustedAds?: readonly Xid[] | undefined;
  /** Lifetime of a binding. Default 30 s. */
  readonly lifetimeMs?: number | undefined;
  /** A timer this late means that the node was stopped. Default 150 ms. */
  readonly clockJumpMs?: number | undefined;
}

/** What can be changed while a node runs. A key that is left out stays as it is. */
export interface MobilitySettings {
  /** Routers: what the beacons tell. */
  readonly beacon?: Partial<BeaconOptions>;
  /** Routers: another certificate of the same AD for the same key, as statement bytes. */
  readonly certificate?: Uint8Array;
  /** Hosts: the least MTU of the uplink faces, in bytes. */
  readonly relayMtu?: number;
  readonly moves?: { readonly limit: number; readonly windowMs: number };
  /** Whether packets for a machine that stands still are held. */
  readonly holds?: boolean;
}

export interface MobilityOptions {
  readonly role: RouterRole | HostRole | ApplicationRole | TransitRole;
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  readonly faces: LinkFaces;
  readonly sink: LinkSink;
  readonly routes: HidRoutes;
  /** The way to an AD; undefined for this node's own AD and for unknown ones. */
  readonly adRoute: (ad: Xid) => Hop | undefined;
  /** The way to another router of this node's AD that says it has a HID; undefined when none does. */
  readonly hidRoute?: (hid: Xid) => Hop | undefined;
  /** Sends a datagram to SID_BOOTSTRAP of a node somewhere. */
  readonly send: (destination: Dag, payload: Uint8Array) => void;
  /** See `IdIndex`. Default 0. */
  readonly salt?: number;
  readonly onEvent: (event: MobilityEvent) => void;
  readonly limits?: MobilityLimits;
}
