import { copyBytes, equalBytes, TokenBucket, type Gauge } from '../bytes/index.js';
import type { Counters } from '../bytes/counters.js';
import { Dag } from '../dag/index.js';
import { bindingSchema } from '../wire/mobility-statements.js';
import type { RedirectMessage } from '../wire/mobility-messages.js';
import { readStatement, StatementKind } from '../wire/statement.js';
import { XIP_HEADER_BYTES, type XipView } from '../wire/index.js';
import { PrincipalType, RecentIds, type Xid } from '../xid/index.js';
import type { CounterName, MobilityEvent } from './events.js';
import { readdress, type Place } from './readdress.js';
import type { ProvenBinding, StatementVerifier } from './verify.js';

/** Hosts that this node sends to at a time and knows to have moved, or asks nobody about. */
const MAX_DESTINATIONS = 4096;
/** A redirect is an answer: nothing was sent to its host for so long, and it is not wanted. */
const LATELY_MS = 60_000;
/** Redirects whose signatures are checked; each is three of them. */
const CHECKS = { ratePerSecond: 200, burst: 200 };
/** After a redirect that was not genuine, others about the same host have to wait. */
const PENALTY_MS = 50;
/** The least time that a genuine redirect counts for, however far clocks are apart. */
const LEAST_LIFETIME_MS = 5000;

interface Whereabouts extends Place {
  readonly expiresMs: number;
}

interface MovedHostsOptions {
  readonly hid: Xid;
  readonly verifier: StatementVerifier;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
  /** See `IdIndex`. */
  readonly salt: number;
}

/**
 * Which of the hosts that this node sends to have moved, as told by redirects: their packets leave with the AD where the
 * host is in place of those that it has left, so they make no detour over the place that it was at before.
 *
 * A redirect is believed for the signatures in it: the host's own that it is bound at a router of that AD, and the router's that
 * it accepted. So it can name no place but one where the host is served. It is looked at only if something was sent to the
 * host lately. The highest sequence wins. What is known ends when it expires, with a later sequence, when the host has shown
 * otherwise that it is elsewhere, and when it is said to be unreachable there.
 */
export class MovedHosts {
  readonly #options: MovedHostsOptions;
  readonly #destinations: RecentIds;
  readonly #checks = new TokenBucket(CHECKS.ratePerSecond, CHECKS.burst);
  /** By slot of a destination. */
  readonly #places: (Whereabouts | undefined)[] = [];
  readonly #sequences = new Float64Array(MAX_DESTINATIONS);
  readonly #sentAt = new Float64Array(MAX_DESTINATIONS);
  readonly #waitUntil = new Float64Array(MAX_DESTINATIONS);

  constructor(options: MovedHostsOptions) {
    this.#options = options;
    this.#destinations = new RecentIds(MAX_DESTINATIONS, options.salt);
  }

  /** A packet of this node is about to leave: its destination is noted, and written anew if the host has moved; whether it was. */
  leaving(view: XipView, now: number): boolean {
    let changed = false;
    for (let node = view.destinationCount - 1; node >= 0; node--) {
      if (view.nodeType(node) !== PrincipalType.HID) continue;
      const slot = this.#destinations.add(view.bytes, view.nodeIdOffset(node));
      if (this.#destinations.isNew) this.#clear(slot);
      this.#sentAt[slot] = now;
      const place = this.#placeIn(slot, now);
      if (place === undefined) continue;
      if (!readdress(view.bytes, XIP_HEADER_BYTES, node, place)) continue;
      this.#options.counters.count('redirect:followed');
      changed = true;
    }
    return changed;
  }

  /** The address as this node would write it now. */
  current(dag: Dag, now: number): Dag {
    const wire = copyBytes(dag.wire);
    let changed = false;
    for (const [node, { xid }] of dag.nodes.entries()) {
      if (xid.type !== PrincipalType.HID) continue;
      const slot = this.#destinations.find(xid.id);
      const place = slot < 0 ? undefined : this.#placeIn(slot, now);
      if (place !== undefined && readdress(wire, 0, node, place)) changed = true;
    }
    return changed ? Dag.fromWire(wire, 0, dag.count) : dag;
  }

  handleRedirect(message: RedirectMessage, now: number, wallNow: number): void {
    const { counters, verifier, hid } = this.#options;
    const claim = readStatement(message.binding, StatementKind.BINDING, bindingSchema);
    if (!claim.ok) return counters.count(`redirect:${claim.reason}`);
    if (claim.value.hid.equals(hid)) return counters.count('redirect:own-hid');
    const slot = this.#destinations.find(claim.value.hid.id);
    if (slot < 0 || now - this.#sentAt[slot]! > LATELY_MS) return counters.count('redirect:unsolicited');
    if (claim.value.sequence <= this.#sequences[slot]!) return counters.count('redirect:stale');
    if (now < this.#waitUntil[slot]! || !this.#checks.take(now)) return counters.count('redirect:rate-limited');
    const proven = verifier.proof(message.binding, message.ack, wallNow);
    if (!proven.ok) {
      this.#waitUntil[slot] = now + PENALTY_MS;
      return counters.count(`redirect:${proven.reason}`);
    }
    if (proven.value.ack.lifetimeMs === 0) return counters.count('redirect:detached');
    this.#accept(slot, proven.value, now, wallNow);
  }

  /**
   * The host's own record says where it is now; it was known under another address. Counts only while no redirect tells of the
   * host: after what that said was found wrong, for example.
   * @param owner whose key signed the record: 20 bytes
   */
  told(before: Dag, after: Dag, owner: Uint8Array, ttlMs: number, now: number): void {
    const [from, to] = [before.find(PrincipalType.AD), after.find(PrincipalType.AD)];
    if (from === undefined || to === undefined || from.equals(to)) return;
    const slot = this.#destinations.find(owner);
    if (slot < 0 || !isOf(before, owner) || !isOf(after, owner) || this.#placeIn(slot, now) !== undefined) return;
    this.#options.counters.count('redirect:by-record');
    this.#places[slot] = { ad: to.id, left: [from.id], expiresMs: now + ttlMs };
  }

  /** A host has shown that it is at this address. What a redirect said before, and says otherwise, is over. */
  seenAt(dag: Dag): void {
    const [ad, hid] = [dag.find(PrincipalType.AD), dag.find(PrincipalType.HID)];
    const slot = hid === undefined ? -1 : this.#destinations.find(hid.id);
    if (ad === undefined || slot < 0) return;
    const place = this.#places[slot];
    if (place?.left.some((gone) => equalBytes(gone, ad.id)) === true) this.#places[slot] = undefined;
  }

  /** A packet to this address did not get there. Returns whether it was a redirect that had led it there; it no longer counts. */
  failed(dag: Dag): boolean {
    const [ad, hid] = [dag.find(PrincipalType.AD), dag.find(PrincipalType.HID)];
    const slot = hid === undefined ? -1 : this.#destinations.find(hid.id);
    const place = slot < 0 ? undefined : this.#places[slot];
    if (ad === undefined || place === undefined || !equalBytes(place.ad, ad.id)) return false;
    this.#options.counters.count('redirect:failed');
    this.#places[slot] = undefined;
    return true;
  }

  gauges(): Gauge[] {
    return [this.#destinations.gauge('recent destinations')];
  }

  #accept(slot: number, { binding, ack }: ProvenBinding, now: number, wallNow: number): void {
    const { counters, onEvent } = this.#options;
    const { hid, ad, sequence } = binding;
    const left = binding.previousAds.filter((gone) => !gone.equals(ad)).map(({ id }) => id);
    const remainingMs = ack.lifetimeMs - Math.max(0, wallNow - ack.issuedMs);
    this.#sequences[slot] = sequence;
    this.#places[slot] = { ad: ad.id, left, expiresMs: now + Math.max(LEAST_LIFETIME_MS, remainingMs) };
    counters.count('redirect:accepted');
    onEvent({ kind: 'redirected', hid, ad, sequence });
  }

  #placeIn(slot: number, now: number): Whereabouts | undefined {
    const place = this.#places[slot];
    if (place === undefined || now < place.expiresMs) return place;
    this.#places[slot] = undefined;
    return undefined;
  }

  #clear(slot: number): void {
    this.#places[slot] = undefined;
    this.#sequences[slot] = 0;
    this.#waitUntil[slot] = -Infinity;
  }
}

/** Whether an address is that of a host, or of something on it. */
function isOf(dag: Dag, hid: Uint8Array): boolean {
  const host = dag.find(PrincipalType.HID);
  return host !== undefined && equalBytes(host.id, hid);
}
