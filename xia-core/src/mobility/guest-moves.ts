import type { Gauge, NeighbourLimiter, RandomSource } from '../bytes/index.js';
import type { BeaconMessage, NoticeAckMessage, PreparedMessage } from '../wire/mobility-messages.js';
import { MAX_NOTICE_LIFETIME_MS } from '../wire/mobility-statements.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import type { BindingTable } from './binding-table.js';
import type { Counters } from '../bytes/counters.js';
import type { AttachmentInfo, CounterName, MobilityEvent } from './events.js';
import type { Fences } from './fences.js';
import type { Hop, LinkSink } from './links.js';
import { NoticeSender } from './notice-sender.js';
import { MAX_HOLD_MS } from './notice-taker.js';
import { PrepareSender, type AskFault } from './prepare-sender.js';
import { PreparedGuests, type GuestPlace, type PreparedFault } from './prepared-guests.js';
import type { StatementVerifier } from './verify.js';

interface GuestMovesOptions {
  readonly hid: Xid;
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  readonly table: BindingTable;
  readonly fences: Fences;
  readonly verifier: StatementVerifier;
  readonly sink: LinkSink;
  readonly hopLimiter: NeighbourLimiter;
  /** Whether packets are held at all. */
  readonly holds: () => boolean;
  /** A host: where it is bound, undefined while it is not. A router has no such function, and tells nobody of its guests. */
  readonly attachment?: (() => AttachmentInfo | undefined) | undefined;
  readonly place: () => GuestPlace | undefined;
  /** What a guest hears here. */
  readonly beacon: (now: number) => BeaconMessage | undefined;
  readonly bind: (from: Hop, binding: Uint8Array, now: number, wallNow: number) => void;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
}

/**
 * What a host, or a router with guests of its own, is told of the machines that come and go, by whoever moves them: where one comes to
 * and where it goes from.
 */
export class GuestMoves {
  readonly #options: GuestMovesOptions;
  readonly #notices: NoticeSender | undefined;
  readonly #questions: PrepareSender;
  readonly #prepared: PreparedGuests;
  /** HIDs that were held, and have just bound themselves here. */
  readonly #awake: Xid[] = [];
  /** As it was when a guest was asked last. */
  #wallOffsetMs = 0;

  constructor(options: GuestMovesOptions) {
    this.#options = options;
    const { attachment } = options;
    this.#notices = attachment && new NoticeSender({ ...options, attachment });
    this.#questions = new PrepareSender(options);
    this.#prepared = new PreparedGuests(options);
  }

  /**
   * A guest is about to come to this node (`lifetimeMs` 0: it is not): the gateway makes a place ready for it, or says that it has
   * none. `noticed` follows.
   */
  expect(guest: Xid, lifetimeMs: number, now: number, wallNow: number): void {
    const { onEvent, table } = this.#options;
    const sequence = this.#noticeSequence(wallNow);
    const lifetime = Math.min(lifetimeMs, MAX_NOTICE_LIFETIME_MS);
    if (lifetime === 0) this.#prepared.drop(guest);
    const outcome = table.stage(guest, undefined, sequence, lifetime, now);
    if (this.#notices === undefined || outcome !== 'ok') onEvent({ kind: 'noticed', hid: guest, phase: 'coming', outcome });
    else this.#notices.send(guest, 'coming', sequence, lifetime, now, wallNow);
  }

  /** What a guest of this node hears: where one that comes will be. Undefined while it hears nothing. */
  place(now: number): BeaconMessage | undefined {
    return this.#options.beacon(now);
  }

  /** Asks a guest that is here to sign a binding for elsewhere; `prepared` follows. Undefined when it was asked. */
  prepare(guest: Xid, place: BeaconMessage, now: number, wallNow: number): AskFault | undefined {
    this.#wallOffsetMs = wallNow - now;
    return this.#questions.ask(guest, place, now, wallNow);
  }

  /**
   * A guest that was to go elsewhere stays here: should what it has signed for there be loose, it overrules that at once. Undefined when
   * it was asked to, and there is nothing to be done where it was never asked to sign.
   */
  stays(guest: Xid, now: number, wallNow: number): AskFault | 'no-place' | undefined {
    const place = this.place(now);
    return place === undefined ? 'no-place' : this.#questions.recall(guest, place, now, wallNow);
  }

  /** The newest binding that a guest here has signed for elsewhere, as statement bytes. */
  prepared(guest: Xid): Uint8Array | undefined {
    return this.#questions.newest(guest);
  }

  /** Keeps the binding that a guest has signed for here, until it comes. Undefined when it is kept. */
  takePrepared(guest: Xid, binding: Uint8Array, station: string | undefined, now: number): PreparedFault | undefined {
    return this.#prepared.take(guest, binding, station, now);
  }

  /** A guest is this node's from now on, and about to run: its way is turned, and its packets wait for it here. */
  arriving(guest: Xid, now: number, wallNow: number): void {
    this.#prepared.arriving(guest, now, wallNow);
  }

  /**
   * A guest stands still, about to go elsewhere: its packets wait here, and with the gateway as soon as that knows, until it
   * turns up or `runs`; 5 s at most. False when nothing is held: it is not bound here, or holding is off.
   */
  pause(guest: Xid, now: number, wallNow: number): boolean {
    const { holds, table } = this.#options;
    const sequence = this.#noticeSequence(wallNow);
    const isHere = table.get(guest)?.state === 'live';
    if (!holds() || !isHere || !table.pause(guest, sequence, now + MAX_HOLD_MS)) return false;
    this.#notices?.send(guest, 'paused', sequence, MAX_HOLD_MS, now, wallNow);
    return true;
  }

  /** A guest runs here: one that stood still goes on and gets what was held, one that was to come has come. */
  runs(guest: Xid, now: number, wallNow: number): void {
    const { table } = this.#options;
    this.#prepared.runs(guest, now, wallNow);
    if (table.get(guest)?.state !== 'held') return;
    const sequence = this.#noticeSequence(wallNow);
    table.resume(guest, sequence);
    this.#notices?.send(guest, 'paused', sequence, 0, now, wallNow);
  }

  /** Something is plugged into an access face, or (with its MAC address as text) has just announced itself there. */
  appeared(hop: Hop, station: string | undefined, now: number, wallNow: number): void {
    this.#prepared.appeared(hop, station, now, wallNow);
  }

  /** Somebody who says to be a guest asks who is there. */
  asks(hop: Hop, guest: Xid, now: number, wallNow: number): void {
    this.#prepared.asks(hop, guest, now, wallNow);
  }

  /** A HID that was held has bound itself by way of this node. */
  awake(hid: Xid): void {
    this.#awake.push(hid);
  }

  /** Whoever was said to stand still, and binds itself here, goes on: the gateway need not hold its packets. */
  tellAwake(now: number, wallNow: number): void {
    for (const hid of this.#awake.splice(0)) this.#notices?.send(hid, 'paused', this.#noticeSequence(wallNow), 0, now, wallNow);
  }

  handleNoticeAck(from: Hop, message: NoticeAckMessage): void {
    if (this.#notices === undefined) return this.#options.counters.count('notice-ack:unmatched');
    this.#notices.handleAck(from, message);
  }

  handlePrepared(from: Hop, message: PreparedMessage, isAccessFace: boolean, now: number): void {
    this.#questions.handlePrepared(from, message, isAccessFace, now);
  }

  /**
   * A wire is about to go. A guest that is about to move, and whose machine ends before anybody has said that it stands still, is on its
   * way: its packets wait as if that had been said.
   */
  faceRemoved(face: number, neighbour: number | undefined, now: number): void {
    this.#prepared.faceRemoved(face, neighbour);
    for (const guest of this.#questions.askedBehind(face, neighbour)) this.pause(guest, now, now + this.#wallOffsetMs);
  }

  nextTimeout(): number {
    return Math.min(this.#notices?.nextTimeout() ?? Infinity, this.#questions.nextTimeout(), this.#prepared.nextTimeout());
  }

  handleTimeout(now: number, wallNow: number): void {
    this.#notices?.handleTimeout(now, wallNow);
    this.#questions.handleTimeout(now);
    this.#prepared.handleTimeout(now, wallNow);
  }

  gauges(): Gauge[] {
    return [...(this.#notices?.gauges() ?? []), ...this.#questions.gauges(), ...this.#prepared.gauges()];
  }

  #noticeSequence(wallNow: number): number {
    return this.#notices?.nextSequence(wallNow) ?? Math.floor(wallNow);
  }
}
