import { TimerQueue, type Gauge } from '../bytes/index.js';
import type { Counters } from '../bytes/counters.js';
import { SequenceSource } from '../bytes/sequence.js';
import { encodeNotice, type NoticeAckMessage } from '../wire/mobility-messages.js';
import { sealNotice, type NoticePhase } from '../wire/mobility-statements.js';
import type { Identity, Xid } from '../xid/index.js';
import type { BindingTable } from './binding-table.js';
import type { AttachmentInfo, CounterName, MobilityEvent } from './events.js';
import { overlaps, type Hop, type LinkSink } from './links.js';

const FIRST_RETRANSMIT_MS = 20;
const MAX_RETRANSMIT_MS = 1000;
const MAX_TRIES = 8;
const MAX_PENDING = 256;

interface NoticeSenderOptions {
  readonly hid: Xid;
  readonly identity: Identity;
  readonly table: BindingTable;
  readonly sink: LinkSink;
  /** Where this host is bound; undefined while it is not. */
  readonly attachment: () => AttachmentInfo | undefined;
  readonly counters: Counters<CounterName>;
  readonly onEvent: (event: MobilityEvent) => void;
}

interface Pending {
  readonly hid: Xid;
  readonly phase: NoticePhase;
  readonly sequence: number;
  readonly lifetimeMs: number;
  tries: number;
  delayMs: number;
}

/**
 * Tells the gateway of the host's guests: one is coming, or one stands still. A notice is repeated until it is answered, eight
 * times at most; a later one of the same guest takes the place of the one before.
 */
export class NoticeSender {
  readonly #options: NoticeSenderOptions;
  readonly #sequences = new SequenceSource();
  readonly #pending = new Map<string, Pending>();
  readonly #timers = new TimerQueue<string>();
  #highWater = 0;
  #refused = 0;

  constructor(options: NoticeSenderOptions) {
    this.#options = options;
  }

  /** A number for the next notice, above those before. */
  nextSequence(wallNow: number): number {
    return this.#sequences.next(wallNow);
  }

  /** `lifetimeMs` 0 takes back what was said before. */
  send(hid: Xid, phase: NoticePhase, sequence: number, lifetimeMs: number, now: number, wallNow: number): void {
    const key = `${phase} ${hid.key}`;
    if (!this.#pending.has(key) && this.#pending.size >= MAX_PENDING) {
      this.#refused++;
      return this.#end(key, { hid, phase }, 'unanswered');
    }
    this.#pending.set(key, { hid, phase, sequence, lifetimeMs, tries: 0, delayMs: FIRST_RETRANSMIT_MS });
    this.#highWater = Math.max(this.#highWater, this.#pending.size);
    this.#try(key, now, wallNow);
  }

  handleAck(from: Hop, { hid, sequence, status }: NoticeAckMessage): void {
    const { attachment, counters, table } = this.#options;
    const uplink = attachment();
    if (uplink === undefined || !overlaps(uplink.hop, from)) return counters.count('notice-ack:unmatched');
    for (const [key, pending] of this.#pending) {
      if (pending.sequence !== sequence || !pending.hid.equals(hid)) continue;
      counters.count('notice-ack:accepted');
      this.#end(key, pending, status);
      if (status === 'ok' && pending.phase === 'paused' && pending.lifetimeMs > 0) table.handBack(hid, uplink.hop);
      return;
    }
    counters.count('notice-ack:unmatched');
  }

  nextTimeout(): number {
    return this.#timers.next();
  }

  handleTimeout(now: number, wallNow: number): void {
    for (let key = this.#timers.popDue(now); key !== undefined; key = this.#timers.popDue(now)) this.#try(key, now, wallNow);
  }

  gauges(): Gauge[] {
    const used = this.#pending.size;
    return [{ name: 'notices', unit: 'entries', used, highWater: this.#highWater, bound: MAX_PENDING, refused: this.#refused }];
  }

  #try(key: string, now: number, wallNow: number): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    if (pending.tries >= MAX_TRIES) return this.#end(key, pending, 'unanswered');
    const { attachment, counters, hid: host, identity, sink } = this.#options;
    const { hid, phase, sequence, lifetimeMs } = pending;
    const uplink = attachment();
    if (uplink !== undefined) {
      const issuedMs = Math.floor(wallNow);
      const notice = sealNotice({ hid, host, router: uplink.router, phase, sequence, issuedMs, lifetimeMs }, identity);
      counters.count(pending.tries === 0 ? 'notice:sent' : 'notice:retransmitted');
      sink.sendLink(uplink.hop.face, uplink.hop.neighbour, encodeNotice({ notice }));
    }
    pending.tries += 1;
    this.#timers.set(key, now + pending.delayMs);
    pending.delayMs = Math.min(2 * pending.delayMs, MAX_RETRANSMIT_MS);
  }

  #end(key: string, { hid, phase }: Pick<Pending, 'hid' | 'phase'>, outcome: NoticeAckMessage['status'] | 'unanswered'): void {
    this.#pending.delete(key);
    this.#timers.cancel(key);
    this.#options.onEvent({ kind: 'noticed', hid, phase, outcome });
  }
}
