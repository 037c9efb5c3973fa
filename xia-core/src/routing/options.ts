import type { RandomSource } from '../bytes/index.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';

/** A face and a neighbour on it, where packets of a route go. */
export interface RoutingHop {
  readonly face: number;
  readonly neighbour: number;
}

/** A face to other routers, and what a packet that leaves by it costs: a whole number from 1 to 65,535. */
export interface RoutingFace {
  readonly face: number;
  readonly cost: number;
}

/** Milliseconds. Routers with different timers get on with each other: hellos and announcements say how long they are good for. */
export interface RoutingTimers {
  /** How often a router greets its neighbours, give or take 10 %. Default 150. */
  readonly helloMs?: number | undefined;
  /** Silence after which others are to give this router up; its hellos say so, and only hellos are a sign of life. Default 600. */
  readonly deadMs?: number | undefined;
  /** Own announcements are made anew this often. Default 20,000. */
  readonly refreshMs?: number | undefined;
  /** An announcement that is not made anew for this long is forgotten by everybody. Default 60,000. */
  readonly maxAgeMs?: number | undefined;
}

/** What bounds the memory and the work that other routers may cause. */
export interface RoutingLimits {
  /** Default 16, which is also the most. */
  readonly maxNeighboursPerFace?: number | undefined;
  /** On all faces. Default 256. */
  readonly maxNeighbours?: number | undefined;
  /** Routers of our own AD in the database. Default 1024. */
  readonly maxOwnRouters?: number | undefined;
  /** Routers of other ADs in the database. Default 1024. */
  readonly maxForeignRouters?: number | undefined;
  /** Announcements of our own AD with hosts in them, at most 20 hosts each. Default 4096. */
  readonly maxHostFragments?: number | undefined;
  /** Hosts of this router, and hosts that others announce. Default 65,536. */
  readonly maxHosts?: number | undefined;
  /** Announcements that wait for one neighbour's acknowledgement. Default 8192. */
  readonly maxPendingPerNeighbour?: number | undefined;
  /** Messages taken from one neighbour in a second, before any signature is looked at. Default 2000. */
  readonly messagesPerSecond?: number | undefined;
}

/** A best way that has changed: how to get to `xid` now, or `hop` undefined when there is none any more. */
export interface RouteChange {
  readonly xid: Xid;
  readonly hop: RoutingHop | undefined;
  readonly cost: number;
  /** Of a host: the sequence of the binding with which it came to the router that announces it. */
  readonly sequence?: number | undefined;
}

export type RoutingEvent =
  | { readonly kind: 'neighbour-up' | 'neighbour-down'; readonly hid: Xid; readonly ad: Xid; readonly hop: RoutingHop }
  /** Another router of our AD has `hid` with a higher sequence: it has moved there. */
  | { readonly kind: 'host-elsewhere'; readonly hid: Xid; readonly sequence: number; readonly router: Xid }
  /** Something that a person should look at: another node announces links in our name, so it has our key. */
  | { readonly kind: 'alarm'; readonly reason: 'own-sequence-ahead'; readonly sequence: number };

export interface LinkStateOptions {
  readonly ad: Xid;
  readonly hid: Xid;
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  /** The AD's certificate for this router's key, as a statement; it is renewed now and then. */
  readonly certificate: () => Uint8Array;
  /** The faces to other routers, as they are now. */
  readonly faces: () => Iterable<RoutingFace>;
  /** Sends a datagram to `RE BHID SID_ROUTING` on one link; neighbour 0 stands for all of them. */
  readonly sink: { sendLink(face: number, neighbour: number, payload: Uint8Array): void };
  /** Who an AD's certificate speaks of, when it is good now. Should remember what it verified. */
  readonly certified: (certificate: Uint8Array, wallNow: number) => { readonly ad: Xid; readonly hid: Xid } | undefined;
  /** What changed of the best ways to other ADs, to routers of our AD, and to hosts bound at other routers of our AD. */
  readonly onRoutes: (changes: readonly RouteChange[]) => void;
  readonly onEvent: (event: RoutingEvent) => void;
  readonly timers?: RoutingTimers | undefined;
  readonly limits?: RoutingLimits | undefined;
}

/** A router on the other end of a link. It is `up` once it has heard us as well. */
export interface RoutingNeighbour {
  readonly hid: Xid;
  readonly ad: Xid;
  readonly hop: RoutingHop;
  readonly state: 'heard' | 'up';
  readonly cost: number;
  /** When it was heard last, in the time of `now`. */
  readonly lastHeardMs: number;
}

/** One announcement of the database, as people see it. */
export interface AnnouncementView {
  readonly router: Xid;
  readonly ad: Xid;
  readonly fragment: number;
  readonly sequence: number;
  readonly ageMs: number;
  readonly links: readonly { readonly hid: Xid; readonly cost: number }[];
  /** How many hosts it has. */
  readonly hosts: number;
}
