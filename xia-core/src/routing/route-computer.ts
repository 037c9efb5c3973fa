import type { Counters } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';
import type { RoutingCounter } from './counter-names.js';
import { linksOf, type Database } from './database.js';
import type { HostTable } from './host-table.js';
import type { RouteChange } from './options.js';
import { shortestWays, type FirstHop, type Way } from './shortest-paths.js';

/** The pause after a computation: doubled while changes keep coming, short again after a quiet time. */
const LEAST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 250;

export interface RouteComputerOptions {
  readonly ad: Xid;
  readonly hid: Xid;
  readonly database: Database;
  readonly hosts: HostTable;
  readonly counters: Counters<RoutingCounter>;
  /** One for each neighbour that is up, sorted by its key. */
  readonly firstHops: () => readonly FirstHop[];
  /** The sequence with which we have a host ourselves. */
  readonly ownHost: (key: string) => number | undefined;
  readonly onElsewhere: (hid: Xid, sequence: number, router: Xid) => void;
  readonly onRoutes: (changes: readonly RouteChange[]) => void;
}

/** Best ways out of the database, and what is different about them from what was told last. */
export class RouteComputer {
  readonly #options: RouteComputerOptions;
  /** Ways to routers of our AD that never leave it. */
  #inside = new Map<string, Way>();
  /** Keys of all routers that can be reached, whichever ADs are between. */
  #reachable: ReadonlySet<string> = new Set();
  readonly #told = new Map<string, RouteChange>();
  readonly #elsewhere = new Map<string, string>();
  #changes: RouteChange[] = [];
  #dueMs = Infinity;
  #lastMs = -Infinity;
  #pauseMs = LEAST_PAUSE_MS;

  constructor(options: RouteComputerOptions) {
    this.#options = options;
  }

  isReachable(router: string): boolean {
    return this.#reachable.has(router);
  }

  /** A link or a router came or went: computed at once, or after the pause. */
  topologyChanged(now: number): void {
    if (now - this.#lastMs > MAX_PAUSE_MS) this.#pauseMs = LEAST_PAUSE_MS;
    this.#dueMs = Math.min(this.#dueMs, Math.max(now, this.#lastMs + this.#pauseMs));
    if (this.#dueMs <= now) this.#compute(now);
  }

  /** Without a pause: packets go astray. */
  computeNow(now: number): void {
    if (this.#dueMs !== Infinity) this.#compute(now);
  }

  /** Hosts came, moved or went: costs little, and is done at once. */
  hostsChanged(keys: Iterable<string>): void {
    for (const key of keys) this.#updateHost(key);
    this.#tell();
  }

  nextMs(): number {
    return this.#dueMs;
  }

  handleTimeout(now: number): void {
    if (this.#dueMs <= now) this.#compute(now);
  }

  #compute(now: number): void {
    this.#pauseMs = this.#lastMs === -Infinity ? LEAST_PAUSE_MS : Math.min(MAX_PAUSE_MS, 2 * this.#pauseMs);
    this.#dueMs = Infinity;
    this.#lastMs = now;
    const { ad, hid, database, hosts, counters, firstHops } = this.#options;
    counters.count('paths:computed');
    const graph = new Map([...database.routers].map(([key, router]) => [key, { links: linksOf(router) }] as const));
    const starts = firstHops();
    const everywhere = shortestWays(graph, hid.key, starts, () => true);
    this.#reachable = new Set(everywhere.keys());
    this.#inside = shortestWays(graph, hid.key, starts, (router) => database.routers.get(router)!.ad.equals(ad));
    const found = new Set<string>();
    for (const [key, way] of this.#inside) {
      found.add(key);
      this.#set(key, database.routers.get(key)!.hid, way);
    }
    for (const [key, { xid, way }] of this.#nearestOfEachAd(everywhere)) {
      found.add(key);
      this.#set(key, xid, way);
    }
    const claimed = [...hosts.keys()];
    for (const key of claimed) found.add(key);
    for (const [key, { xid }] of this.#told) if (!found.has(key)) this.#set(key, xid, undefined);
    for (const key of claimed) this.#updateHost(key);
    this.#tell();
  }

  /** An AD is reached at whichever of its routers is closest, and so another one takes over from one that fails. */
  #nearestOfEachAd(ways: ReadonlyMap<string, Way>): Map<string, { xid: Xid; way: Way }> {
    const nearest = new Map<string, { xid: Xid; way: Way }>();
    // In the order of cost, the first one of an AD is it.
    for (const [router, way] of ways) {
      const { ad } = this.#options.database.routers.get(router)!;
      if (!ad.equals(this.#options.ad) && !nearest.has(ad.key)) nearest.set(ad.key, { xid: ad, way });
    }
    return nearest;
  }

  #updateHost(key: string): void {
    // A router is where it is, whatever anybody says about a host of that name.
    if (key === this.#options.hid.key || this.#inside.has(key)) return;
    const hid = this.#options.hosts.hid(key) ?? this.#told.get(key)?.xid;
    if (hid === undefined) return;
    const best = this.#options.hosts.best(key, (router) => this.#inside.has(router));
    const own = this.#options.ownHost(key);
    const isOurs = own !== undefined && (best === undefined || best.sequence <= own);
    if (own !== undefined && best !== undefined && !isOurs) this.#noteElsewhere(hid, best.sequence, best.router);
    else this.#elsewhere.delete(key);
    this.#set(key, hid, best === undefined || isOurs ? undefined : this.#inside.get(best.router.key), best?.sequence);
  }

  #noteElsewhere(hid: Xid, sequence: number, router: Xid): void {
    const mark = `${sequence}@${router.key}`;
    if (this.#elsewhere.get(hid.key) === mark) return;
    this.#elsewhere.set(hid.key, mark);
    this.#options.onElsewhere(hid, sequence, router);
  }

  #set(key: string, xid: Xid, way: Way | undefined, sequence?: number): void {
    const told = this.#told.get(key);
    if (way === undefined) {
      if (told === undefined) return;
      this.#told.delete(key);
      this.#changes.push({ xid, hop: undefined, cost: Infinity });
      return;
    }
    const { hop, cost } = way;
    const isSameWay = told !== undefined && told.cost === cost && told.hop!.face === hop.face && told.hop!.neighbour === hop.neighbour;
    if (isSameWay && told.sequence === sequence) return;
    const change = { xid, hop, cost, sequence };
    this.#told.set(key, change);
    this.#changes.push(change);
  }

  #tell(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.#options.onRoutes(changes);
  }
}
