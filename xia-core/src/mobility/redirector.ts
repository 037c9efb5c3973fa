import { equalBytes, NeighbourLimiter, type Gauge } from '../bytes/index.js';
import type { Counters } from '../bytes/counters.js';
import { serviceDag, type Dag } from '../dag/index.js';
import { DGRAM_HEADER_BYTES, NextHeader, XcmpType, XIP_HEADER_BYTES, XIP_NODE_BYTES, type XipView } from '../wire/index.js';
import { encodeRedirect } from '../wire/mobility-messages.js';
import { PrincipalType, RecentIds, SID_BOOTSTRAP, Xid, XID_ID_BYTES } from '../xid/index.js';
import type { BindingProof } from './binding-entry.js';
import type { CounterName, MobilityEvent } from './events.js';

/** HIDs that have left, and pairs of a source and such a HID, that are kept. */
const MAX_LEFT = 4096;
const MAX_PAIRS = 4096;
/** Redirects that packets of one neighbour cause. */
const LIMITS = { ratePerSecond: 200, burst: 200 };
/** To one source about one HID: again after so long if it has not helped, doubling up to the longest. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** A source may be a lie: whoever is named there gets at most so many bytes for each byte that came in its name. */
const AMPLIFICATION_LIMIT = 3;
/** What a source has saved up counts up to this many bytes. */
const MOST_CREDIT_BYTES = 4096;
/** Of the packet around a redirect: both addresses have three nodes. */
const OVERHEAD_BYTES = XIP_HEADER_BYTES + 6 * XIP_NODE_BYTES + DGRAM_HEADER_BYTES;

interface RedirectorOptions {
  /** The AD that this node is in, as of now. */
  readonly ad: () => Xid | undefined;
  readonly proofOf: (hid: Xid) => BindingProof | undefined;
  /** Sends a datagram to SID_BOOTSTRAP of some node. */
  readonly send: (destination: Dag, payload: Uint8Array) => void;
  readonly counters: Counters<CounterName>;
  /** See `IdIndex`. */
  readonly salt: number;
}

/**
 * Tells the sources of packets that came for a host which has left this AD where it is now: with the host's own binding and the
 * ack of the gateway there, which need no word of ours. It is for the nodes of the AD that the packet was addressed to; those
 * on the rest of the detour say nothing.
 */
export class Redirector {
  readonly #options: RedirectorOptions;
  readonly #left: RecentIds;
  readonly #pairs: RecentIds;
  readonly #limiter = new NeighbourLimiter(LIMITS);
  /** By slot of a pair. */
  readonly #creditBytes = new Float64Array(MAX_PAIRS);
  readonly #nextMs = new Float64Array(MAX_PAIRS);
  readonly #pauseMs = new Float64Array(MAX_PAIRS);
  readonly #toldSequence = new Float64Array(MAX_PAIRS);
  readonly #pairId = new Uint8Array(XID_ID_BYTES);

  constructor(options: RedirectorOptions) {
    this.#options = options;
    this.#left = new RecentIds(MAX_LEFT, options.salt);
    this.#pairs = new RecentIds(MAX_PAIRS, options.salt);
  }

  /** Something happened to a HID here. */
  heard(event: MobilityEvent): void {
    if (event.kind === 'patched') this.#left.add(event.hid.id);
    else if (event.kind === 'bound' || event.kind === 'expired') this.#left.remove(this.#left.find(event.hid.id));
  }

  /**
   * Packets with this header have been sent on.
   * @param node the destination node whose entry they went by
   * @param bytes how many came, together
   * @param face and `neighbour`: where from
   */
  passed(view: XipView, node: number, bytes: number, face: number, neighbour: number, now: number): void {
    if (this.#left.size === 0 || view.last < 0 || view.nodeType(node) !== PrincipalType.HID) return;
    if (view.nodeType(view.last) !== PrincipalType.AD || this.#left.find(view.bytes, view.nodeIdOffset(node)) < 0) return;
    const ad = this.#options.ad();
    if (ad === undefined || !isNode(view, view.last, ad)) return;
    const source = findNode(view, PrincipalType.HID);
    if (source < 0 || !mayTell(view)) return this.#options.counters.count('redirect:unanswerable');
    this.#detoured(view, node, source, ad, bytes, face, neighbour, now);
  }

  gauges(): Gauge[] {
    return [
      this.#left.gauge('hosts that have left'),
      this.#pairs.gauge('redirect budgets'),
      this.#limiter.gauge('redirect neighbour budgets'),
    ];
  }

  #detoured(view: XipView, node: number, source: number, ad: Xid, bytes: number, face: number, neighbour: number, now: number): void {
    const { counters, proofOf, send } = this.#options;
    const pair = this.#pairOf(view, node, source);
    this.#creditBytes[pair] = Math.min(MOST_CREDIT_BYTES, this.#creditBytes[pair]! + bytes);
    if (now < this.#nextMs[pair]!) return;
    const proof = proofOf(xidAt(view, node));
    if (proof === undefined || !hasLeft(proof, ad)) return counters.count('redirect:no-proof');
    const payload = encodeRedirect({ binding: proof.bindingBytes, ack: proof.ackBytes });
    const cost = (payload.length + OVERHEAD_BYTES) / AMPLIFICATION_LIMIT;
    if (this.#creditBytes[pair] < cost) return counters.count('redirect:no-credit');
    if (!this.#limiter.take(face, neighbour, now)) return counters.count('redirect:limited');
    this.#creditBytes[pair] -= cost;
    const isNews = proof.binding.sequence > this.#toldSequence[pair]!;
    this.#pauseMs[pair] = isNews ? FIRST_PAUSE_MS : Math.min(LONGEST_PAUSE_MS, 2 * this.#pauseMs[pair]!);
    this.#toldSequence[pair] = proof.binding.sequence;
    this.#nextMs[pair] = now + this.#pauseMs[pair];
    counters.count('redirect:sent');
    const sourceAd = findNode(view, PrincipalType.AD);
    send(serviceDag(sourceAd < 0 ? undefined : xidAt(view, sourceAd), xidAt(view, source), SID_BOOTSTRAP), payload);
  }

  /** The budget of a source and a HID. Both are hashes, so that their exclusive or is one, too. */
  #pairOf(view: XipView, node: number, source: number): number {
    const [a, b] = [view.nodeIdOffset(node), view.nodeIdOffset(source)];
    for (let index = 0; index < XID_ID_BYTES; index++) this.#pairId[index] = view.bytes[a + index]! ^ view.bytes[b + index]!;
    const pair = this.#pairs.add(this.#pairId);
    if (this.#pairs.isNew) {
      this.#creditBytes[pair] = 0;
      this.#nextMs[pair] = -Infinity;
      this.#pauseMs[pair] = FIRST_PAUSE_MS;
      this.#toldSequence[pair] = 0;
    }
    return pair;
  }
}

function hasLeft({ binding }: BindingProof, ad: Xid): boolean {
  return binding.lifetimeMs > 0 && !binding.ad.equals(ad) && binding.previousAds.some((left) => left.equals(ad));
}

/** Nothing is said about errors and redirects: so no two nodes ever answer each other. */
function mayTell(view: XipView): boolean {
  if (isNode(view, view.destinationCount - 1, SID_BOOTSTRAP)) return false;
  if (view.nextHeader !== NextHeader.XCMP) return true;
  const type = view.bytes[view.headerBytes];
  return type === XcmpType.ECHO || type === XcmpType.ECHO_REPLY;
}

/** The last source node of a type; -1 when there is none. */
function findNode(view: XipView, type: number): number {
  for (let node = view.destinationCount + view.sourceCount - 1; node >= view.destinationCount; node--) {
    if (view.nodeType(node) === type) return node;
  }
  return -1;
}

function isNode(view: XipView, node: number, xid: Xid): boolean {
  const at = view.nodeIdOffset(node);
  return view.nodeType(node) === xid.type && equalBytes(view.bytes.subarray(at, at + XID_ID_BYTES), xid.id);
}

function xidAt(view: XipView, node: number): Xid {
  const at = view.nodeIdOffset(node);
  return new Xid(view.nodeType(node), view.bytes.slice(at, at + XID_ID_BYTES));
}
