import { encodeBindingMessage } from '../wire/mobility-messages.js';
import { MAX_PREVIOUS_ADS, sealBinding, type Beacon } from '../wire/mobility-statements.js';
import type { Identity, Xid } from '../xid/index.js';
import type { AccessPoint } from './access-point.js';
import type { Counters } from '../bytes/counters.js';
import type { CounterName } from './events.js';
import type { Hop, LinkSink } from './links.js';
import { SequenceSource } from '../bytes/sequence.js';

const FIRST_RETRANSMIT_MS = 20;
const MAX_RETRANSMIT_MS = 1000;
/** A binding unanswered for so many tries is made anew: its token may have aged meanwhile. */
const REMAKE_TRIES = 6;
/** A node restored from an older state has lost its last sequence and perhaps its clock: it feels its way forward. */
const FIRST_SKIP = 60_000;
const MAX_SKIP = 86_400_000;
/** A prepared binding is worth nothing any more: its token has aged, and whoever released it in time has heard of a later one. */
const PROMISED_MS = 40_000;

/** Where a binding is to lead, by a beacon of there. */
interface PreparedPlace {
  readonly beacon: Beacon;
  readonly accessPoint: Xid;
}

/** A signed binding that is not sent from here. */
export interface PreparedBinding {
  readonly sequence: number;
  readonly binding: Uint8Array;
}

interface Outstanding {
  readonly sequence: number;
  readonly hop: Hop;
  readonly lifetimeMs: number;
  readonly payload: Uint8Array;
  delayMs: number;
  at: number;
  tries: number;
}

/** Makes this node's bindings and repeats the newest one until the gateway answers. */
export class BindingSender {
  readonly #hid: Xid;
  readonly #identity: Identity;
  readonly #sink: LinkSink;
  readonly #counters: Counters<CounterName>;
  readonly #sequences = new SequenceSource();
  #outstanding: Outstanding | undefined;
  #skip = FIRST_SKIP;
  #unanswered = 0;
  /** ADs that a binding was sent to, the latest first: from the first send on, packets may go there. */
  #ads: readonly Xid[] = [];
  /** The AD that a prepared binding was made for: whoever has that may have it turned there. */
  #promised: { readonly ad: Xid; readonly until: number } | undefined;

  constructor(options: { hid: Xid; identity: Identity; sink: LinkSink; counters: Counters<CounterName> }) {
    this.#hid = options.hid;
    this.#identity = options.identity;
    this.#sink = options.sink;
    this.#counters = options.counters;
  }

  /** When the binding is repeated; `Infinity` when no answer is waited for. */
  get at(): number {
    return this.#outstanding?.at ?? Infinity;
  }

  /** The sequence that an answer is waited for. */
  get sequence(): number | undefined {
    return this.#outstanding?.sequence;
  }

  /** How often the outstanding binding has been sent. */
  get tries(): number {
    return this.#outstanding?.tries ?? 0;
  }

  /** Sends a new binding to `point` in place of an outstanding one. Lifetime 0 detaches. */
  send(point: AccessPoint, lifetimeMs: number, now: number, wallNow: number): void {
    this.#outstanding = this.#make(point, lifetimeMs, FIRST_RETRANSMIT_MS, now, wallNow);
    this.#transmit(this.#outstanding, now);
  }

  /** A binding to a place where this node may soon be, for somebody else to send. What is bound here goes on. */
  prepare({ beacon, accessPoint }: PreparedPlace, lifetimeMs: number, now: number, wallNow: number): PreparedBinding {
    const { ad } = beacon;
    const previousAds = this.#ads.filter((before) => !before.equals(ad)).slice(0, MAX_PREVIOUS_ADS);
    this.#promised = { ad, until: now + PROMISED_MS };
    this.#counters.count('prepare:signed');
    return this.#seal({ beacon, accessPoint, previousAds, lifetimeMs }, wallNow);
  }

  /** Sends a binding that was prepared for `point`: what takes long, to sign it, was done before. */
  sendPrepared(point: AccessPoint, { sequence, binding }: PreparedBinding, lifetimeMs: number, now: number): void {
    this.#enter(point.beacon.ad);
    this.#promised = undefined;
    const payload = encodeBindingMessage({ binding });
    this.#counters.count('binding:prepared');
    this.#outstanding = { sequence, hop: point.hop, lifetimeMs, payload, delayMs: FIRST_RETRANSMIT_MS, at: Infinity, tries: 0 };
    this.#transmit(this.#outstanding, now);
  }

  /** Somebody else has sent a prepared binding, and it was accepted: this node is there, and what was to be sent elsewhere is void. */
  adopt(ad: Xid): void {
    this.#outstanding = undefined;
    this.#promised = undefined;
    this.#enter(ad);
  }

  /** An answer came: `isStale` when a later sequence than ours is known there. No answer is waited for any more. */
  answered(isStale: boolean): void {
    this.#outstanding = undefined;
    this.#unanswered = 0;
    if (isStale) this.#skipAhead();
    else this.#skip = FIRST_SKIP;
  }

  stop(): void {
    this.#outstanding = undefined;
  }

  /** Repeats what is due; after some tries with a new binding to `point`, the newest that is known of the access point. */
  handleTimeout(point: AccessPoint, now: number, wallNow: number): void {
    let outstanding = this.#outstanding;
    if (outstanding === undefined || now < outstanding.at) return;
    this.#counters.count('binding:retransmitted');
    if (outstanding.tries >= REMAKE_TRIES) {
      this.#unanswered += 1;
      if (this.#unanswered > 1) this.#skipAhead();
      outstanding = this.#make(point, outstanding.lifetimeMs, outstanding.delayMs, now, wallNow);
      this.#outstanding = outstanding;
    }
    this.#transmit(outstanding, now);
  }

  #make(point: AccessPoint, lifetimeMs: number, delayMs: number, now: number, wallNow: number): Outstanding {
    const { beacon, accessPoint } = point;
    this.#enter(beacon.ad);
    const { sequence, binding } = this.#seal({ beacon, accessPoint, previousAds: this.#previousAds(beacon.ad, now), lifetimeMs }, wallNow);
    const payload = encodeBindingMessage({ binding });
    this.#counters.count('binding:sent');
    return { sequence, hop: point.hop, lifetimeMs, payload, delayMs, at: Infinity, tries: 0 };
  }

  #seal(
    { beacon, accessPoint, previousAds, lifetimeMs }: PreparedPlace & { readonly previousAds: readonly Xid[]; readonly lifetimeMs: number },
    wallNow: number,
  ): PreparedBinding {
    const sequence = this.#sequences.next(wallNow);
    const binding = sealBinding(
      {
        hid: this.#hid,
        ad: beacon.ad,
        router: beacon.hid,
        sequence,
        issuedMs: Math.floor(wallNow),
        lifetimeMs,
        token: beacon.token,
        previousAds: [...previousAds],
        accessPoint,
      },
      this.#identity,
    );
    return { sequence, binding };
  }

  #enter(ad: Xid): void {
    this.#ads = [ad, ...this.#ads.filter((before) => !before.equals(ad))].slice(0, MAX_PREVIOUS_ADS + 1);
  }

  /** Where packets may still go: where it was, and where a prepared binding may have turned them. */
  #previousAds(ad: Xid, now: number): readonly Xid[] {
    const promised = this.#promised !== undefined && now < this.#promised.until ? this.#promised.ad : undefined;
    const before = this.#ads.slice(1);
    if (promised === undefined || promised.equals(ad)) return before;
    return [promised, ...before.filter((other) => !other.equals(promised))].slice(0, MAX_PREVIOUS_ADS);
  }

  #skipAhead(): void {
    this.#sequences.skip(this.#skip);
    this.#skip = Math.min(2 * this.#skip, MAX_SKIP);
  }

  #transmit(outstanding: Outstanding, now: number): void {
    const { face, neighbour } = outstanding.hop;
    outstanding.tries += 1;
    outstanding.at = now + outstanding.delayMs;
    outstanding.delayMs = Math.min(2 * outstanding.delayMs, MAX_RETRANSMIT_MS);
    this.#sink.sendLink(face, neighbour, outstanding.payload);
  }
}
