import { TimerQueue, type Gauge } from '../bytes/index.js';
import { FIRST_HOST_FRAGMENT, isHostFragment, type LinkState } from '../wire/routing-statements.js';
import type { Xid } from '../xid/index.js';
import type { Limits } from './settings.js';

/** A verified announcement as it is kept and passed on. */
export interface Announcement extends Omit<LinkState, 'certificate' | 'issuedMs' | 'lifetimeMs'> {
  readonly key: string;
  /** The statement as it came. */
  readonly bytes: Uint8Array;
  readonly heardMs: number;
  readonly expiresMs: number;
}

/** A router and what it announced, by fragment. */
export interface KnownRouter {
  readonly hid: Xid;
  ad: Xid;
  readonly fragments: Map<number, Announcement>;
}

type Table = 'own' | 'foreign' | 'hostFragments' | 'hosts';

export function announcementKey(router: Xid, fragment: number): string {
  return `${router.key}/${fragment}`;
}

/** The newest announcement of every fragment of every router, within bounds. */
export class Database {
  readonly #ad: Xid;
  readonly #bounds: Record<Table, number>;
  readonly #used: Record<Table, number> = { own: 0, foreign: 0, hostFragments: 0, hosts: 0 };
  readonly #highWater: Record<Table, number> = { own: 0, foreign: 0, hostFragments: 0, hosts: 0 };
  readonly #refused: Record<Table, number> = { own: 0, foreign: 0, hostFragments: 0, hosts: 0 };
  readonly #announcements = new Map<string, Announcement>();
  readonly #routers = new Map<string, KnownRouter>();
  readonly #expiries = new TimerQueue<string>();

  constructor(ad: Xid, limits: Limits) {
    this.#ad = ad;
    this.#bounds = {
      own: limits.maxOwnRouters,
      foreign: limits.maxForeignRouters,
      hostFragments: limits.maxHostFragments,
      hosts: limits.maxHosts,
    };
  }

  get(key: string): Announcement | undefined {
    return this.#announcements.get(key);
  }

  /** By the key of their HID. */
  get routers(): ReadonlyMap<string, KnownRouter> {
    return this.#routers;
  }

  all(): Iterable<Announcement> {
    return this.#announcements.values();
  }

  /** Whether a new announcement can be kept; what is missing is counted. */
  hasRoom({ key, router, ad, fragment, hosts }: Pick<Announcement, 'key' | 'router' | 'ad' | 'fragment' | 'hosts'>): boolean {
    const known = this.#announcements.get(key);
    if (!this.#routers.has(router.key) && !this.#fits(this.#sideOf(ad), 1)) return false;
    if (!isHostFragment(fragment)) return true;
    if (known === undefined && !this.#fits('hostFragments', 1)) return false;
    return this.#fits('hosts', hosts.length - (known?.hosts.length ?? 0));
  }

  /** Keeps an announcement in place of the one that it replaces, which is returned. */
  put(announcement: Announcement): Announcement | undefined {
    const { key, router, ad, fragment, hosts } = announcement;
    const replaced = this.#announcements.get(key);
    let known = this.#routers.get(router.key);
    if (known === undefined) {
      known = { hid: router, ad, fragments: new Map() };
      this.#routers.set(router.key, known);
      this.#count(this.#sideOf(ad), 1);
    } else if (!known.ad.equals(ad)) {
      this.#count(this.#sideOf(known.ad), -1);
      this.#count(this.#sideOf(ad), 1);
      known.ad = ad;
    }
    known.fragments.set(fragment, announcement);
    if (isHostFragment(fragment) && replaced === undefined) this.#count('hostFragments', 1);
    this.#count('hosts', hosts.length - (replaced?.hosts.length ?? 0));
    this.#announcements.set(key, announcement);
    this.#expiries.set(key, announcement.expiresMs);
    return replaced;
  }

  remove({ key, router, fragment, hosts }: Announcement): void {
    if (!this.#announcements.delete(key)) return;
    this.#expiries.cancel(key);
    if (isHostFragment(fragment)) this.#count('hostFragments', -1);
    this.#count('hosts', -hosts.length);
    const known = this.#routers.get(router.key)!;
    known.fragments.delete(fragment);
    if (known.fragments.size > 0) return;
    this.#routers.delete(router.key);
    this.#count(this.#sideOf(known.ad), -1);
  }

  nextMs(): number {
    return this.#expiries.next();
  }

  /** The announcements that nobody made anew in time. They are to be removed by the caller. */
  *expired(now: number): Iterable<Announcement> {
    for (let key = this.#expiries.popDue(now); key !== undefined; key = this.#expiries.popDue(now)) yield this.#announcements.get(key)!;
  }

  gauges(): Gauge[] {
    const gauge = (name: string, table: Table): Gauge => ({
      name,
      unit: 'entries',
      used: this.#used[table],
      highWater: this.#highWater[table],
      bound: this.#bounds[table],
      refused: this.#refused[table],
    });
    return [
      gauge('routing routers of our AD', 'own'),
      gauge('routing routers of other ADs', 'foreign'),
      gauge('routing host announcements', 'hostFragments'),
      gauge('routing hosts', 'hosts'),
    ];
  }

  #sideOf(ad: Xid): Table {
    return ad.equals(this.#ad) ? 'own' : 'foreign';
  }

  #fits(table: Table, more: number): boolean {
    if (this.#used[table] + more <= this.#bounds[table]) return true;
    this.#refused[table] += 1;
    return false;
  }

  #count(table: Table, more: number): void {
    this.#used[table] += more;
    this.#highWater[table] = Math.max(this.#highWater[table], this.#used[table]);
  }
}

/** The links that a router announces, over all of its fragments: the key of the other end -> cost. */
export function linksOf({ fragments }: KnownRouter): Map<string, number> {
  const links = new Map<string, number>();
  for (const [fragment, announcement] of fragments) {
    if (fragment >= FIRST_HOST_FRAGMENT) continue;
    for (const [hid, cost] of announcement.links) links.set(hid.key, Math.min(cost, links.get(hid.key) ?? Infinity));
  }
  return links;
}
