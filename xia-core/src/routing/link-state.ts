import { Counters, NeighbourLimiter, copyBytes, type Gauge } from '../bytes/index.js';
import { RoutingKind, decodeRoutingMessage, type HaveEntry } from '../wire/routing-messages.js';
import { isHostFragment, linkStateSchema, type LinkState } from '../wire/routing-statements.js';
import { StatementKind, readStatement } from '../wire/statement.js';
import type { Xid } from '../xid/index.js';
import { Adjacency } from './adjacency.js';
import type { RoutingCounter } from './counter-names.js';
import { Database, announcementKey, type Announcement } from './database.js';
import { Flooding } from './flooding.js';
import { HostTable } from './host-table.js';
import type { Neighbour } from './neighbour-table.js';
import type { AnnouncementView, LinkStateOptions, RoutingNeighbour } from './options.js';
import { Originator } from './originator.js';
import { RouteComputer } from './route-computer.js';
import { completeLimits, completeTimers, type Limits, type Timers } from './settings.js';
import { speakerFault } from './speaker.js';

/** Clocks of honest routers are this far apart at most. */
const SKEW_MS = 30_000;
/** How far in the future an announcement may seem to be made: replays come from the past only. */
const MAX_LAG_MS = 86_400_000;
/** Messages that may come at once, in seconds of the rate. */
const BURST_SECONDS = 1;

/**
 * The link-state routing of one router: it greets its neighbours, tells all routers which of them it reaches, and finds the
 * cheapest ways over what all of them tell. See docs/routing.md.
 *
 * Inputs are `handleMessage`, `setHost`, `removeHost`, `faceRemoved` and `handleTimeout`; after any of them ask
 * `nextTimeout`. It starts with the first `handleTimeout`, which is due at once.
 */
export class LinkStateRouting {
  readonly counters = new Counters<RoutingCounter>();
  readonly #options: LinkStateOptions;
  readonly #timers: Timers;
  readonly #limits: Limits;
  readonly #adjacency: Adjacency;
  readonly #database: Database;
  readonly #originator: Originator;
  readonly #flooding: Flooding;
  readonly #hosts = new HostTable();
  readonly #routes: RouteComputer;
  readonly #limiter: NeighbourLimiter;
  #instance: number | undefined;
  #wallMinusNowMs = 0;
  #lastInputMs = -Infinity;

  constructor(options: LinkStateOptions) {
    this.#options = options;
    this.#timers = completeTimers(options.timers);
    this.#limits = completeLimits(options.limits);
    const { ad, hid, identity, certificate, rng, onEvent, onRoutes } = options;
    this.#database = new Database(ad, this.#limits);
    const [database, counters, hosts] = [this.#database, this.counters, this.#hosts];
    this.#flooding = new Flooding({ database, counters, limits: this.#limits, send: (router, payload) => this.#sendTo(router, payload) });
    this.#originator = new Originator({
      ad,
      hid,
      identity,
      certificate,
      rng,
      timers: this.#timers,
      publish: (announcement, now) => this.#publish(announcement, now),
      onAlarm: (sequence) => onEvent({ kind: 'alarm', reason: 'own-sequence-ahead', sequence }),
    });
    this.#routes = new RouteComputer({
      ad,
      hid,
      database,
      hosts,
      counters,
      firstHops: () => this.#adjacency.firstHops,
      ownHost: (key) => this.#originator.hosts.get(key),
      onElsewhere: (host, sequence, router) => {
        counters.count('host:elsewhere');
        onEvent({ kind: 'host-elsewhere', hid: host, sequence, router });
      },
      onRoutes,
    });
    this.#adjacency = new Adjacency({
      ...options,
      timers: this.#timers,
      limits: this.#limits,
      counters,
      links: this.#originator.links,
      onLinks: (now) => this.#routes.topologyChanged(now),
      onUp: (neighbour, isFirst, now) => this.#onUp(neighbour, isFirst, now),
      onDown: (neighbour, isLast, now) => this.#onDown(neighbour, isLast, now),
    });
    const { messagesPerSecond, maxNeighbours } = this.#limits;
    // Strangers have buckets too; twice the neighbours keep those from being forgotten.
    this.#limiter = new NeighbourLimiter({
      ratePerSecond: messagesPerSecond,
      burst: messagesPerSecond * BURST_SECONDS,
      maxNeighbours: 2 * maxNeighbours,
    });
  }

  /** A datagram to SID_ROUTING. `wallNow` is milliseconds since 1970. */
  handleMessage(face: number, neighbour: number, payload: Uint8Array, now: number, wallNow: number): void {
    this.#noteTime(now, wallNow);
    if (!this.#limiter.take(face, neighbour, now)) return this.counters.count('message:rate-limited');
    const decoded = decodeRoutingMessage(payload);
    if (!decoded.ok) return this.counters.count(`message:${decoded.reason}`);
    const { message } = decoded;
    if (message.kind === RoutingKind.HELLO) {
      this.#adjacency.handleHello(face, neighbour, message.statement, now, wallNow);
    } else {
      const from = this.#adjacency.upAt(face, neighbour);
      if (from === undefined) return this.counters.count('message:not-neighbour');
      if (message.kind === RoutingKind.HAVE) this.#onHave(from.hid, message.have, now);
      else this.#onAnnouncement(from.hid, message.statement, now, wallNow);
    }
    this.#originator.run(now, wallNow);
  }

  /** A HID is reachable through this router (bound here, or patched on from here): told to the routers of our AD. */
  setHost(hid: Xid, sequence: number, now: number): void {
    const { hosts } = this.#originator;
    const isNew = hosts.get(hid.key) === undefined;
    if ((isNew && hosts.size >= this.#limits.maxHosts) || !hosts.set(hid, sequence)) return this.counters.count('host:too-many');
    this.#hostChanged(hid, now);
  }

  removeHost(hid: Xid, now: number): void {
    this.#originator.hosts.delete(hid.key);
    this.#hostChanged(hid, now);
  }

  /** A face, or only one neighbour of it, is gone. */
  faceRemoved(face: number, now: number, neighbour?: number): void {
    this.#adjacency.faceRemoved(face, now, neighbour);
    if (this.#instance !== undefined) this.#originator.run(now, now + this.#wallMinusNowMs);
  }

  /**
   * A face, or all of them, is about to be closed. The neighbours there are told that nothing of theirs is heard any more, so that
   * they need not wait for our silence.
   */
  takeLeave(face?: number): void {
    if (this.#instance !== undefined) this.#adjacency.takeLeave(face, this.#instance);
  }

  nextTimeout(): number {
    if (this.#instance === undefined) return 0;
    return Math.min(
      this.#adjacency.nextMs(),
      this.#originator.nextMs(),
      this.#flooding.nextMs(),
      this.#routes.nextMs(),
      this.#database.nextMs(),
    );
  }

  handleTimeout(now: number, wallNow: number): void {
    const instance = this.#noteTime(now, wallNow);
    this.#adjacency.handleTimeout(instance, now);
    this.#ageOut(now);
    this.#originator.run(now, wallNow);
    this.#flooding.handleTimeout(now);
    this.#routes.handleTimeout(now);
  }

  neighbours(_now: number): Iterable<RoutingNeighbour> {
    return this.#adjacency.neighbours();
  }

  /** The announcements that this router knows, its own among them. */
  *lsdb(now: number): Iterable<AnnouncementView> {
    for (const { router, ad, fragment, sequence, heardMs, links, hosts } of this.#database.all()) {
      const ends = links.map(([hid, cost]) => ({ hid, cost }));
      yield { router, ad, fragment, sequence, ageMs: now - heardMs, links: ends, hosts: hosts.length };
    }
  }

  gauges(): Gauge[] {
    return [this.#adjacency.gauge(), ...this.#database.gauges(), this.#flooding.gauge(), this.#limiter.gauge('routing budgets')];
  }

  /**
   * When nothing came in for long after something was due, it was us who slept: hellos wait in the socket's buffer.
   * Returns our instance, which is when we began.
   */
  #noteTime(now: number, wallNow: number): number {
    this.#wallMinusNowMs = wallNow - now;
    this.#instance ??= Math.max(0, Math.floor(wallNow));
    if (this.#lastInputMs !== -Infinity && now - this.#lastInputMs > this.#timers.helloMs) {
      const lateMs = now - Math.max(this.#lastInputMs, this.nextTimeout());
      if (lateMs > this.#timers.helloMs) this.#adjacency.forgive(lateMs);
    }
    this.#lastInputMs = now;
    return this.#instance;
  }

  #onUp({ hid, ad, hop }: Neighbour, isFirst: boolean, now: number): void {
    if (isFirst) this.#flooding.start(hid, ad.equals(this.#options.ad), now);
    this.#options.onEvent({ kind: 'neighbour-up', hid, ad, hop });
  }

  #onDown({ hid, ad, hop }: Neighbour, isLast: boolean, now: number): void {
    // What was sent there is lost: this does not wait for the pause between computations.
    this.#routes.computeNow(now);
    if (isLast) this.#flooding.stop(hid);
    this.#options.onEvent({ kind: 'neighbour-down', hid, ad, hop });
  }

  #sendTo(router: Xid, payload: Uint8Array): void {
    const hop = this.#adjacency.firstHops.find((candidate) => candidate.router === router.key)?.hop;
    if (hop !== undefined) this.#options.sink.sendLink(hop.face, hop.neighbour, payload);
  }

  #onHave(from: Xid, entries: readonly HaveEntry[], now: number): void {
    this.counters.count('have:accepted');
    for (const entry of entries) this.#flooding.heardHave(from, entry, now);
    this.#flooding.resume(from, now);
  }

  #onAnnouncement(from: Xid, statement: Uint8Array, now: number, wallNow: number): void {
    const read = readStatement(statement, StatementKind.LINK_STATE, linkStateSchema);
    if (!read.ok) return this.counters.count(`announcement:${read.reason}`);
    const said = read.value;
    if (said.router.equals(this.#options.hid)) return this.#onOwn(from, said, statement, now, wallNow);
    if (isHostFragment(said.fragment) && !said.ad.equals(this.#options.ad)) return this.counters.count('announcement:foreign-hosts');
    const key = announcementKey(said.router, said.fragment);
    const stored = this.#database.get(key);
    if (stored !== undefined && stored.sequence >= said.sequence) return this.#onKnown(from, stored, said, now);
    const leftMs = said.issuedMs + said.lifetimeMs + SKEW_MS - wallNow;
    if (leftMs <= 0) return this.counters.count('announcement:expired');
    if (said.issuedMs > wallNow + MAX_LAG_MS) return this.counters.count('announcement:future');
    const fault = speakerFault(this.#options, statement, StatementKind.LINK_STATE, said, wallNow);
    if (fault !== undefined) return this.counters.count(`announcement:${fault}`);
    this.#flooding.acknowledge(from, said, now);
    const { ad, router, fragment, sequence, links, hosts } = said;
    const announcement = {
      key,
      ad,
      router,
      fragment,
      sequence,
      links,
      hosts,
      bytes: copyBytes(statement),
      heardMs: now,
      expiresMs: now + Math.min(said.lifetimeMs, leftMs),
    };
    if (!this.#makeRoom(announcement)) return this.counters.count('announcement:table-full');
    this.counters.count('announcement:accepted');
    this.#store(announcement, from, now);
  }

  #onKnown(from: Xid, stored: Announcement, said: LinkState, now: number): void {
    const isOld = stored.sequence > said.sequence;
    this.counters.count(isOld ? 'announcement:old' : 'announcement:known');
    if (isOld) return this.#flooding.correct(from, stored, now);
    // It has what we have: that is as good as its HAVE.
    this.#flooding.heardHave(from, said, now);
    this.#flooding.acknowledge(from, said, now);
  }

  /** Somebody tells us what we said: an echo, or what an earlier life of this router said, or a node with our key. */
  #onOwn(from: Xid, said: LinkState, statement: Uint8Array, now: number, wallNow: number): void {
    const { fragment, sequence } = said;
    const stored = this.#database.get(announcementKey(said.router, fragment));
    const age = this.#originator.compare(fragment, sequence, statement);
    if (age !== 'ahead') {
      this.counters.count('announcement:own');
      if (age === 'older' && stored !== undefined) return this.#flooding.correct(from, stored, now);
      return this.#flooding.acknowledge(from, said, now);
    }
    const fault = speakerFault(this.#options, statement, StatementKind.LINK_STATE, said, wallNow);
    if (fault !== undefined) return this.counters.count(`announcement:${fault}`);
    this.counters.count('announcement:own-ahead');
    this.#flooding.acknowledge(from, said, now);
    this.#originator.jumpPast(fragment, sequence, now);
  }

  /** Whether there is room, if need be in the place of a router that nobody can reach. */
  #makeRoom(announcement: Announcement): boolean {
    if (this.#database.hasRoom(announcement)) return true;
    const isInside = announcement.ad.equals(this.#options.ad);
    for (const [key, { hid, ad, fragments }] of this.#database.routers) {
      if (ad.equals(this.#options.ad) !== isInside || this.#routes.isReachable(key)) continue;
      if (hid.equals(this.#options.hid) || hid.equals(announcement.router)) continue;
      this.counters.count('announcement:evicted');
      for (const old of fragments.values()) this.#discard(old);
      return this.#database.hasRoom(announcement);
    }
    return false;
  }

  #publish(announcement: Announcement, now: number): void {
    this.counters.count('announcement:made');
    this.#database.put(announcement);
    this.#flooding.flood(announcement, undefined, now);
  }

  #store(announcement: Announcement, from: Xid, now: number): void {
    const replaced = this.#database.put(announcement);
    this.#flooding.flood(announcement, from, now);
    if (isHostFragment(announcement.fragment)) this.#routes.hostsChanged(this.#hosts.replace(replaced, announcement));
    else if (replaced === undefined || !sameLinks(replaced, announcement)) this.#routes.topologyChanged(now);
  }

  #ageOut(now: number): void {
    let isTopology = false;
    for (const old of this.#database.expired(now)) {
      this.counters.count('announcement:aged-out');
      this.#discard(old);
      isTopology ||= !isHostFragment(old.fragment) && !old.router.equals(this.#options.hid);
    }
    if (isTopology) this.#routes.topologyChanged(now);
  }

  #discard(old: Announcement): void {
    this.#database.remove(old);
    if (!old.router.equals(this.#options.hid)) this.#routes.hostsChanged(this.#hosts.replace(old, undefined));
  }

  #hostChanged(hid: Xid, now: number): void {
    this.#routes.hostsChanged([hid.key]);
    if (this.#instance !== undefined) this.#originator.run(now, now + this.#wallMinusNowMs);
  }
}

function sameLinks(a: Announcement, b: Announcement): boolean {
  if (a.links.length !== b.links.length || !a.ad.equals(b.ad)) return false;
  return a.links.every(([hid, cost], index) => hid.equals(b.links[index]![0]) && cost === b.links[index]![1]);
}
