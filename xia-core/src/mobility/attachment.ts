import { equalBytes, type Gauge, type NeighbourLimiter } from '../bytes/index.js';
import type { BeaconMessage, BindingAckMessage, PrepareMessage } from '../wire/mobility-messages.js';
import type { BindingAck } from '../wire/mobility-statements.js';
import type { Identity, Xid } from '../xid/index.js';
import {
  AccessPointList,
  accessPointKey,
  attachmentOf,
  isNewHere,
  lateAt,
  lostAt,
  missedAt,
  sameLives,
  shouldMove,
  type AccessPoint,
} from './access-point.js';
import { nextAttachmentState, type AttachmentInput, type AttachmentState } from './attachment-state.js';
import { BindingSender } from './binding-sender.js';
import type { Counters } from '../bytes/counters.js';
import type { AttachmentInfo, CounterName, MobilityEvent } from './events.js';
import { leadsOver, overlaps, type Hop, type LinkFaces, type LinkSink } from './links.js';
import { Preparation, type PreparedPlace } from './preparation.js';
import { Solicitor } from './solicitor.js';
import type { StatementVerifier } from './verify.js';

const DEFAULT_BINDING_LIFETIME_MS = 30_000;
const DEFAULT_CLOCK_JUMP_MS = 150;

const SEARCH_SOLICIT_MS = 200;
const HINT_SOLICIT_MS = 50;
const HINT_MEMORY_MS = 1000;
/** An answer to a solicitation may repeat a beacon that was heard before. */
const SOLICITED_MS = 1000;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 8000;
const LEAVE_TRIES = 5;
const REMEMBERED_TOKENS = 3;

/** Why a node may have moved: its clock jumped, its link came up or changed, or the host saw the announcement of a resumed machine. */
export type HintReason = 'clock' | 'link' | 'announcement';

interface AttachmentOptions {
  readonly hid: Xid;
  readonly identity: Identity;
  readonly verifier: StatementVerifier;
  readonly faces: LinkFaces;
  readonly sink: LinkSink;
  readonly hopLimiter: NeighbourLimiter;
  /** Of those who ask for a prepared binding. */
  readonly prepareLimiter: NeighbourLimiter;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
  /** A new beacon of the access point that this node is bound to. */
  readonly onBeacon: (message: BeaconMessage, point: AccessPoint, now: number) => void;
  /** ADs that may be attached to; undefined: all. */
  readonly trustedAds?: readonly Xid[] | undefined;
  /** Asked for in a binding; renewed at a third of it. Default 30 s. */
  readonly lifetimeMs?: number | undefined;
  /** A timer this late means that the node was stopped. Default 150 ms. */
  readonly clockJumpMs?: number | undefined;
}

/**
 * The self-adaptive agent of a node: finds an access point, binds to its gateway, renews, notices that it has moved, and
 * binds again. See `attachment-state.ts` for the states.
 */
export class Attachment {
  readonly #options: AttachmentOptions;
  readonly #lifetimeMs: number;
  readonly #clockJumpMs: number;
  #trusted: ReadonlySet<string> | undefined;
  readonly #points = new AccessPointList();
  readonly #solicitor: Solicitor;
  readonly #sender: BindingSender;
  readonly #preparation: Preparation;
  #state: AttachmentState = 'searching';
  /** The access point that is bound to, or being bound to. */
  #present: AccessPoint | undefined;
  /** What the owner was told last. */
  #announced: AttachmentInfo | undefined;
  /** A new access point, heard where the present one's next beacon is expected and has not come yet. */
  #suspect: AccessPoint | undefined;
  #tokens: Uint8Array[] = [];
  /** Of the access point when the newest binding was made. */
  #boundLives: readonly Uint8Array[] = [];
  #renewAt = Infinity;
  #grantEndsAt = Infinity;
  #backoffMs = FIRST_BACKOFF_MS;
  #hintedAt = -Infinity;
  /** Hinted, and still at the same access point as far as is known: it is told where this node is heard from now. */
  #renewWhenHeard = false;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.#lifetimeMs = options.lifetimeMs ?? DEFAULT_BINDING_LIFETIME_MS;
    this.#clockJumpMs = options.clockJumpMs ?? DEFAULT_CLOCK_JUMP_MS;
    this.#trusted = keysOf(options.trustedAds);
    this.#solicitor = new Solicitor(options);
    this.#sender = new BindingSender(options);
    this.#preparation = new Preparation({
      ...options,
      limiter: options.prepareLimiter,
      sender: this.#sender,
      lifetimeMs: this.#lifetimeMs,
    });
    this.#solicitor.start(0, SEARCH_SOLICIT_MS);
  }

  get state(): AttachmentState {
    return this.#state;
  }

  /** Where the node is attached; undefined while it is not. During a move still the place that it comes from. */
  get current(): AttachmentInfo | undefined {
    return this.#announced;
  }

  /** Whether `token` was in one of the last beacons of the access point that is bound to. */
  acceptsToken(token: Uint8Array): boolean {
    return this.#tokens.some((known) => equalBytes(known, token));
  }

  handleBeacon(from: Hop, message: BeaconMessage, now: number, wallNow: number): void {
    const { counters, hopLimiter, verifier, hid } = this.#options;
    if (this.#state === 'off' || this.#state === 'leaving') return counters.count('beacon:not-wanted');
    if (!hopLimiter.take(from.face, from.neighbour, now)) return counters.count('beacon:rate-limited');
    const verified = verifier.beacon(message.beacon, message.relays, wallNow);
    if (!verified.ok) return counters.count(`beacon:${verified.reason}`);
    const { beacon, relays } = verified.value;
    if (beacon.hid.equals(hid) || relays.some((relay) => relay.equals(hid))) return counters.count('beacon:from-myself');
    if (!this.#trusts(beacon.ad)) return counters.count('beacon:untrusted-ad');
    this.#points.purge(now);
    const key = accessPointKey(verified.value, from);
    const known = this.#points.get(key);
    const isRepeat = known?.beacon.sequence === beacon.sequence;
    if (known !== undefined && beacon.sequence < known.beacon.sequence) return counters.count('beacon:replayed');
    if (isRepeat && now - this.#solicitor.lastSent > SOLICITED_MS) return counters.count('beacon:duplicate');
    counters.count('beacon:accepted');
    const heardBefore = known?.lastHeard ?? now;
    const point = this.#points.hear(key, from, verified.value, message, now);
    this.#consider(point, heardBefore, isRepeat, now, wallNow);
  }

  /** The gateway's answer to one of this node's own bindings. */
  handleAck(from: Hop, message: BindingAckMessage, now: number, wallNow: number): void {
    const { counters, verifier, hopLimiter } = this.#options;
    const present = this.#present;
    const isHere = present !== undefined && overlaps(present.hop, from);
    const mayBePrepared = this.#preparation.mayAnswer(from, now);
    if (!isHere && !mayBePrepared) return counters.count('ack:unmatched');
    if (!hopLimiter.take(from.face, from.neighbour, now)) return counters.count('ack:rate-limited');
    const verified = verifier.ack(message.ack, wallNow);
    if (!verified.ok) return counters.count(`ack:${verified.reason}`);
    const ack = verified.value;
    const prepared = mayBePrepared ? this.#preparation.answered(ack) : undefined;
    if (prepared !== undefined) return this.#arrived(prepared, from, ack, now);
    if (!isHere) return counters.count('ack:unmatched');
    const isMine = ack.hid.equals(this.#options.hid) && ack.router.equals(present.beacon.hid);
    if (!isMine || !ack.ad.equals(present.beacon.ad)) return counters.count('ack:mismatch');
    if (ack.sequence !== this.#sender.sequence) return counters.count('ack:unmatched');
    this.#sender.answered(ack.status === 'stale');
    counters.count(ack.status === 'ok' ? 'ack:accepted' : 'ack:refused');
    if (this.#state === 'leaving') return this.#left(ack.status === 'ok' ? 'accepted' : 'refused');
    if (ack.status === 'ok') this.#accepted(present, ack, now);
    else this.#refused(present, ack, now);
  }

  /** The node that this one is attached to says that it may soon be elsewhere. */
  handlePrepare(from: Hop, message: PrepareMessage, now: number, wallNow: number): void {
    const present = this.#state === 'bound' ? this.#present : undefined;
    const stays = this.#preparation.handlePrepare(from, message, present, (ad) => this.#trusts(ad), now, wallNow);
    if (stays && present !== undefined) this.#renew(present, now, wallNow);
  }

  /**
   * Something outside says that the node may have moved: ask who is there, and believe a new answer at once. If it is the
   * same access point that answers, the binding is renewed: the node may have come back by another wire.
   */
  hint(reason: HintReason, now: number): void {
    if (this.#state === 'off' || this.#state === 'leaving') return;
    this.#hintedAt = now;
    this.#renewWhenHeard = this.#state === 'bound';
    if (reason === 'clock' && this.#present !== undefined) {
      // The time that the node was stopped for is not silence of its access point.
      this.#present.lastHeard = Math.max(this.#present.lastHeard, now - 2 * this.#present.beacon.intervalMs);
    }
    this.#solicitor.start(now, HINT_SOLICIT_MS);
    this.#solicitor.handleTimeout(now);
  }

  /** Tells the gateway that this node goes, then does nothing more. */
  leave(now: number, wallNow: number): void {
    const present = this.#present;
    this.#solicitor.stop();
    this.#preparation.clear();
    this.#enter('leave');
    if (this.#state === 'leaving' && present !== undefined) this.#sender.send(present, 0, now, wallNow);
    this.#renewAt = Infinity;
    this.#grantEndsAt = Infinity;
  }

  faceRemoved(face: number, now: number, neighbour?: number): void {
    this.#points.dropFace(face, neighbour);
    const hop = this.#present?.hop;
    if (hop === undefined || !leadsOver(hop, face, neighbour)) return;
    if (this.#state === 'leaving') this.#left('lost');
    else this.#lose(now);
  }

  gauges(): Gauge[] {
    return this.#points.gauges();
  }

  /** Changes the ADs that may be attached to; undefined: all. A place in another AD is left at once. */
  trust(ads: readonly Xid[] | undefined, now: number): void {
    this.#trusted = keysOf(ads);
    const isTrusted = (point: AccessPoint) => this.#trusts(point.beacon.ad);
    this.#preparation.keep((ad) => this.#trusts(ad));
    this.#points.keep(isTrusted);
    if (this.#suspect !== undefined && !isTrusted(this.#suspect)) this.#suspect = undefined;
    if (this.#present !== undefined && !isTrusted(this.#present) && this.#state !== 'leaving') this.#lose(now);
  }

  nextTimeout(): number {
    if (this.#state === 'off') return Infinity;
    const lost = this.#present === undefined || this.#state === 'leaving' ? Infinity : lostAt(this.#present);
    const suspect = this.#suspect === undefined || this.#present === undefined ? Infinity : missedAt(this.#present);
    return Math.min(this.#solicitor.at, this.#sender.at, this.#renewAt, this.#grantEndsAt, lost, suspect);
  }

  handleTimeout(now: number, wallNow: number): void {
    const due = this.nextTimeout();
    if (now < due) return;
    if (due > 0 && now - due > this.#clockJumpMs) {
      this.hint('clock', now);
      // Where it was bound before is hardly worth a signature before it has heard who is there now.
      this.#renewAt = Math.max(this.#renewAt, now + HINT_SOLICIT_MS);
    }
    const present = this.#present;
    if (this.#state === 'leaving') {
      if (this.#sender.tries >= LEAVE_TRIES && now >= this.#sender.at) return this.#left('lost');
    } else if (present !== undefined && (now >= lostAt(present) || now >= this.#grantEndsAt)) {
      this.#lose(now);
    } else if (present !== undefined && this.#suspect !== undefined && now >= missedAt(present)) {
      this.#bindTo(this.#suspect, now, wallNow);
    } else if (present !== undefined && now >= this.#renewAt) {
      this.#renew(present, now, wallNow);
    }
    if (this.#present !== undefined) {
      const { sequence } = this.#sender;
      this.#sender.handleTimeout(this.#present, now, wallNow);
      if (this.#state === 'bound' && this.#sender.sequence !== sequence) this.#preparation.renew(now, wallNow);
    }
    this.#solicitor.handleTimeout(now);
  }

  /** What a valid beacon means for the place that the node is at. */
  #consider(point: AccessPoint, heardBefore: number, isRepeat: boolean, now: number, wallNow: number): void {
    const present = this.#present;
    if (present === undefined) {
      if (now >= point.refusedUntil) this.#bindTo(point, now, wallNow);
      return;
    }
    if (point.key !== present.key) {
      if (shouldMove(present, point, now - this.#hintedAt <= HINT_MEMORY_MS, now)) this.#bindTo(point, now, wallNow);
      else if (isNewHere(present, point, now) && now >= point.refusedUntil) this.#suspect = point;
      return;
    }
    this.#present = point;
    this.#suspect = undefined;
    this.#points.markBeside(point, heardBefore, now);
    this.#rememberToken(point.beacon.token);
    this.#solicitor.start(lateAt(point), SEARCH_SOLICIT_MS);
    if (this.#state !== 'bound') return;
    this.#announced = attachmentOf(point);
    if (this.#renewWhenHeard || !sameLives(this.#boundLives, point.lives)) this.#renew(point, now, wallNow);
    if (!isRepeat) this.#options.onBeacon(point.message, point, now);
  }

  #bindTo(point: AccessPoint, now: number, wallNow: number): void {
    this.#choose(point);
    const prepared = this.#preparation.take(point);
    if (prepared === undefined) this.#sender.send(point, this.#lifetimeMs, now, wallNow);
    else this.#sender.sendPrepared(point, prepared, this.#lifetimeMs, now);
  }

  /** From now on it is this access point that counts. */
  #choose(point: AccessPoint): void {
    this.#present = point;
    this.#suspect = undefined;
    this.#tokens = [point.beacon.token];
    this.#boundLives = point.lives;
    this.#points.forgetBeside();
    this.#backoffMs = FIRST_BACKOFF_MS;
    this.#renewAt = Infinity;
    this.#grantEndsAt = Infinity;
    this.#hintedAt = -Infinity;
    this.#renewWhenHeard = false;
    this.#enter('chosen');
    this.#solicitor.start(lateAt(point), SEARCH_SOLICIT_MS);
  }

  /** A prepared binding was sent by the host at the other end, and answered: this node is there now, or has to see to it itself. */
  #arrived({ heard, message }: PreparedPlace, from: Hop, ack: BindingAck, now: number): void {
    const { counters } = this.#options;
    if (ack.status !== 'ok') {
      counters.count('ack:refused');
      return this.hint('announcement', now);
    }
    counters.count('ack:prepared');
    const key = accessPointKey(heard, from);
    const known = this.#points.get(key);
    const isNewer = known !== undefined && known.beacon.sequence > heard.beacon.sequence;
    const point = isNewer ? known : this.#points.hear(key, from, heard, message, now);
    if (this.#present?.key !== point.key) {
      this.#choose(point);
      this.#sender.adopt(point.beacon.ad);
    }
    this.#accepted(point, ack, now);
  }

  #renew(point: AccessPoint, now: number, wallNow: number): void {
    this.#renewAt = Infinity;
    this.#renewWhenHeard = false;
    this.#boundLives = point.lives;
    this.#sender.send(point, this.#lifetimeMs, now, wallNow);
    this.#preparation.renew(now, wallNow);
  }

  #accepted(point: AccessPoint, ack: BindingAck, now: number): void {
    this.#enter('accepted');
    point.refusals = 0;
    this.#backoffMs = FIRST_BACKOFF_MS;
    this.#renewAt = now + ack.lifetimeMs / 3;
    this.#grantEndsAt = now + ack.lifetimeMs;
    const from = this.#announced;
    const to = attachmentOf(point);
    this.#announced = to;
    if (from === undefined) this.#options.onEvent({ kind: 'attached', attachment: to });
    else if (!isSamePlace(from, to)) this.#options.onEvent({ kind: 'moved', from, to });
    else return;
    this.#options.onBeacon(point.message, point, now);
  }

  /** Tries again after a pause, with the newest token and a new sequence; meanwhile another access point may be taken. */
  #refused(point: AccessPoint, ack: BindingAck, now: number): void {
    const { onEvent } = this.#options;
    if (ack.status === 'ok') return;
    this.#enter('refused');
    point.refusals += 1;
    point.refusedUntil = now + this.#backoffMs;
    this.#renewAt = point.refusedUntil;
    this.#backoffMs = Math.min(2 * this.#backoffMs, MAX_BACKOFF_MS);
    onEvent({ kind: 'refused', reason: ack.status, attachment: attachmentOf(point) });
  }

  #lose(now: number): void {
    const attachment = this.#announced;
    this.#enter('lost');
    this.#forgetPresent();
    this.#solicitor.start(now, SEARCH_SOLICIT_MS);
    if (attachment !== undefined) this.#options.onEvent({ kind: 'detached', attachment });
  }

  #left(input: AttachmentInput): void {
    const attachment = this.#announced;
    this.#enter(input);
    this.#forgetPresent();
    this.#solicitor.stop();
    if (attachment !== undefined) this.#options.onEvent({ kind: 'detached', attachment });
  }

  #forgetPresent(): void {
    this.#present = undefined;
    this.#suspect = undefined;
    this.#announced = undefined;
    this.#tokens = [];
    this.#sender.stop();
    this.#renewAt = Infinity;
    this.#grantEndsAt = Infinity;
  }

  #trusts(ad: Xid): boolean {
    return this.#trusted?.has(ad.key) ?? true;
  }

  #rememberToken(token: Uint8Array): void {
    if (this.acceptsToken(token)) return;
    this.#tokens = [token, ...this.#tokens].slice(0, REMEMBERED_TOKENS);
  }

  #enter(input: AttachmentInput): void {
    this.#state = nextAttachmentState(this.#state, input);
  }
}

function keysOf(ads: readonly Xid[] | undefined): ReadonlySet<string> | undefined {
  return ads && new Set(ads.map((ad) => ad.key));
}

function isSamePlace(a: AttachmentInfo, b: AttachmentInfo): boolean {
  return (
    a.ad.equals(b.ad) &&
    a.router.equals(b.router) &&
    a.accessPoint.equals(b.accessPoint) &&
    a.hop.face === b.hop.face &&
    a.hop.neighbour === b.hop.neighbour
  );
}
