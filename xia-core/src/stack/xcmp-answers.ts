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
import { copyBytes, equalBytes, NeighbourLimiter, type Gauge } from '../bytes/index.js';

/** Errors about the packets of one neighbour. RFC 4443 (2.4 f) asks for such a limit. */
const ERRORS = { ratePerSecond: 100, burst: 50 };
/** Echoes of one neighbour that are answered: enough for a flood ping, not enough to be a weapon. */
const ECHOES = { ratePerSecond: 20_000, burst: 2000, faceShares: 2 };
/** Redirects repeat themselves until the source acts on them, if it ever does. */
const REDIRECTS = { ratePerSecond: 10, burst: 10 };

/** Sends a message of ours: it starts its way here. */
export type Originate = (nextHeader: number, destination: Dag, source: Dag, payload: Uint8Array) => void;

/**
 * Answers echoes and reports on packets that get no further, both at a rate limited for each neighbour that they come from.
 *
 * Every echo is counted as one of `echoReplies`, `echoesLimited` and `echoesUnanswerable`, every report that is asked for
 * as one of `errors`, `errorsLimited` and `errorsUnanswerable`.
 */
export class XcmpAnswers {
  readonly #originate: Originate;
  readonly #localDag: () => Dag;
  readonly #errors = new NeighbourLimiter(ERRORS);
  readonly #echoes = new NeighbourLimiter(ECHOES);
  readonly #redirects = new NeighbourLimiter(REDIRECTS);
  readonly counters = {
    echoReplies: 0,
    echoesLimited: 0,
    echoesUnanswerable: 0,
    errors: 0,
    errorsLimited: 0,
    errorsUnanswerable: 0,
    redirects: 0,
    redirectsLimited: 0,
    redirectsUnanswerable: 0,
    /** Received: nobody can prove one, so it changes no route. */
    redirectsIgnored: 0,
  };

  constructor(originate: Originate, localDag: () => Dag) {
    this.#originate = originate;
    this.#localDag = localDag;
  }

  /** The answer to an echo goes to its source, from the address that was asked. */
  echo(echo: XcmpEcho, view: XipView, face: number, neighbour: number, now: number): void {
    // The budget first: it is what bounds the reading of addresses, too.
    if (!this.#echoes.take(face, neighbour, now)) {
      this.counters.echoesLimited++;
      return;
    }
    const asker = view.trySourceDag();
    const asked = view.tryDestinationDag();
    if (asker === undefined || asked === undefined) {
      this.counters.echoesUnanswerable++;
      return;
    }
    this.counters.echoReplies++;
    this.#originate(NextHeader.XCMP, asker, asked, encodeEchoReply(echo));
  }

  /**
   * Tells the source of a packet why it got no further. Nothing is said about errors, broadcasts, and packets whose source
   * is no address.
   */
  error(type: XcmpErrorType, code: number, view: XipView, face: number, neighbour: number, now: number, mtu?: number): void {
    if (!this.#mayReport(view)) {
      this.counters.errorsUnanswerable++;
      return;
    }
    if (!this.#errors.take(face, neighbour, now)) {
      this.counters.errorsLimited++;
      return;
    }
    const source = view.trySourceDag();
    if (source === undefined) {
      this.counters.errorsUnanswerable++;
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
  redirect(view: XipView, node: number, better: Xid, face: number, neighbour: number, now: number): void {
    const mayReport = this.#mayReport(view);
    if (mayReport && !this.#redirects.take(face, neighbour, now)) {
      this.counters.redirectsLimited++;
      return;
    }
    const source = mayReport ? view.trySourceDag() : undefined;
    if (source === undefined) {
      this.counters.redirectsUnanswerable++;
      return;
    }
    this.counters.redirects++;
    const bad = new Xid(view.nodeType(node), copyBytes(view.bytes, view.nodeIdOffset(node), XID_ID_BYTES));
    const message = { type: XcmpType.REDIRECT, code: XcmpCode.REDIRECT_HOST, quoted: quoteOf(view), xids: [bad, better] } as const;
    this.#originate(NextHeader.XCMP, source, this.#localDag(), encodeXcmpError(message));
  }

  gauges(): Gauge[] {
    return [
      this.#errors.gauge('XCMP error budgets'),
      this.#echoes.gauge('XCMP echo budgets'),
      this.#redirects.gauge('XCMP redirect budgets'),
    ];
  }

  #mayReport(view: XipView): boolean {
    if (view.sourceCount === 0) return false;
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
