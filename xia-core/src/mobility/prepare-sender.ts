import { TimerQueue, equalBytes, type Gauge, type NeighbourLimiter } from '../bytes/index.js';
import type { Counters } from '../bytes/counters.js';
import { SequenceSource } from '../bytes/sequence.js';
import { encodePrepare, type BeaconMessage, type PreparedMessage } from '../wire/mobility-messages.js';
import { sealPrepare } from '../wire/mobility-statements.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import { effectiveHop } from './binding-entry.js';
import type { BindingTable } from './binding-table.js';
import type { CounterName, MobilityEvent } from './events.js';
import { leadsOver, sameHop, type Hop, type LinkSink } from './links.js';
import { placeHash, type HeardBeacon, type StatementVerifier, type VerifyFault } from './verify.js';

const FIRST_RETRANSMIT_MS = 50;
const MAX_TRIES = 6;
const MAX_ASKED = 64;
/** What a guest has prepared is worth nothing when the token in it has aged. */
const KEPT_MS = 20_000;
const ASKED_LIFETIME_MS = 10_000;
/** Two are good at a time; a third is of a beacon that comes late. */
const MAX_TOKENS = 3;

interface PrepareSenderOptions {
  readonly hid: Xid;
  readonly identity: Identity;
  readonly crypto: CryptoSuite;
  readonly table: BindingTable;
  readonly verifier: StatementVerifier;
  readonly sink: LinkSink;
  readonly hopLimiter: NeighbourLimiter;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
}

interface Question {
  readonly hid: Xid;
  readonly hop: Hop;
  readonly place: BeaconMessage;
  readonly heard: HeardBeacon;
  readonly isRecall: boolean;
}

/** Why a guest was not asked: it is not attached to this very node, too many are asked, or the place is not to be believed. */
export type AskFault = 'not-here' | 'too-many' | VerifyFault;

interface Asked {
  readonly hid: Xid;
  readonly hop: Hop;
  readonly heard: HeardBeacon;
  /** Of this place, as it was asked about lately: a slow guest answers the question before. Where it goes to the token is judged. */
  readonly tokens: readonly Uint8Array[];
  readonly payload: Uint8Array;
  /** Whether it is to bind itself anew where it is. */
  readonly isRecall: boolean;
  readonly endsAt: number;
  tries: number;
  delayMs: number;
  /** Whether this question is still waited for. */
  isOpen: boolean;
  sequence: number;
  binding: Uint8Array | undefined;
}

/**
 * The host's side of a prepared move, where the guest still is: asks it to sign a binding for another place, six times at most, and
 * keeps the newest one that it gives. A guest that binds itself anew gives a later one by itself.
 */
export class PrepareSender {
  readonly #options: PrepareSenderOptions;
  readonly #sequences = new SequenceSource();
  readonly #asked = new Map<string, Asked>();
  readonly #timers = new TimerQueue<string>();
  #highWater = 0;
  #refused = 0;

  constructor(options: PrepareSenderOptions) {
    this.#options = options;
  }

  /** Asks a guest; `prepared` follows. Undefined when it was asked. */
  ask(guest: Xid, place: BeaconMessage, now: number, wallNow: number): AskFault | undefined {
    const { table, verifier } = this.#options;
    const entry = table.get(guest);
    const hop = entry === undefined ? undefined : effectiveHop(entry);
    if (entry?.state !== 'live' || !entry.direct || hop === undefined) return 'not-here';
    const heard = verifier.beacon(place.beacon, place.relays, wallNow);
    if (!heard.ok) return heard.reason;
    return this.#open({ hid: guest, hop, place, heard: heard.value, isRecall: false }, now, wallNow);
  }

  /**
   * A guest that was asked to sign for elsewhere stays here, and what it has signed may be loose: it is asked to bind itself anew by
   * the wire that it was asked by, whatever is known of it by now. Undefined when it was asked.
   */
  recall(guest: Xid, place: BeaconMessage, now: number, wallNow: number): AskFault | undefined {
    const before = this.#asked.get(guest.key);
    if (before === undefined) return 'not-here';
    const heard = this.#options.verifier.beacon(place.beacon, place.relays, wallNow);
    if (!heard.ok) return heard.reason;
    return this.#open({ hid: guest, hop: before.hop, place, heard: heard.value, isRecall: true }, now, wallNow);
  }

  #open({ hid: guest, hop, place, heard, isRecall }: Question, now: number, wallNow: number): AskFault | undefined {
    const { crypto, hid: host, identity } = this.#options;
    const before = this.#asked.get(guest.key);
    const isSamePlace = before?.heard.accessPoint.equals(heard.accessPoint) === true;
    if (before === undefined && this.#asked.size >= MAX_ASKED) {
      this.#refused++;
      return 'too-many';
    }
    const prepare = sealPrepare(
      {
        hid: guest,
        host,
        place: placeHash(crypto, place.beacon, place.relays),
        sequence: this.#sequences.next(wallNow),
        issuedMs: Math.floor(wallNow),
        lifetimeMs: ASKED_LIFETIME_MS,
      },
      identity,
    );
    this.#asked.set(guest.key, {
      hid: guest,
      hop,
      heard,
      tokens: withToken(isSamePlace ? before.tokens : [], heard.beacon.token),
      isRecall,
      payload: encodePrepare({ prepare, beacon: place.beacon, relays: place.relays }),
      endsAt: now + KEPT_MS,
      tries: 0,
      delayMs: FIRST_RETRANSMIT_MS,
      isOpen: true,
      sequence: before?.sequence ?? 0,
      binding: isSamePlace ? before?.binding : undefined,
    });
    this.#highWater = Math.max(this.#highWater, this.#asked.size);
    this.#try(guest.key, now);
    return undefined;
  }

  handlePrepared(from: Hop, message: PreparedMessage, isAccessFace: boolean, now: number): void {
    const { counters, hopLimiter, onEvent, verifier } = this.#options;
    if (!isAccessFace) return counters.count('prepared:not-access');
    if (!hopLimiter.take(from.face, from.neighbour, now)) return counters.count('prepared:rate-limited');
    if (this.#asked.size === 0) return counters.count('prepared:unmatched');
    const verified = verifier.binding(message.binding);
    if (!verified.ok) return counters.count(`prepared:${verified.reason}`);
    const binding = verified.value;
    const asked = this.#asked.get(binding.hid.key);
    if (asked === undefined || !sameHop(asked.hop, from)) return counters.count('prepared:unmatched');
    const { beacon, accessPoint } = asked.heard;
    const isThere = binding.router.equals(beacon.hid) && binding.ad.equals(beacon.ad) && binding.accessPoint.equals(accessPoint);
    if (!isThere || !asked.tokens.some((token) => equalBytes(token, binding.token))) return counters.count('prepared:mismatch');
    if (binding.sequence <= asked.sequence) return counters.count('prepared:stale');
    counters.count('prepared:accepted');
    asked.sequence = binding.sequence;
    asked.binding = message.binding;
    if (!asked.isOpen) return;
    asked.isOpen = false;
    this.#timers.set(binding.hid.key, asked.endsAt);
    onEvent({ kind: 'prepared', hid: binding.hid, outcome: 'ok' });
  }

  /** The newest binding that a guest has prepared, as statement bytes. */
  newest(guest: Xid): Uint8Array | undefined {
    return this.#asked.get(guest.key)?.binding;
  }

  /** The guests that were asked and may be about to go, and are behind a wire that goes. */
  askedBehind(face: number, neighbour: number | undefined): Xid[] {
    return [...this.#asked.values()].filter(({ hop, isRecall }) => !isRecall && leadsOver(hop, face, neighbour)).map(({ hid }) => hid);
  }

  nextTimeout(): number {
    return this.#timers.next();
  }

  handleTimeout(now: number): void {
    for (let key = this.#timers.popDue(now); key !== undefined; key = this.#timers.popDue(now)) this.#try(key, now);
  }

  gauges(): Gauge[] {
    const used = this.#asked.size;
    return [
      { name: 'guests asked to prepare', unit: 'entries', used, highWater: this.#highWater, bound: MAX_ASKED, refused: this.#refused },
    ];
  }

  #try(key: string, now: number): void {
    const asked = this.#asked.get(key);
    if (asked === undefined) return;
    if (now >= asked.endsAt) return void this.#asked.delete(key);
    if (asked.isRecall && this.#isBack(asked)) return void this.#asked.delete(key);
    if (asked.isOpen && asked.tries >= MAX_TRIES) {
      asked.isOpen = false;
      if (!asked.isRecall) this.#options.onEvent({ kind: 'prepared', hid: asked.hid, outcome: 'unanswered' });
    }
    if (!asked.isOpen) return this.#timers.set(key, asked.endsAt);
    const first = asked.isRecall ? 'prepare:recalled' : 'prepare:sent';
    this.#options.counters.count(asked.tries === 0 ? first : 'prepare:retransmitted');
    asked.tries += 1;
    this.#timers.set(key, now + asked.delayMs);
    asked.delayMs *= 2;
    this.#options.sink.sendLink(asked.hop.face, asked.hop.neighbour, asked.payload);
  }

  /** Whether a guest that is asked to come back has bound itself here since: later than all that it had prepared, as far as that is known. */
  #isBack({ hid, hop, tries, sequence }: Asked): boolean {
    if (tries === 0) return false;
    const entry = this.#options.table.get(hid);
    const at = entry === undefined ? undefined : effectiveHop(entry);
    return entry?.state === 'live' && at !== undefined && sameHop(at, hop) && entry.sequence > sequence;
  }
}

function withToken(tokens: readonly Uint8Array[], token: Uint8Array): readonly Uint8Array[] {
  return [...tokens.filter((known) => !equalBytes(known, token)), token].slice(-MAX_TOKENS);
}
