import type { Dag } from '../dag/index.js';
import {
  encodeEchoReply,
  encodeXcmpError,
  NextHeader,
  quoteOf,
  XcmpCode,
  XcmpType,
  type XcmpEcho,
  type XcmpErrorType,
  type XipView,
} from '../wire/index.js';
import { BROADCAST_HID, Xid, XID_ID_BYTES } from '../xid/index.js';
import { copyBytes, equalBytes } from '../bytes/index.js';
import { TokenBucket } from './token-bucket.js';

/** Errors per second on average, and at once. RFC 4443 (2.4 f) asks for such a limit. */
const ERRORS_PER_SECOND = 100;
const ERROR_BURST = 50;
/** Echoes per second that are answered: enough for a flood ping, not enough to be a weapon. */
const ECHOES_PER_SECOND = 20_000;
const ECHO_BURST = 2000;
/** Redirects repeat themselves until the source acts on them, if it ever does. */
const REDIRECTS_PER_SECOND = 10;
const REDIRECT_BURST = 10;

/** Sends a message of ours: it starts its way here. */
export type Originate = (nextHeader: number, destination: Dag, source: Dag, payload: Uint8Array) => void;

/** Answers echoes and reports on packets that get no further, both at a limited rate. */
export class XcmpAnswers {
  readonly #originate: Originate;
  readonly #localDag: () => Dag;
  readonly #errors = new TokenBucket(ERRORS_PER_SECOND, ERROR_BURST);
  readonly #echoes = new TokenBucket(ECHOES_PER_SECOND, ECHO_BURST);
  readonly #redirects = new TokenBucket(REDIRECTS_PER_SECOND, REDIRECT_BURST);
  readonly counters = { echoReplies: 0, errors: 0, redirects: 0, suppressed: 0 };

  constructor(originate: Originate, localDag: () => Dag) {
    this.#originate = originate;
    this.#localDag = localDag;
  }

  /** The answer to an echo goes to its source, from the address that was asked. */
  echo(echo: XcmpEcho, view: XipView, now: number): void {
    const asker = view.trySourceDag();
    const asked = view.tryDestinationDag();
    if (asker === undefined || asked === undefined || !this.#echoes.take(now)) {
      this.counters.suppressed++;
      return;
    }
    this.counters.echoReplies++;
    this.#originate(NextHeader.XCMP, asker, asked, encodeEchoReply(echo));
  }

  /**
   * Tells the source of a packet why it got no further. Nothing is said about errors, broadcasts, and packets whose source
   * is no address.
   */
  error(type: XcmpErrorType, code: number, view: XipView, now: number, mtu?: number): void {
    const source = this.#mayReport(view) ? view.trySourceDag() : undefined;
    if (source === undefined || !this.#errors.take(now)) {
      this.counters.suppressed++;
      return;
    }
    this.counters.errors++;
    const quoted = quoteOf(view);
    this.#originate(
      NextHeader.XCMP,
      source,
      this.#localDag(),
      encodeXcmpError({ type, code, quoted, ...(mtu === undefined ? {} : { mtu }) }),
    );
  }

  /**
   * Tells the source of a packet that a neighbour on its own link is the better next hop towards destination node `node`.
   * Nobody can prove it, so nodes of ours do not act on it; the C++ prototype does.
   */
  redirect(view: XipView, node: number, better: Xid, now: number): void {
    const source = this.#mayReport(view) ? view.trySourceDag() : undefined;
    if (source === undefined || !this.#redirects.take(now)) {
      this.counters.suppressed++;
      return;
    }
    this.counters.redirects++;
    const bad = new Xid(view.nodeType(node), copyBytes(view.bytes, view.nodeIdOffset(node), XID_ID_BYTES));
    const message = { type: XcmpType.REDIRECT, code: XcmpCode.REDIRECT_HOST, quoted: quoteOf(view), xids: [bad, better] } as const;
    this.#originate(NextHeader.XCMP, source, this.#localDag(), encodeXcmpError(message));
  }

  #mayReport(view: XipView): boolean {
    if (view.nextHeader === NextHeader.XCMP) {
      const type = view.bytes[view.headerBytes];
      if (type !== XcmpType.ECHO && type !== XcmpType.ECHO_REPLY) return false;
    }
    return !this.#names(view, 0, view.destinationCount) && !this.#names(view, view.destinationCount, view.sourceCount);
  }

  /** Whether the broadcast identifier is one of `count` nodes from `first` on. */
  #names(view: XipView, first: number, count: number): boolean {
    for (let index = first; index < first + count; index++) {
      const at = view.nodeIdOffset(index);
      if (view.nodeType(index) !== BROADCAST_HID.type || view.bytes[at] !== 0xff) continue;
      if (equalBytes(view.bytes.subarray(at, at + 20), BROADCAST_HID.id)) return true;
    }
    return false;
  }
}
