import type { Xid } from '../xid/index.js';
import type { Announcement } from './database.js';

interface Claim {
  readonly router: Xid;
  readonly sequence: number;
}

interface ClaimedHost {
  readonly hid: Xid;
  /** By the key of the announcement that makes it. */
  readonly claims: Map<string, Claim>;
}

/** Which routers of our AD say that a host is reached through them. */
export class HostTable {
  readonly #hosts = new Map<string, ClaimedHost>();

  /** Takes over one announcement in the place of another. Returns the hosts that this may concern. */
  replace(before: Announcement | undefined, after: Announcement | undefined): Set<string> {
    const touched = new Set<string>();
    for (const [hid] of before?.hosts ?? []) {
      touched.add(hid.key);
      const known = this.#hosts.get(hid.key);
      known?.claims.delete(before!.key);
      if (known?.claims.size === 0) this.#hosts.delete(hid.key);
    }
    for (const [hid, sequence] of after?.hosts ?? []) {
      touched.add(hid.key);
      let known = this.#hosts.get(hid.key);
      if (known === undefined) this.#hosts.set(hid.key, (known = { hid, claims: new Map() }));
      known.claims.set(after!.key, { router: after!.router, sequence });
    }
    return touched;
  }

  hid(key: string): Xid | undefined {
    return this.#hosts.get(key)?.hid;
  }

  keys(): Iterable<string> {
    return this.#hosts.keys();
  }

  /** The claim with the highest sequence, of routers that can be reached; of equal ones that of the smaller key. */
  best(key: string, isReachable: (router: string) => boolean): Claim | undefined {
    let best: Claim | undefined;
    for (const claim of this.#hosts.get(key)?.claims.values() ?? []) {
      if (!isReachable(claim.router.key)) continue;
      const better = best === undefined || claim.sequence > best.sequence;
      if (better || (claim.sequence === best!.sequence && claim.router.key < best!.router.key)) best = claim;
    }
    return best;
  }
}
