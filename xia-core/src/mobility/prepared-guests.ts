import { TimerQueue, equalBytes, type Gauge } from '../bytes/index.js';
import type { Counters } from '../bytes/counters.js';
import { encodeBindingAckMessage } from '../wire/mobility-messages.js';
import type { Xid } from '../xid/index.js';
import type { BindingTable } from './binding-table.js';
import type { CounterName } from './events.js';
import type { Fences } from './fences.js';
import { sameHop, type Hop, type LinkSink } from './links.js';
import type { StatementVerifier, VerifyFault } from './verify.js';
import { Wires } from './wires.js';

const MAX_PREPARED = 256;
/** The gateway takes no token that is older. */
const KEPT_MS = 20_000;
/** How long packets wait here for a guest that is about to run. */
const AWAIT_MS = 5000;
const FIRST_RETRANSMIT_MS = 20;
const MAX_RETRANSMIT_MS = 1000;

/** What guests of this node bind to: its own gateway, or itself. */
export interface GuestPlace {
  readonly ad: Xid;
  readonly router: Xid;
  acceptsToken(token: Uint8Array, now: number): boolean;
}

interface PreparedGuestsOptions {
  readonly hid: Xid;
  readonly table: BindingTable;
  readonly fences: Fences;
  readonly verifier: StatementVerifier;
  readonly sink: LinkSink;
  readonly place: () => GuestPlace | undefined;
  /** Whether packets are held at all. */
  readonly holds: () => boolean;
  /** Takes a binding as if the guest had just sent it from there. */
  readonly bind: (from: Hop, binding: Uint8Array, now: number, wallNow: number) => void;
  readonly counters: Counters<CounterName>;
}

/** Why a prepared binding is not kept. */
export type PreparedFault =
  | VerifyFault
  /** It is of another guest than is said. */
  | 'wrong-guest'
  /** Nobody has said that the guest comes. */
  | 'not-expected'
  | 'not-attached'
  /** It leads to another access point. */
  | 'wrong-place'
  | 'bad-token'
  | 'stale'
  | 'too-many';

interface PreparedGuest {
  readonly hid: Xid;
  readonly sequence: number;
  readonly binding: Uint8Array;
  /** The MAC address of its card as text, if it is known: it shows itself by that. */
  readonly station: string | undefined;
  endsAt: number;
  /** Where it was sent from; undefined while it is only kept. */
  hop: Hop | undefined;
  delayMs: number;
}

/**
 * The host's side of a prepared move, where the guest is to be: keeps the binding that the guest has signed before it left, and sends it
 * up in the moment that the guest is this host's to run, or shows itself on a wire, or is said to run. Until it runs its packets wait.
 * Each guest's binding is judged as one that comes by a wire; the gateway, which has the last word, knows no difference.
 */
export class PreparedGuests {
  readonly #options: PreparedGuestsOptions;
  readonly #guests = new Map<string, PreparedGuest>();
  readonly #timers = new TimerQueue<string>();
  readonly #wires = new Wires();
  #highWater = 0;
  #refused = 0;

  constructor(options: PreparedGuestsOptions) {
    this.#options = options;
  }

  /** Keeps a binding in place of an older one of that guest. Undefined when it is kept. */
  take(guest: Xid, bytes: Uint8Array, station: string | undefined, now: number): PreparedFault | undefined {
    const { counters } = this.#options;
    const fault = this.#judge(guest, bytes, station, now);
    counters.count(fault === undefined ? 'prepared:kept' : 'prepared:refused');
    return fault;
  }

  /** The guest comes no more. */
  drop(guest: Xid): void {
    this.#guests.delete(guest.key);
    this.#timers.cancel(guest.key);
  }

  /** The guest is this host's from now on, and about to run: its way is turned, and what comes by it waits. */
  arriving(guest: Xid, now: number, wallNow: number): void {
    const prepared = this.#guests.get(guest.key);
    if (prepared === undefined || prepared.hop !== undefined) return;
    const hop = this.#wireOf(prepared);
    if (hop === undefined) return;
    this.#send(prepared, hop, now, wallNow);
    const { holds, table } = this.#options;
    if (holds() && this.#isFollowed(prepared)) table.awaitGuest(guest, now + AWAIT_MS);
  }

  /** The guest is said to run. */
  runs(guest: Xid, now: number, wallNow: number): void {
    const prepared = this.#guests.get(guest.key);
    const hop = prepared?.hop ?? (prepared && this.#wireOf(prepared));
    if (prepared !== undefined && hop !== undefined) this.#shows(prepared, hop, now, wallNow);
  }

  /** Something is plugged into an access face, or (with its MAC address) has just announced itself there. */
  appeared(hop: Hop, station: string | undefined, now: number, wallNow: number): void {
    this.#wires.appeared(hop, station);
    if (station === undefined || this.#guests.size === 0) return;
    const mayBe = [...this.#guests.values()].filter((prepared) => prepared.station === undefined || prepared.station === station);
    const known = mayBe.find((prepared) => prepared.station === station);
    const shown = known ?? (mayBe.length === 1 ? mayBe[0] : undefined);
    if (shown !== undefined && this.#isFree(hop, shown.hid)) this.#shows(shown, hop, now, wallNow);
  }

  /** A guest asks by a wire who is there: it is awake. Nobody else is believed to be it where it is not plugged in. */
  asks(hop: Hop, guest: Xid, now: number, wallNow: number): void {
    const prepared = this.#guests.get(guest.key);
    if (prepared === undefined || !this.#wires.has(hop)) return;
    if (prepared.hop === undefined ? this.#isFree(hop, guest) : sameHop(prepared.hop, hop)) this.#shows(prepared, hop, now, wallNow);
  }

  faceRemoved(face: number, neighbour: number | undefined): void {
    this.#wires.faceRemoved(face, neighbour);
  }

  nextTimeout(): number {
    return this.#timers.next();
  }

  handleTimeout(now: number, wallNow: number): void {
    for (let key = this.#timers.popDue(now); key !== undefined; key = this.#timers.popDue(now)) {
      const prepared = this.#guests.get(key);
      if (prepared === undefined) continue;
      if (now >= prepared.endsAt) this.drop(prepared.hid);
      else if (prepared.hop !== undefined && this.#isUnanswered(prepared)) this.#send(prepared, prepared.hop, now, wallNow);
      else this.#timers.set(key, prepared.endsAt);
    }
  }

  gauges(): Gauge[] {
    const used = this.#guests.size;
    const guests: Gauge = {
      name: 'prepared guests',
      unit: 'entries',
      used,
      highWater: this.#highWater,
      bound: MAX_PREPARED,
      refused: this.#refused,
    };
    return [guests, this.#wires.gauge()];
  }

  #judge(guest: Xid, bytes: Uint8Array, station: string | undefined, now: number): PreparedFault | undefined {
    const { hid, place, table, verifier } = this.#options;
    const verified = verifier.binding(bytes);
    if (!verified.ok) return verified.reason;
    const binding = verified.value;
    if (!binding.hid.equals(guest)) return 'wrong-guest';
    const entry = table.get(guest);
    if (entry?.staged === undefined || entry.staged.hop !== undefined) return 'not-expected';
    const here = place();
    if (here === undefined) return 'not-attached';
    if (!binding.router.equals(here.router) || !binding.ad.equals(here.ad) || !binding.accessPoint.equals(hid)) return 'wrong-place';
    if (!here.acceptsToken(binding.token, now)) return 'bad-token';
    const before = this.#guests.get(guest.key);
    if (binding.sequence <= entry.sequence || binding.sequence < (before?.sequence ?? 0)) return 'stale';
    if (before?.hop !== undefined && this.#isUnanswered(before)) return 'stale';
    if (before === undefined && this.#guests.size >= MAX_PREPARED) {
      this.#refused++;
      return 'too-many';
    }
    const { sequence } = binding;
    const endsAt = now + KEPT_MS;
    this.#guests.set(guest.key, { hid: guest, sequence, binding: bytes, station, endsAt, hop: undefined, delayMs: FIRST_RETRANSMIT_MS });
    this.#highWater = Math.max(this.#highWater, this.#guests.size);
    this.#timers.set(guest.key, endsAt);
    return undefined;
  }

  #shows(prepared: PreparedGuest, hop: Hop, now: number, wallNow: number): void {
    const { sink, table } = this.#options;
    if (prepared.hop === undefined) return this.#send(prepared, hop, now, wallNow);
    if (!table.guestRuns(prepared.hid)) return;
    // The answer may have come before anybody was there to hear it.
    const proof = table.get(prepared.hid)?.proof;
    if (proof !== undefined && equalBytes(proof.bindingBytes, prepared.binding))
      sink.sendLink(hop.face, hop.neighbour, encodeBindingAckMessage({ ack: proof.ackBytes, hid: prepared.hid }));
  }

  #send(prepared: PreparedGuest, hop: Hop, now: number, wallNow: number): void {
    const { bind, counters, fences } = this.#options;
    counters.count(prepared.hop === undefined ? 'prepared:released' : 'prepared:repeated');
    // The copy of long ago is not the one that comes: whoever runs this host has said which wire it may come by.
    if (prepared.hop === undefined) {
      fences.lift(prepared.hid);
      prepared.endsAt = now + AWAIT_MS;
    }
    prepared.hop = hop;
    bind(hop, prepared.binding, now, wallNow);
    this.#timers.set(prepared.hid.key, now + prepared.delayMs);
    prepared.delayMs = Math.min(2 * prepared.delayMs, MAX_RETRANSMIT_MS);
  }

  /** Whether the binding was sent up and nothing has come of it yet. */
  #isUnanswered({ hid, sequence }: PreparedGuest): boolean {
    return this.#options.table.get(hid)?.tentative?.binding.sequence === sequence;
  }

  #isFollowed(prepared: PreparedGuest): boolean {
    return this.#isUnanswered(prepared) || this.#options.table.get(prepared.hid)?.sequence === prepared.sequence;
  }

  #wireOf({ hid, station }: PreparedGuest): Hop | undefined {
    return this.#wires.only(station, (hop) => this.#isFree(hop, hid));
  }

  /** Whether nobody else is bound by that wire, and no copy that was given away sends by it. */
  #isFree(hop: Hop, guest: Xid): boolean {
    const { fences, table } = this.#options;
    return !fences.blocks(hop.face, hop.neighbour) && !table.isTaken(hop, guest);
  }
}
