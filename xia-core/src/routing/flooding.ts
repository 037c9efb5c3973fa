import { TimerQueue, type Counters, type Gauge } from '../bytes/index.js';
import { MAX_HAVE, RoutingKind, encodeHave, encodeRoutingStatement, type HaveEntry } from '../wire/routing-messages.js';
import { isHostFragment } from '../wire/routing-statements.js';
import type { Xid } from '../xid/index.js';
import type { RoutingCounter } from './counter-names.js';
import { announcementKey, type Announcement, type Database } from './database.js';
import type { Limits } from './settings.js';

/** Announcements on their way to one neighbour at a time, so that a whole database does not overrun its socket. */
const WINDOW = 64;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;
const MAX_TRIES = 8;
/** How long an acknowledgement waits for others to go with. */
const HAVE_DELAY_MS = 5;
/** How long a new neighbour has to say what it has, before it is told what it seems to lack. */
const EXCHANGE_DELAY_MS = 20;

/** A neighbouring router, by whichever links it is reached. */
interface Peer {
  readonly hid: Xid;
  /** Of our AD: it is told about hosts. */
  readonly isInside: boolean;
  /** Keys of announcements that it is to get, and those sent and not acknowledged with the time of the next try. */
  readonly waiting: Set<string>;
  readonly flying: TimerQueue<string>;
  readonly tries: Map<string, number>;
  readonly have: HaveEntry[];
  haveMs: number;
  startMs: number;
}

export interface FloodingOptions {
  readonly database: Database;
  readonly counters: Counters<RoutingCounter>;
  readonly limits: Limits;
  /** By the best link to a router that is up. */
  readonly send: (router: Xid, payload: Uint8Array) => void;
}

/**
 * Hands announcements on to each neighbour until it says that it has them. A HAVE is both an acknowledgement and, when two
 * routers become neighbours, the summary that spares them what both know.
 */
export class Flooding {
  readonly #options: FloodingOptions;
  readonly #peers = new Map<string, Peer>();
  #highWater = 0;
  #refused = 0;

  constructor(options: FloodingOptions) {
    this.#options = options;
  }

  /** A router became a neighbour: it is told what we have, and soon what it lacks. */
  start(hid: Xid, isInside: boolean, now: number): void {
    const peer: Peer = {
      hid,
      isInside,
      waiting: new Set(),
      flying: new TimerQueue(),
      tries: new Map(),
      have: [],
      haveMs: Infinity,
      startMs: now + EXCHANGE_DELAY_MS,
    };
    this.#peers.set(hid.key, peer);
    for (const announcement of this.#options.database.all()) {
      if (!wants(peer, announcement)) continue;
      this.#enqueue(peer, announcement.key);
      this.#acknowledge(peer, announcement, now);
    }
    this.#sendHave(peer);
  }

  stop(hid: Xid): void {
    this.#peers.delete(hid.key);
  }

  /** Something new, for all neighbours but the one that it came from, and the one that it is about. */
  flood(announcement: Announcement, from: Xid | undefined, now: number): void {
    for (const peer of this.#peers.values()) {
      if (from?.equals(peer.hid) === true) this.#forget(peer, announcement.key);
      else if (!announcement.router.equals(peer.hid) && wants(peer, announcement)) this.#renew(peer, announcement.key, now);
    }
  }

  /** A neighbour that showed us something old is told what is newer. */
  correct(hid: Xid, announcement: Announcement, now: number): void {
    const peer = this.#peers.get(hid.key);
    if (peer === undefined || !wants(peer, announcement)) return;
    if (!peer.tries.has(announcement.key)) this.#renew(peer, announcement.key, now);
  }

  /** Tells a neighbour soon that we have what it sent. */
  acknowledge(hid: Xid, entry: HaveEntry, now: number): void {
    const peer = this.#peers.get(hid.key);
    if (peer === undefined) return;
    this.#acknowledge(peer, entry, now);
    if (peer.have.length >= MAX_HAVE) this.#sendHave(peer);
  }

  /** A neighbour says what it has: that need not be sent, and what is older must be. */
  heardHave(hid: Xid, entry: HaveEntry, now: number): void {
    const peer = this.#peers.get(hid.key);
    const announcement = this.#options.database.get(announcementKey(entry.router, entry.fragment));
    if (peer === undefined || announcement === undefined) return;
    if (entry.sequence >= announcement.sequence) this.#forget(peer, announcement.key);
    else this.correct(hid, announcement, now);
  }

  /** After the HAVEs of one message: what they made room for leaves. */
  resume(hid: Xid, now: number): void {
    const peer = this.#peers.get(hid.key);
    if (peer !== undefined) this.#pump(peer, now);
  }

  nextMs(): number {
    let next = Infinity;
    for (const peer of this.#peers.values()) {
      next = Math.min(next, peer.haveMs, peer.flying.next());
      if (peer.waiting.size > 0 && peer.flying.size < WINDOW) next = Math.min(next, peer.startMs);
    }
    return next;
  }

  handleTimeout(now: number): void {
    for (const peer of this.#peers.values()) {
      if (peer.haveMs <= now) this.#sendHave(peer);
      for (let key = peer.flying.popDue(now); key !== undefined; key = peer.flying.popDue(now)) this.#again(peer, key);
      this.#pump(peer, now);
    }
  }

  gauge(): Gauge {
    let used = 0;
    for (const { tries } of this.#peers.values()) used = Math.max(used, tries.size);
    const bound = this.#options.limits.maxPendingPerNeighbour;
    return {
      name: 'routing announcements for one neighbour',
      unit: 'entries',
      used,
      highWater: this.#highWater,
      bound,
      refused: this.#refused,
    };
  }

  #renew(peer: Peer, key: string, now: number): void {
    this.#forget(peer, key);
    this.#enqueue(peer, key);
    this.#pump(peer, now);
  }

  #enqueue(peer: Peer, key: string): void {
    if (peer.tries.size >= this.#options.limits.maxPendingPerNeighbour) {
      this.#options.counters.count('announcement:too-many-pending');
      this.#refused += 1;
      return;
    }
    peer.waiting.add(key);
    peer.tries.set(key, 0);
    this.#highWater = Math.max(this.#highWater, peer.tries.size);
  }

  #forget(peer: Peer, key: string): void {
    peer.waiting.delete(key);
    peer.flying.cancel(key);
    peer.tries.delete(key);
  }

  #again(peer: Peer, key: string): void {
    if (peer.tries.get(key)! < MAX_TRIES) {
      peer.waiting.add(key);
      return;
    }
    this.#options.counters.count('announcement:unanswered');
    peer.tries.delete(key);
  }

  #pump(peer: Peer, now: number): void {
    if (now < peer.startMs) return;
    const { database, counters, send } = this.#options;
    for (const key of peer.waiting) {
      if (peer.flying.size >= WINDOW) return;
      peer.waiting.delete(key);
      const announcement = database.get(key);
      if (announcement === undefined) {
        peer.tries.delete(key);
        continue;
      }
      const tries = peer.tries.get(key) ?? 0;
      counters.count(tries === 0 ? 'announcement:sent' : 'announcement:retransmitted');
      peer.tries.set(key, tries + 1);
      peer.flying.set(key, now + Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** tries));
      send(peer.hid, encodeRoutingStatement(RoutingKind.LINK_STATE, announcement.bytes));
    }
  }

  #acknowledge(peer: Peer, { router, fragment, sequence }: HaveEntry, now: number): void {
    peer.have.push({ router, fragment, sequence });
    peer.haveMs = Math.min(peer.haveMs, now + HAVE_DELAY_MS);
  }

  #sendHave(peer: Peer): void {
    peer.haveMs = Infinity;
    while (peer.have.length > 0) {
      this.#options.counters.count('have:sent');
      this.#options.send(peer.hid, encodeHave(peer.have.splice(0, MAX_HAVE)));
    }
  }
}

/** Hosts are the business of their AD. */
function wants(peer: Peer, { fragment }: Announcement): boolean {
  return peer.isInside || !isHostFragment(fragment);
}
