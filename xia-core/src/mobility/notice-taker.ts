import type { NeighbourLimiter } from '../bytes/index.js';
import type { Counters } from '../bytes/counters.js';
import { encodeNoticeAck, type NoticeMessage } from '../wire/mobility-messages.js';
import type { Notice, NoticeStatus } from '../wire/mobility-statements.js';
import type { Xid } from '../xid/index.js';
import type { BindingTable } from './binding-table.js';
import type { CounterName } from './events.js';
import { sameHop, type Hop, type LinkSink } from './links.js';
import type { StatementVerifier } from './verify.js';

/** The longest that a gateway holds packets for a machine that stands still. */
export const MAX_HOLD_MS = 5000;

interface NoticeTakerOptions {
  readonly hid: Xid;
  readonly table: BindingTable;
  readonly verifier: StatementVerifier;
  readonly sink: LinkSink;
  readonly hopLimiter: NeighbourLimiter;
  /** Whether packets are held at all. */
  readonly holds: () => boolean;
  readonly counters: Counters<CounterName>;
}

/**
 * The gateway's side of a notice. A host speaks for itself only: what it says of a guest makes a place ready, or lets packets wait
 * that would have gone to that very host; neither sends anything anywhere else.
 */
export class NoticeTaker {
  readonly #options: NoticeTakerOptions;

  constructor(options: NoticeTakerOptions) {
    this.#options = options;
  }

  handleNotice(from: Hop, message: NoticeMessage, isAccessFace: boolean, now: number, wallNow: number): void {
    const { counters, hid, hopLimiter, sink, table, verifier } = this.#options;
    if (!isAccessFace) return counters.count('notice:not-access');
    if (!hopLimiter.take(from.face, from.neighbour, now)) return counters.count('notice:rate-limited');
    const verified = verifier.notice(message.notice, wallNow);
    if (!verified.ok) return counters.count(`notice:${verified.reason}`);
    const notice = verified.value;
    if (!notice.router.equals(hid)) return counters.count('notice:wrong-gateway');
    if (notice.hid.equals(hid) || notice.hid.equals(notice.host)) return counters.count('notice:own-hid');
    const host = table.get(notice.host);
    if (host?.state !== 'live' || !sameHop(host.hop, from)) return counters.count('notice:not-bound');
    const status = notice.phase === 'coming' ? this.#coming(from, notice, now) : this.#paused(from, notice, now);
    if (status === 'stale') return counters.count('notice:stale');
    counters.count(status === 'ok' ? 'notice:accepted' : `notice:${status}`);
    sink.sendLink(from.face, from.neighbour, encodeNoticeAck({ hid: notice.hid, host: notice.host, sequence: notice.sequence, status }));
  }

  #coming(from: Hop, { hid, sequence, lifetimeMs }: Notice, now: number): NoticeStatus {
    return this.#options.table.stage(hid, from, sequence, lifetimeMs, now);
  }

  /** Only the host that the guest is bound by, at the hop that its packets go to, may say so. */
  #paused(from: Hop, { hid, host, sequence, lifetimeMs }: Notice, now: number): NoticeStatus | 'stale' {
    const { holds, table } = this.#options;
    const entry = table.get(hid);
    if (entry === undefined || (entry.state !== 'live' && entry.state !== 'held')) return 'refused';
    if (!sameHop(entry.hop, from) || entry.proof?.binding.accessPoint.equals(host) !== true || !holds()) return 'refused';
    if (sequence === entry.noticeSequence) return 'ok';
    if (sequence < entry.noticeSequence) return 'stale';
    if (lifetimeMs === 0) table.resume(hid, sequence);
    else table.pause(hid, sequence, now + Math.min(lifetimeMs, MAX_HOLD_MS));
    return 'ok';
  }
}
