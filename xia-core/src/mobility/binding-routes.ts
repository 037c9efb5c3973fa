import { TimerQueue } from '../bytes/index.js';
import type { Xid } from '../xid/index.js';
import { effectiveHop, isHolding, type BindingEntry } from './binding-entry.js';
import type { HidRoutes } from './links.js';

/** What follows from an entry: the route of its HID, and when something of it is over. */
export class BindingRoutes {
  readonly #routes: HidRoutes;
  readonly #ad: Xid | undefined;
  readonly #deadlines = new TimerQueue<string>();

  /** @param ad of a router; undefined for other nodes */
  constructor(routes: HidRoutes, ad: Xid | undefined) {
    this.#routes = routes;
    this.#ad = ad;
  }

  /** Brings the route and the deadline in line with the entry. */
  apply(entry: BindingEntry): void {
    const { hid, sequence, tentative } = entry;
    const hop = effectiveHop(entry);
    const newest = Math.max(sequence, tentative?.binding.sequence ?? 0);
    if (entry.awaitedUntil !== undefined) this.#routes.hold(hid, undefined, undefined, newest);
    else if (isHolding(entry)) this.#routes.hold(hid, entry.hop, entry.hold?.towards, sequence);
    else if (hop === undefined) this.#routes.delete(hid, this.#isElsewhere(entry), sequence);
    else this.#routes.set(hid, hop, newest);
    this.schedule(entry);
  }

  /** The deadline alone: nothing that moves packets has changed. */
  schedule({ hid, expiresAt, tentative, staged, hold, awaitedUntil = Infinity, forgetAt }: BindingEntry): void {
    const [tentativeEnd = Infinity, stagedEnd = Infinity, holdEnd = Infinity] = [tentative?.expiresAt, staged?.expiresAt, hold?.until];
    const routeEnd = Math.min(expiresAt, tentativeEnd, stagedEnd, holdEnd, awaitedUntil);
    this.#deadlines.set(hid.key, routeEnd === Infinity ? forgetAt : routeEnd);
  }

  /** The entry is forgotten: neither a route nor a deadline is left. */
  drop({ hid, sequence }: BindingEntry): void {
    this.#routes.delete(hid, false, sequence);
    this.#deadlines.cancel(hid.key);
  }

  /** When something is over next, `Infinity` if nothing will be. */
  nextTimeout(): number {
    return this.#deadlines.next();
  }

  /** The key of a HID of which something is over; undefined when there is none any more. */
  popDue(now: number): string | undefined {
    return this.#deadlines.popDue(now);
  }

  /** Bound in another AD: a router of this one that still says it has the HID would send its packets back here. */
  #isElsewhere({ state, proof }: BindingEntry): boolean {
    return state === 'draining' && proof !== undefined && this.#ad?.equals(proof.binding.ad) === false;
  }
}
