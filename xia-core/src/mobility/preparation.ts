import { equalBytes, type NeighbourLimiter } from '../bytes/index.js';
import { encodePrepared, type BeaconMessage, type PrepareMessage } from '../wire/mobility-messages.js';
import type { BindingAck } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import type { AccessPoint } from './access-point.js';
import type { BindingSender, PreparedBinding } from './binding-sender.js';
import type { Counters } from '../bytes/counters.js';
import type { CounterName } from './events.js';
import { overlaps, type Hop, type LinkSink } from './links.js';
import type { HeardBeacon, StatementVerifier } from './verify.js';

/** How long a place is prepared for after it was asked for last: no token lives longer. */
const PREPARED_MS = 20_000;
/** How long the answer to a prepared binding is known again: its machine may have been stopped for most of it. */
const AWAITED_MS = 90_000;

/** Asked every few seconds for as long as a token lives, and signed anew at every renewal: fewer than these. */
const REMEMBERED_SEQUENCES = 16;

interface PreparationOptions {
  readonly hid: Xid;
  readonly verifier: StatementVerifier;
  readonly sender: BindingSender;
  readonly sink: LinkSink;
  /** What one neighbour may ask for, before any signature is looked at. */
  readonly limiter: NeighbourLimiter;
  readonly lifetimeMs: number;
  readonly counters: Counters<CounterName>;
}

/** A place that a binding was signed for and not sent to. */
export interface PreparedPlace {
  readonly heard: HeardBeacon;
  readonly message: BeaconMessage;
}

interface Prepared extends PreparedPlace {
  readonly hop: Hop;
  /** Of the host's word. */
  readonly askedSequence: number;
  readonly until: number;
  readonly awaitedUntil: number;
  signed: PreparedBinding | undefined;
  /** Of all that were signed for there, the latest last: which of them was sent is not known here. */
  sequences: readonly number[];
}

/**
 * The guest's side of a prepared move. Its host shows it a beacon of where it may soon be; the guest checks that as any beacon, signs a
 * binding for there and gives it to the host, and stays where it is. The ack of such a binding, when it comes, is the move. One place
 * at a time: the last that was asked for.
 */
export class Preparation {
  readonly #options: PreparationOptions;
  #prepared: Prepared | undefined;
  #lastAsked: { readonly host: Xid; readonly sequence: number } | undefined;

  constructor(options: PreparationOptions) {
    this.#options = options;
  }

  /**
   * @param present where this node is bound; only the node that it is attached to there may ask
   * @returns true when it is asked to sign for where it is: whatever it has prepared it is to overrule at once
   */
  handlePrepare(
    from: Hop,
    message: PrepareMessage,
    present: AccessPoint | undefined,
    trusts: (ad: Xid) => boolean,
    now: number,
    wallNow: number,
  ): boolean {
    const { counters, hid, limiter, verifier } = this.#options;
    const refuse = (name: CounterName) => {
      counters.count(name);
      return false;
    };
    if (present === undefined || !overlaps(present.hop, from)) return refuse('prepare:unmatched');
    if (!limiter.take(from.face, from.neighbour, now)) return refuse('prepare:rate-limited');
    const verified = verifier.prepare(message.prepare, message.beacon, message.relays, wallNow);
    if (!verified.ok) return refuse(`prepare:${verified.reason}`);
    const asked = verified.value;
    if (!asked.host.equals(present.accessPoint)) return refuse('prepare:not-my-host');
    if (!asked.hid.equals(hid)) return refuse('prepare:not-mine');
    const last = this.#lastAsked;
    if (last !== undefined && last.host.equals(asked.host) && asked.sequence <= last.sequence) {
      // Its answer was lost; whatever is older is a replay.
      const prepared = this.#prepared;
      if (prepared?.askedSequence !== asked.sequence) return refuse('prepare:replayed');
      counters.count('prepare:repeated');
      this.#answer(prepared);
      return false;
    }
    const beacon = verifier.beacon(message.beacon, message.relays, wallNow);
    if (!beacon.ok) return refuse(`prepare:${beacon.reason}`);
    const heard = beacon.value;
    if (heard.beacon.hid.equals(hid) || heard.relays.some((relay) => relay.equals(hid))) return refuse('prepare:from-myself');
    if (!trusts(heard.beacon.ad)) return refuse('prepare:untrusted-ad');
    if (heard.accessPoint.equals(present.accessPoint)) {
      counters.count('prepare:stays');
      this.#lastAsked = { host: asked.host, sequence: asked.sequence };
      this.#prepared = undefined;
      return true;
    }
    const before = this.#prepared;
    const known = before?.heard.beacon;
    if (known?.hid.equals(heard.beacon.hid) === true && heard.beacon.sequence < known.sequence) return refuse('prepare:replayed');
    counters.count('prepare:accepted');
    this.#lastAsked = { host: asked.host, sequence: asked.sequence };
    const { beacon: bytes, relays } = message;
    this.#prepared = {
      heard,
      message: { beacon: bytes, relays },
      hop: from,
      askedSequence: asked.sequence,
      until: now + PREPARED_MS,
      awaitedUntil: now + AWAITED_MS,
      signed: undefined,
      sequences: isSamePlace(before?.heard, heard) ? before!.sequences : [],
    };
    this.#sign(this.#prepared, now, wallNow);
    return false;
  }

  /** This node has sent a later binding where it is: the one that it prepared would be older. */
  renew(now: number, wallNow: number): void {
    const prepared = this.#prepared;
    if (prepared !== undefined && now < prepared.until) this.#sign(prepared, now, wallNow);
  }

  /** Whether an ack from there may be of a prepared binding. */
  mayAnswer(from: Hop, now: number): boolean {
    return this.#prepared !== undefined && this.#prepared.hop.face === from.face && now < this.#prepared.awaitedUntil;
  }

  /** The place that an ack is of; undefined when it is of no prepared binding. Nothing is prepared any more then. */
  answered({ hid, ad, router, sequence }: BindingAck): PreparedPlace | undefined {
    const prepared = this.#prepared;
    if (prepared === undefined || !prepared.sequences.includes(sequence) || !hid.equals(this.#options.hid)) return undefined;
    const { beacon } = prepared.heard;
    if (!router.equals(beacon.hid) || !ad.equals(beacon.ad)) return undefined;
    this.#prepared = undefined;
    return prepared;
  }

  /** The node goes to an access point that it has heard: what it has signed for there, if that is as good as one signed now. */
  take({ beacon, accessPoint }: AccessPoint): PreparedBinding | undefined {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared === undefined || !prepared.heard.accessPoint.equals(accessPoint)) return undefined;
    const signedFor = prepared.heard.beacon;
    const isSame = signedFor.hid.equals(beacon.hid) && signedFor.ad.equals(beacon.ad) && equalBytes(signedFor.token, beacon.token);
    return isSame ? prepared.signed : undefined;
  }

  /** Nothing is prepared any more. */
  clear(): void {
    this.#prepared = undefined;
  }

  /** Forgets a place in an AD that is not trusted any more. */
  keep(trusts: (ad: Xid) => boolean): void {
    if (this.#prepared !== undefined && !trusts(this.#prepared.heard.beacon.ad)) this.clear();
  }

  #sign(prepared: Prepared, now: number, wallNow: number): void {
    const { lifetimeMs, sender } = this.#options;
    prepared.signed = sender.prepare(prepared.heard, lifetimeMs, now, wallNow);
    prepared.sequences = [...prepared.sequences, prepared.signed.sequence].slice(-REMEMBERED_SEQUENCES);
    this.#answer(prepared);
  }

  #answer({ hop, signed }: Prepared): void {
    if (signed === undefined) return;
    this.#options.counters.count('prepared:sent');
    this.#options.sink.sendLink(hop.face, hop.neighbour, encodePrepared({ binding: signed.binding }));
  }
}

function isSamePlace(a: HeardBeacon | undefined, b: HeardBeacon): boolean {
  return a !== undefined && a.accessPoint.equals(b.accessPoint) && a.beacon.hid.equals(b.beacon.hid) && a.beacon.ad.equals(b.beacon.ad);
}
