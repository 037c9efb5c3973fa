import { concatBytes, SeededRandom } from '../../../xia-core/src/bytes/index.js';
import { ChunkStore, Fetcher, Responder, type FetchEvent, type FetcherOptions } from '../../../xia-core/src/content/index.js';
import { contentDag, hostDag, serviceDag, type Dag } from '../../../xia-core/src/dag/index.js';
import { encodeXip, NextHeader, parseChunk, XipView } from '../../../xia-core/src/wire/index.js';
import { nobleHash, PrincipalType, Xid } from '../../../xia-core/src/xid/index.js';

export const crypto = { hash: (data: Uint8Array) => nobleHash(data) };

const AD = Xid.of(PrincipalType.AD, '10'.repeat(20));
const SERVER = Xid.of(PrincipalType.HID, 'aa'.repeat(20));
const CLIENT = Xid.of(PrincipalType.HID, 'bb'.repeat(20));
const SOCKET = Xid.of(PrincipalType.SID, 'cc'.repeat(20));

export interface Impairments {
  readonly loss?: number;
  readonly duplication?: number;
  /** One way, ms. */
  readonly delayMs?: number;
  /** Up to so much more delay, which reorders. */
  readonly jitterMs?: number;
  readonly mtu?: number;
  /** Packets to the client that are larger vanish, from then on or for so long; nobody tells. */
  readonly hole?: { readonly mtu: number; readonly fromMs: number; readonly untilMs?: number };
  /** Of the link from server to client. */
  readonly bytesPerMs?: number;
  /** Of the queue before that link; what does not fit is dropped. */
  readonly queueBytes?: number;
}

interface Arrival {
  readonly at: number;
  readonly turn: number;
  readonly run: () => void;
}

/**
 * A fetcher and a publisher at the ends of an impaired path, in virtual time. Real packets go over it, so requests and
 * segments are parsed at the ends as they are in a node.
 */
export class ChunkNetwork {
  readonly rng: SeededRandom;
  readonly store = new ChunkStore();
  readonly responder = new Responder();
  readonly fetcher: Fetcher;
  readonly events: FetchEvent[] = [];
  readonly requests: Dag[] = [];
  impairments: Impairments;
  /** The path carries nothing while this is true. */
  cut = false;
  /** What a meddler makes of each packet to the client. */
  meddle: (packet: Uint8Array, requested: Dag) => Uint8Array = (packet) => packet;
  dropped = 0;
  /** Bytes that each request asked for, as it says them. */
  readonly asked: number[] = [];
  /** Requests for more bytes make no sense to the responder. */
  mostUnderstoodBytes = Number.POSITIVE_INFINITY;
  /** Packets that were too large for the path. */
  swallowed = 0;
  now = 0;
  #turn = 0;
  readonly #arrivals: Arrival[] = [];
  #linkFreeAt = 0;

  constructor(seed: number, impairments: Impairments, options: Partial<FetcherOptions> = {}) {
    this.rng = new SeededRandom(seed);
    this.impairments = impairments;
    this.fetcher = new Fetcher({
      crypto,
      rng: this.rng,
      send: (destination, payload) => this.#request(destination, payload),
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  /** Publishes random content and returns its address. */
  publish(length: number): { readonly dag: Dag; readonly bytes: Uint8Array } {
    const bytes = this.rng.bytes(length);
    const id = crypto.hash(bytes);
    this.store.put(id, bytes, this.now);
    return { dag: contentDag(AD, SERVER, Xid.of(PrincipalType.CID, id)), bytes };
  }

  /** Runs until the fetcher has nothing to do, or `limitMs` of virtual time are over. */
  run(limitMs = 600_000): void {
    const end = this.now + limitMs;
    while (this.fetcher.size > 0) {
      const arrival = this.#arrivals[0];
      const timer = this.fetcher.nextTimeout();
      const at = Math.min(arrival?.at ?? Number.POSITIVE_INFINITY, timer);
      if (at > end) break;
      this.now = Math.max(this.now, at);
      if (arrival !== undefined && arrival.at <= timer) {
        this.#pop();
        arrival.run();
      } else this.fetcher.handleTimeout(this.now);
    }
    if (this.fetcher.size > 0) this.now = end;
  }

  /** Delivers what is still under way. */
  drain(): void {
    for (let arrival = this.#arrivals[0]; arrival !== undefined; arrival = this.#arrivals[0]) {
      this.#pop();
      this.now = Math.max(this.now, arrival.at);
      arrival.run();
    }
  }

  #request(destination: Dag, payload: Uint8Array): boolean {
    this.requests.push(destination);
    const source = serviceDag(AD, CLIENT, SOCKET);
    const packet = encodeXip({ nextHeader: NextHeader.CHUNK, destination, source, payload });
    this.#carry(() => this.#serve(packet, destination));
    return true;
  }

  #serve(packet: Uint8Array, requested: Dag): void {
    const view = new XipView();
    if (view.reset(packet) !== undefined) throw new Error('a request with a bad header');
    const request = parseChunk(view.payload());
    if (request.opcode !== 'request') throw new Error('not a request');
    this.asked.push(request.length);
    if (request.length > this.mostUnderstoodBytes) return;
    const chunk = this.store.find(requested.intent.id, this.now);
    if (chunk === undefined) return;
    this.responder.respond(view, request, chunk, this.impairments.mtu ?? 1400, hostDag(AD, SERVER), this.now, (head, data) => {
      const sent = this.meddle(concatBytes(head, data), requested);
      const { hole } = this.impairments;
      if (hole !== undefined && this.now >= hole.fromMs && this.now < (hole.untilMs ?? Infinity) && sent.length > hole.mtu) {
        this.swallowed++;
        return;
      }
      const departsAt = this.#depart(sent.length);
      if (departsAt === undefined) this.dropped++;
      else this.#carry(() => this.#receive(sent), departsAt - this.now);
    });
  }

  /** When a packet has passed the bottleneck; undefined when its queue is full. */
  #depart(bytes: number): number | undefined {
    const { bytesPerMs = Number.POSITIVE_INFINITY, queueBytes = Number.POSITIVE_INFINITY } = this.impairments;
    const freeAt = Math.max(this.now, this.#linkFreeAt);
    if ((freeAt - this.now) * bytesPerMs > queueBytes) return undefined;
    this.#linkFreeAt = freeAt + bytes / bytesPerMs;
    return this.#linkFreeAt;
  }

  #receive(packet: Uint8Array): void {
    const view = new XipView();
    if (view.reset(packet) !== undefined) throw new Error('a segment with a bad header');
    const payload = view.payload();
    const chunk = parseChunk(payload);
    if (chunk.opcode !== 'response') throw new Error('not a response');
    const idOffset = view.nodeIdOffset(view.destinationCount + view.sourceCount - 1);
    const data = payload.subarray(chunk.dataOffset, chunk.dataOffset + chunk.length);
    this.fetcher.handleResponse(packet.subarray(idOffset, idOffset + 20), chunk, data, this.now);
  }

  #carry(run: () => void, extraMs = 0): void {
    const { loss = 0, duplication = 0, delayMs = 5, jitterMs = 0 } = this.impairments;
    if (this.cut || this.rng.unit() < loss) {
      this.dropped++;
      return;
    }
    const copies = this.rng.unit() < duplication ? 2 : 1;
    for (let i = 0; i < copies; i++) this.#push(this.now + extraMs + delayMs + this.rng.unit() * jitterMs, run);
  }

  /** Calls back at a virtual time. */
  at(at: number, run: () => void): void {
    this.#push(at, run);
  }

  #push(at: number, run: () => void): void {
    const arrivals = this.#arrivals;
    let i = arrivals.length;
    arrivals.push({ at, turn: this.#turn++, run });
    for (; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!before(arrivals[i]!, arrivals[parent]!)) break;
      [arrivals[i], arrivals[parent]] = [arrivals[parent]!, arrivals[i]!];
      i = parent;
    }
  }

  #pop(): void {
    const arrivals = this.#arrivals;
    const last = arrivals.pop()!;
    if (arrivals.length === 0) return;
    arrivals[0] = last;
    for (let i = 0; ;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < arrivals.length && before(arrivals[child]!, arrivals[least]!)) least = child;
      }
      if (least === i) return;
      [arrivals[i], arrivals[least]] = [arrivals[least]!, arrivals[i]!];
      i = least;
    }
  }
}

function before(a: Arrival, b: Arrival): boolean {
  return a.at < b.at || (a.at === b.at && a.turn < b.turn);
}
