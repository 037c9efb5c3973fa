import { Counters, KeyedRateLimiter, copyBytes, type Gauge } from '../bytes/index.js';
import { RoutingKind, decodeRoutingMessage, encodeRoutingStatement, type HaveEntry } from '../wire/routing-messages.js';
import {
  CHALLENGE_BYTES,
  MAX_LINK_COST,
  helloSchema,
  isHostFragment,
  linkStateSchema,
  sealHello,
  type Hello,
  type LinkState,
} from '../wire/routing-statements.js';
import { StatementKind, readStatement } from '../wire/statement.js';
import type { Xid } from '../xid/index.js';
import type { RoutingCounter } from './counter-names.js';
import { Database, announcementKey, type Announcement } from './database.js';
import { Flooding } from './flooding.js';
import { Greeter } from './greeter.js';
import { HostTable } from './host-table.js';
import { NeighbourTable, type Neighbour } from './neighbour-table.js';
import type { AnnouncementView, LinkStateOptions, RoutingNeighbour } from './options.js';
import { Originator } from './originator.js';
import { RouteComputer } from './route-computer.js';
import { completeLimits, completeTimers, type Limits, type Timers } from './settings.js';
import type { FirstHop } from './shortest-paths.js';
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
  readonly #greeter: Greeter;
  readonly #neighbours: NeighbourTable;
  readonly #database: Database;
  readonly #originator: Originator;
  readonly #flooding: Flooding;
  readonly #hosts = new HostTable();
  readonly #routes: RouteComputer;
  readonly #limiter: KeyedRateLimiter;
  /** The best link to each router that is up, by its key. */
  #firstHops: FirstHop[] = [];
  #instance: number | undefined;
  #helloSequence = 0;
  #wallMinusNowMs = 0;
  #lastInputMs = -Infinity;

  constructor(options: LinkStateOptions) {
    this.#options = options;
    this.#timers = completeTimers(options.timers);
    this.#limits = completeLimits(options.limits);
    const { ad, hid, identity, certificate, rng, onEvent, onRoutes } = options;
    this.#greeter = new Greeter(rng, this.#timers.helloMs);
    this.#neighbours = new NeighbourTable(this.#limits);
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
      firstHops: () => this.#firstHops,
      ownHost: (key) => this.#originator.hosts.get(key),
      onElsewhere: (host, sequence, router) => {
        counters.count('host:elsewhere');
        onEvent({ kind: 'host-elsewhere', hid: host, sequence, router });
      },
      onRoutes,
    });
    const { messagesPerSecond, maxNeighbours } = this.#limits;
    // Strangers have buckets too; twice the neighbours keep those from being forgotten.
    this.#limiter = new KeyedRateLimiter({
      ratePerSecond: messagesPerSecond,
      burst: messagesPerSecond * BURST_SECONDS,
      maxKeys: 2 * maxNeighbours,
    });
  }

  /** A datagram to SID_ROUTING. `wallNow` is milliseconds since 1970. */
  handleMessage(face: number, neighbour: number, payload: Uint8Array, now: number, wallNow: number): void {
    this.#noteTime(now, wallNow);
    if (!this.#limiter.take(`${face}/${neighbour}`, now)) return this.counters.count('message:rate-limited');
    const decoded = decodeRoutingMessage(payload);
    if (!decoded.ok) return this.counters.count(`message:${decoded.reason}`);
    const { message } = decoded;
    if (message.kind === RoutingKind.HELLO) {
      this.#onHello(face, neighbour, message.statement, now, wallNow);
    } else {
      const from = this.#neighbours.upAt(face, neighbour);
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
    for (const gone of this.#neighbours.onFace(face)) {
      if (neighbour === undefined || gone.hop.neighbour === neighbour) this.#lose(gone, 'face-gone', now);
    }
    if (this.#instance !== undefined) this.#originator.run(now, now + this.#wallMinusNowMs);
  }

  /**
   * A face, or all of them, is about to be closed. The neighbours there are told that nothing of theirs is heard any more, so that
   * they need not wait for our silence.
   */
  takeLeave(face?: number): void {
    if (this.#instance === undefined) return;
    for (const known of this.#greeter.faces()) {
      if (face === undefined || known === face) this.#sayHello(known, this.#options.rng.bytes(CHALLENGE_BYTES).slice(), []);
    }
  }

  nextTimeout(): number {
    if (this.#instance === undefined) return 0;
    return Math.min(
      this.#greeter.nextMs(),
      this.#neighbours.nextMs(),
      this.#originator.nextMs(),
      this.#flooding.nextMs(),
      this.#routes.nextMs(),
      this.#database.nextMs(),
    );
  }

  handleTimeout(now: number, wallNow: number): void {
    this.#noteTime(now, wallNow);
    this.#lookAtFaces(now);
    for (const silent of this.#neighbours.silent(now)) this.#lose(silent, 'silent', now);
    this.#greet(now);
    this.#ageOut(now);
    this.#originator.run(now, wallNow);
    this.#flooding.handleTimeout(now);
    this.#routes.handleTimeout(now);
  }

  *neighbours(_now: number): Iterable<RoutingNeighbour> {
    for (const { hid, ad, hop, up, cost, lastHeardMs } of this.#neighbours.all()) {
      yield { hid, ad, hop, state: up ? 'up' : 'heard', cost, lastHeardMs };
    }
  }

  /** The announcements that this router knows, its own among them. */
  *lsdb(now: number): Iterable<AnnouncementView> {
    for (const { router, ad, fragment, sequence, heardMs, links, hosts } of this.#database.all()) {
      const ends = links.map(([hid, cost]) => ({ hid, cost }));
      yield { router, ad, fragment, sequence, ageMs: now - heardMs, links: ends, hosts: hosts.length };
    }
  }

  gauges(): Gauge[] {
    return [this.#neighbours.gauge(), ...this.#database.gauges(), this.#flooding.gauge()];
  }

  /** When nothing came in for long after something was due, it was us who slept: hellos wait in the socket's buffer. */
  #noteTime(now: number, wallNow: number): void {
    this.#wallMinusNowMs = wallNow - now;
    this.#instance ??= Math.max(0, Math.floor(wallNow));
    if (this.#lastInputMs !== -Infinity && now - this.#lastInputMs > this.#timers.helloMs) {
      const lateMs = now - Math.max(this.#lastInputMs, this.nextTimeout());
      if (lateMs > this.#timers.helloMs) {
        this.counters.count('neighbour:forgiven');
        this.#neighbours.forgive(lateMs);
        this.#greeter.forgive(lateMs);
      }
    }
    this.#lastInputMs = now;
  }

  #lookAtFaces(now: number): void {
    for (const face of this.#greeter.look(this.#options.faces(), now)) {
      for (const gone of this.#neighbours.onFace(face)) this.#lose(gone, 'face-gone', now);
    }
    let changed = false;
    for (const neighbour of this.#neighbours.all()) {
      const cost = this.#costOf(neighbour.hop.face);
      changed ||= neighbour.up && neighbour.cost !== cost;
      neighbour.cost = cost;
    }
    if (changed) this.#linksChanged(now);
  }

  #costOf(face: number): number {
    return Math.min(MAX_LINK_COST, Math.max(1, Math.round(this.#greeter.costOf(face) ?? 1)));
  }

  #greet(now: number): void {
    for (const { face, challenge } of this.#greeter.due(now)) {
      const heard = [...this.#neighbours.onFace(face)].map((neighbour): [Xid, Uint8Array] => [neighbour.hid, neighbour.challenge]);
      this.#sayHello(face, challenge, heard);
    }
  }

  #sayHello(face: number, challenge: Uint8Array, heard: Hello['heard']): void {
    const { ad, hid, identity, certificate, sink } = this.#options;
    const { helloMs, deadMs } = this.#timers;
    this.#helloSequence += 1;
    const hello = {
      ad,
      hid,
      instance: this.#instance!,
      sequence: this.#helloSequence,
      helloMs: Math.max(1, Math.round(helloMs)),
      deadMs: Math.max(1, Math.round(deadMs)),
      challenge,
      heard,
      certificate: certificate(),
    };
    this.counters.count('hello:sent');
    sink.sendLink(face, 0, encodeRoutingStatement(RoutingKind.HELLO, sealHello(hello, identity)));
  }

  #onHello(face: number, from: number, statement: Uint8Array, now: number, wallNow: number): void {
    const read = readStatement(statement, StatementKind.HELLO, helloSchema);
    if (!read.ok) return this.counters.count(`hello:${read.reason}`);
    const hello = read.value;
    if (this.#greeter.costOf(face) === undefined) return this.counters.count('hello:not-peer-face');
    if (hello.hid.equals(this.#options.hid)) return this.counters.count('hello:own');
    const known = this.#neighbours.find(face, from, hello.hid);
    if (known !== undefined && !isNewer(hello, known)) return this.counters.count('hello:replayed');
    const fault = speakerFault(this.#options, statement, StatementKind.HELLO, { ...hello, router: hello.hid }, wallNow);
    if (fault !== undefined) return this.counters.count(`hello:${fault}`);
    const answer = hello.heard.find(([hid]) => hid.equals(this.#options.hid))?.[1];
    const isAnswer = answer !== undefined && this.#greeter.isAnswer(face, answer, now, this.#timers.deadMs + hello.deadMs);
    if (known?.up === true && known.instance === hello.instance && answer !== undefined && !isAnswer) {
      return this.counters.count('hello:stale-answer');
    }
    const neighbour = known ?? this.#newNeighbour(face, from, hello, now);
    if (neighbour === undefined) return this.counters.count('hello:table-full');
    this.counters.count('hello:accepted');
    if (neighbour.up && neighbour.instance !== hello.instance) this.#down(neighbour, 'restarted', now);
    else if (neighbour.up && !isAnswer) this.#down(neighbour, 'deaf', now);
    const { instance, sequence, challenge, deadMs } = hello;
    Object.assign(neighbour, { instance, sequence, challenge, deadMs, lastHeardMs: now });
    if (isAnswer && !neighbour.up) this.#up(neighbour, now);
    // Somebody who does not know that we hear it is told at once.
    if (!isAnswer) this.#greeter.hurry(face, now);
  }

  #newNeighbour(face: number, from: number, hello: Hello, now: number): Neighbour | undefined {
    const { hid, ad, instance, sequence, challenge, deadMs } = hello;
    const hop = { face, neighbour: from };
    const cost = this.#costOf(face);
    const neighbour = { hid, ad, hop, cost, up: false, instance, sequence, challenge, deadMs, lastHeardMs: now };
    return this.#neighbours.add(neighbour) ? neighbour : undefined;
  }

  #up(neighbour: Neighbour, now: number): void {
    const { hid, ad, hop, instance } = neighbour;
    // What an earlier life of it knew by another link, this one does not.
    for (const other of this.#neighbours.all()) {
      if (other.up && other.hid.equals(hid) && other.instance !== instance) this.#down(other, 'restarted', now);
    }
    const isFirst = !this.#firstHops.some(({ router }) => router === hid.key);
    neighbour.up = true;
    this.counters.count('neighbour:up');
    this.#greeter.hurry(hop.face, now);
    this.#linksChanged(now);
    if (isFirst) this.#flooding.start(hid, ad.equals(this.#options.ad), now);
    this.#options.onEvent({ kind: 'neighbour-up', hid, ad, hop });
  }

  #down(neighbour: Neighbour, why: 'restarted' | 'silent' | 'deaf' | 'face-gone', now: number): void {
    const { hid, ad, hop } = neighbour;
    neighbour.up = false;
    this.counters.count(`neighbour:${why}`);
    this.#linksChanged(now);
    // What was sent there is lost: this does not wait for the pause between computations.
    this.#routes.computeNow(now);
    if (!this.#firstHops.some(({ router }) => router === hid.key)) this.#flooding.stop(hid);
    this.#options.onEvent({ kind: 'neighbour-down', hid, ad, hop });
  }

  #lose(neighbour: Neighbour, why: 'silent' | 'face-gone', now: number): void {
    this.#neighbours.remove(neighbour);
    if (neighbour.up) this.#down(neighbour, why, now);
  }

  /** Finds the best link to each neighbour anew, announces what is different, and computes with it. */
  #linksChanged(now: number): void {
    const best = this.#neighbours.bestLinks();
    const { links } = this.#originator;
    for (const { router } of this.#firstHops) if (!best.has(router)) links.delete(router);
    for (const { hid, cost } of best.values()) if (!links.set(hid, cost)) this.counters.count('link:too-many');
    this.#firstHops = [...best].map(([router, { cost, hop }]) => ({ router, cost, hop }));
    this.#routes.topologyChanged(now);
  }

  #sendTo(router: Xid, payload: Uint8Array): void {
    const hop = this.#firstHops.find((candidate) => candidate.router === router.key)?.hop;
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

function isNewer(hello: Hello, known: Neighbour): boolean {
  return hello.instance > known.instance || (hello.instance === known.instance && hello.sequence > known.sequence);
}

function sameLinks(a: Announcement, b: Announcement): boolean {
  if (a.links.length !== b.links.length || !a.ad.equals(b.ad)) return false;
  return a.links.every(([hid, cost], index) => hid.equals(b.links[index]![0]) && cost === b.links[index]![1]);
}
