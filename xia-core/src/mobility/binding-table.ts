import type { Gauge } from '../bytes/index.js';
import type { NoticeStatus } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import { effectiveHop, formersAfter, isForgettable, type BindingEntry, type BindingProof, type Tentative } from './binding-entry.js';
import { BindingPlaces } from './binding-places.js';
import { BindingRoutes } from './binding-routes.js';
import { leadsOver, sameHop, type Hop, type HidRoutes } from './links.js';
import { MoveLimit, type MoveLimitOptions } from './move-limit.js';
import { nextRouteState, type RouteInput } from './route-state.js';
import { StagedEntries } from './staged-entries.js';

/** Longer outages are heard of by the gateway, which says anew where its hosts are. */
const MOMENT_MS = 300;
/** HIDs that a node remembers, unless told otherwise. */
export const DEFAULT_MAX_BINDINGS = 4096;

/** HIDs that may be announced as coming, of the places in the table. */
const LARGEST_STAGED_SHARE = 0.25;

interface BindingTableOptions extends MoveLimitOptions {
  readonly routes: HidRoutes;
  /** The AD of a router; undefined for other nodes. */
  readonly ad?: Xid | undefined;
  /** HIDs remembered at most; one more is refused. About 2 KB each. Default 4096. */
  readonly maxEntries?: number;
  /** How much longer than its lifetime a statement might still be believed somewhere. Default 30 s. */
  readonly skewMs?: number;
  readonly onExpired: (hid: Xid) => void;
  /** A HID that is held has bound itself by way of this host. */
  readonly onAwake: (hid: Xid) => void;
}

interface Acceptance {
  readonly proof: BindingProof;
  readonly hop: Hop;
  readonly direct: boolean;
  /** Whether a patch told it; false where the node bound through this one. */
  readonly patched: boolean;
  /** As granted by the gateway; 0 detaches. */
  readonly lifetimeMs: number;
}

/**
 * The bindings of a node and the HID routes that follow from them. Soft state: an entry that is not renewed loses its
 * route, and some time later its sequence. The highest sequence wins; the callers check that before they change anything.
 */
export class BindingTable {
  readonly #routes: BindingRoutes;
  readonly #places: BindingPlaces;
  readonly #staged: StagedEntries;
  readonly #moves: MoveLimit;
  readonly #skewMs: number;
  readonly #onExpired: (hid: Xid) => void;
  readonly #onAwake: (hid: Xid) => void;

  constructor(options: BindingTableOptions) {
    const { routes, ad, maxEntries = DEFAULT_MAX_BINDINGS } = options;
    this.#routes = new BindingRoutes(routes, ad);
    this.#places = new BindingPlaces(maxEntries);
    this.#staged = new StagedEntries(Math.ceil(maxEntries * LARGEST_STAGED_SHARE));
    this.#moves = new MoveLimit(options);
    this.#skewMs = options.skewMs ?? 30_000;
    this.#onExpired = options.onExpired;
    this.#onAwake = options.onAwake;
  }

  /** Changes when a HID is frozen. What has been frozen stays so for its time. */
  limitMoves(maxMoves: number, moveWindowMs: number): void {
    this.#moves.configure(maxMoves, moveWindowMs);
  }

  get(hid: Xid): Readonly<BindingEntry> | undefined {
    return this.#places.get(hid.key);
  }

  entries(): Iterable<Readonly<BindingEntry>> {
    return this.#places.values();
  }

  /** Whether an entry for `hid` exists or fits, whose packets go to `hop`. */
  hasRoomFor(hid: Xid, hop: Hop): boolean {
    return this.#places.hasRoomFor(hid, hop, (entry) => this.#forget(entry));
  }

  /** How many changes of hop happened within the window. */
  recentMoves(hid: Xid, now: number): number {
    const entry = this.#places.get(hid.key);
    return entry === undefined ? 0 : this.#moves.recent(entry, now).length;
  }

  /** Whether the HID may turn to `hop`. Going beyond the limit of moves freezes it; `justFrozen` says that it did now. */
  mayTurn(hid: Xid, hop: Hop, now: number): { readonly allowed: boolean; readonly justFrozen: boolean } {
    const entry = this.#places.get(hid.key);
    if (entry === undefined || this.#moves.allows(entry, hop, now)) return { allowed: true, justFrozen: false };
    return { allowed: false, justFrozen: this.#moves.freeze(entry, now) };
  }

  /** A host says that `hid` is about to come to it, by way of `hop` (undefined: here), or not any more (`lifetimeMs` 0). */
  stage(hid: Xid, hop: Hop | undefined, sequence: number, lifetimeMs: number, now: number): NoticeStatus {
    const known = this.#places.get(hid.key);
    if (known?.staged !== undefined && sameHop(known.staged.hop, hop) && sequence <= known.staged.sequence) return 'ok';
    if (lifetimeMs === 0) {
      if (known?.staged !== undefined && sameHop(known.staged.hop, hop)) this.#unstage(known, now);
      return 'ok';
    }
    if (known !== undefined && !this.#moves.allows(known, hop, now)) return 'frozen';
    // Remembered sequences never make room for what is merely said to come.
    const isFull = known === undefined && this.#places.isFull && !this.#staged.refuse();
    if (isFull || !this.#staged.hasRoom(known, hop)) return 'table-full';
    const entry = this.#places.take(hid, now);
    entry.staged = { hop, sequence, expiresAt: now + lifetimeMs };
    this.#staged.add(entry);
    this.#step(entry, 'coming');
    this.#routes.schedule(entry);
    return 'ok';
  }

  /** The packets of a live HID wait, until it turns up, goes on (`resume`), or that time has come. False when it is not live. */
  pause(hid: Xid, sequence: number, until: number): boolean {
    const entry = this.#places.get(hid.key);
    if (entry === undefined || (entry.state !== 'live' && entry.state !== 'held')) return false;
    entry.noticeSequence = sequence;
    entry.hold = { until, towards: undefined };
    entry.awaitedUntil = undefined;
    this.#step(entry, 'paused');
    this.#routes.apply(entry);
    return true;
  }

  /** Another node holds them from now on: what came here goes there. */
  handBack(hid: Xid, towards: Hop): void {
    const entry = this.#places.get(hid.key);
    if (entry?.state !== 'held' || entry.hold === undefined) return;
    entry.hold = { ...entry.hold, towards };
    this.#routes.apply(entry);
  }

  /** It goes on where it was. */
  resume(hid: Xid, sequence: number): void {
    const entry = this.#places.get(hid.key);
    if (entry?.state !== 'held') return;
    entry.noticeSequence = sequence;
    this.#resume(entry);
    this.#routes.apply(entry);
  }

  /** It is bound here, and about to run: its packets wait, no longer than until then. */
  awaitGuest(hid: Xid, until: number): void {
    const entry = this.#places.get(hid.key);
    if (entry === undefined || effectiveHop(entry) === undefined) return;
    entry.awaitedUntil = until;
    this.#routes.apply(entry);
  }

  /** It runs. False when nobody waited for it. */
  guestRuns(hid: Xid): boolean {
    const entry = this.#places.get(hid.key);
    if (entry?.awaitedUntil === undefined) return false;
    entry.awaitedUntil = undefined;
    this.#routes.apply(entry);
    return true;
  }

  /** Whether packets for another HID go by this hop. */
  isTaken(hop: Hop, except: Xid): boolean {
    for (const entry of this.#places.values()) if (!entry.hid.equals(except) && sameHop(effectiveHop(entry), hop)) return true;
    return false;
  }

  /** Takes an accepted binding over. Returns whether packets now go another way than before. */
  accept({ proof, hop, direct, patched, lifetimeMs }: Acceptance, now: number): boolean {
    const { binding } = proof;
    const entry = this.#places.take(binding.hid, now);
    const next = lifetimeMs === 0 ? undefined : hop;
    if (patched || !sameHop(effectiveHop(entry), next)) entry.awaitedUntil = undefined;
    const turned = entry.hop !== undefined && next !== undefined && !sameHop(entry.hop, next);
    // It was under way when the node behind that hop stopped. The node itself says by its first binding that it goes on.
    const stands = entry.state === 'held' && !patched && !direct && next !== undefined && sameHop(entry.hop, next);
    if (turned) {
      entry.moves = [...this.#moves.recent(entry, now), now];
      // Another host counts its notices anew.
      entry.noticeSequence = 0;
    }
    entry.formers = formersAfter(entry, next);
    entry.sequence = binding.sequence;
    entry.hop = next;
    entry.lost = undefined;
    entry.direct = direct;
    entry.proof = proof;
    entry.expiresAt = next === undefined ? Infinity : now + lifetimeMs;
    entry.forgetAt = Math.max(entry.forgetAt, now + lifetimeMs + 2 * this.#skewMs);
    if (entry.tentative !== undefined && entry.tentative.binding.sequence <= binding.sequence) entry.tentative = undefined;
    if (!stands) {
      entry.hold = undefined;
      this.#step(entry, patched ? 'patched' : 'bound');
      if (next === undefined) this.#step(entry, 'ended');
    }
    this.#came(entry, next);
    this.#routes.apply(entry);
    return turned;
  }

  /** Follows a binding that the gateway has yet to answer. */
  propose(tentative: Tentative, now: number): void {
    const entry = this.#places.take(tentative.binding.hid, now);
    entry.tentative = tentative;
    entry.awaitedUntil = undefined;
    if (entry.state === 'held') {
      // Here, or in another machine at this host: it runs.
      if (sameHop(entry.hop, tentative.hop)) this.#resume(entry);
      this.#onAwake(entry.hid);
    }
    this.#routes.apply(entry);
  }

  /** The gateway refused the tentative binding of that sequence: back to what was before. */
  reject(hid: Xid, sequence: number): void {
    const entry = this.#places.get(hid.key);
    if (entry?.tentative === undefined || entry.tentative.binding.sequence !== sequence) return;
    this.#withdraw(entry);
  }

  /**
   * Drops routes and remembered hops over a face that is gone, or to one neighbour on it. Sequences stay, so that no replay
   * gets in.
   */
  faceRemoved(face: number, now: number, neighbour?: number): void {
    for (const entry of this.#places.values()) {
      entry.formers = entry.formers.filter((hop) => !leadsOver(hop, face, neighbour));
      const hop = effectiveHop(entry);
      if (hop !== undefined && leadsOver(hop, face, neighbour)) entry.awaitedUntil = undefined;
      if (entry.tentative !== undefined && leadsOver(entry.tentative.hop, face, neighbour)) entry.tentative = undefined;
      if (entry.hop !== undefined && leadsOver(entry.hop, face, neighbour)) {
        entry.lost = entry.state === 'draining' ? { hop: entry.hop, atMs: now } : undefined;
        entry.hop = undefined;
        // What was patched is waited for: another router of the AD may still send here, and stops when it expires.
        if (entry.state === 'live') {
          entry.expiresAt = Infinity;
          this.#step(entry, 'ended');
        }
      }
      this.#routes.apply(entry);
    }
  }

  /**
   * A neighbour is back. If it was away for a moment only, nobody else has heard of that, and nobody would tell this node again: what
   * it patched leads there again. Whoever told a node of a binding is nearer to the gateway than the node itself, so no circle arises.
   */
  neighbourBack(hop: Hop, now: number): void {
    for (const entry of this.#places.values()) {
      const { lost } = entry;
      if (lost === undefined || !sameHop(lost.hop, hop)) continue;
      entry.lost = undefined;
      if (entry.state !== 'draining' || entry.hop !== undefined || now - lost.atMs > MOMENT_MS) continue;
      entry.hop = lost.hop;
      this.#routes.apply(entry);
    }
  }

  /** The binding of `hid` is being passed on. */
  noteSpread(hid: Xid, now: number): void {
    const entry = this.#places.get(hid.key);
    if (entry !== undefined) entry.spreadAt = now;
  }

  /** A later binding of `hid` is known elsewhere: its packets do not go to where it was bound here any more. */
  forgetPlace(hid: Xid, sequence: number): void {
    const entry = this.#places.get(hid.key);
    if (entry?.hop === undefined || entry.state === 'draining' || entry.sequence >= sequence) return;
    entry.formers = formersAfter(entry, undefined);
    entry.hop = undefined;
    entry.hold = undefined;
    entry.awaitedUntil = undefined;
    this.#step(entry, 'ended');
    entry.tentative = undefined;
    entry.expiresAt = Infinity;
    this.#routes.apply(entry);
  }

  /** When something expires next, `Infinity` if nothing will. */
  nextTimeout(): number {
    return this.#routes.nextTimeout();
  }

  handleTimeout(now: number): void {
    for (;;) {
      const key = this.#routes.popDue(now);
      if (key === undefined) return;
      const entry = this.#places.get(key);
      if (entry !== undefined) this.#expire(entry, now);
    }
  }

  gauges(): Gauge[] {
    return [this.#places.gauge(), this.#staged.gauge()];
  }

  #expire(entry: BindingEntry, now: number): void {
    if (entry.tentative !== undefined && entry.tentative.expiresAt <= now) entry.tentative = undefined;
    if (entry.staged !== undefined && entry.staged.expiresAt <= now) this.#dropStaged(entry);
    if (entry.hold !== undefined && entry.hold.until <= now) this.#resume(entry);
    if (entry.awaitedUntil !== undefined && (entry.awaitedUntil <= now || effectiveHop(entry) === undefined))
      entry.awaitedUntil = undefined;
    if (entry.expiresAt <= now) {
      entry.hop = undefined;
      entry.hold = undefined;
      entry.expiresAt = Infinity;
      this.#step(entry, 'ended');
      this.#onExpired(entry.hid);
    }
    if (isForgettable(entry, now)) this.#forget(entry);
    else this.#routes.apply(entry);
  }

  #withdraw(entry: BindingEntry): void {
    entry.tentative = undefined;
    entry.awaitedUntil = undefined;
    if (entry.sequence === 0 && entry.staged === undefined) this.#forget(entry);
    else this.#routes.apply(entry);
  }

  #resume(entry: BindingEntry): void {
    entry.hold = undefined;
    this.#step(entry, 'resumed');
    // The machine that stood there is gone, and none came in its place.
    if (entry.hop !== undefined) return;
    entry.expiresAt = Infinity;
    this.#step(entry, 'ended');
  }

  #unstage(entry: BindingEntry, now: number): void {
    this.#dropStaged(entry);
    if (isForgettable(entry, now)) this.#forget(entry);
    else this.#routes.schedule(entry);
  }

  #dropStaged(entry: BindingEntry): void {
    entry.staged = undefined;
    this.#staged.delete(entry);
    this.#step(entry, 'not-coming');
  }

  /** It is bound at `hop` now: whoever said that it was coming there was right, and has nothing more to say. */
  #came(entry: BindingEntry, hop: Hop | undefined): void {
    if (entry.staged === undefined || hop === undefined) return;
    if (entry.staged.hop === undefined || sameHop(entry.staged.hop, hop)) this.#dropStaged(entry);
  }

  #step(entry: BindingEntry, input: RouteInput): void {
    entry.state = nextRouteState(entry.state, input);
  }

  #forget(entry: BindingEntry): void {
    this.#routes.drop(entry);
    if (entry.expiresAt !== Infinity) this.#onExpired(entry.hid);
    this.#staged.delete(entry);
    this.#step(entry, 'forgotten');
    this.#places.delete(entry);
  }
}
