import { encodeBindingMessage } from '../wire/mobility-messages.js';
import { MAX_PREVIOUS_ADS, sealBinding } from '../wire/mobility-statements.js';
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
    this.#outstanding = this.#make(point, lifetimeMs, FIRST_RETRANSMIT_MS, wallNow);
    this.#transmit(this.#outstanding, now);
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
      outstanding = this.#make(point, outstanding.lifetimeMs, outstanding.delayMs, wallNow);
      this.#outstanding = outstanding;
    }
    this.#transmit(outstanding, now);
  }

  #make(point: AccessPoint, lifetimeMs: number, delayMs: number, wallNow: number): Outstanding {
    const { beacon, accessPoint } = point;
    this.#ads = [beacon.ad, ...this.#ads.filter((ad) => !ad.equals(beacon.ad))].slice(0, MAX_PREVIOUS_ADS + 1);
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
        previousAds: this.#ads.slice(1),
        accessPoint,
      },
      this.#identity,
    );
    const payload = encodeBindingMessage({ binding });
    this.#counters.count('binding:sent');
    return { sequence, hop: point.hop, lifetimeMs, payload, delayMs, at: Infinity, tries: 0 };
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
