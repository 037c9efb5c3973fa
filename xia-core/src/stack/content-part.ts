import type { Gauge, RandomSource } from '../bytes/index.js';
import {
  BufferPool,
  DEFAULT_EVICTION_POLICY,
  Fetcher,
  LocalContent,
  Responder,
  type CacheSettings,
  type FetchEvent,
  type FetchLimits,
  type RequestedBytes,
} from '../content/index.js';
import type { Dag } from '../dag/index.js';
import type { XipView } from '../wire/index.js';
import { PrincipalType, Xid, type CryptoSuite } from '../xid/index.js';
import type { AnswerBudget } from './answer-budget.js';
import type { ServeOutcome } from './delivery.js';
import type { SourceMemo } from './source-memo.js';

/** Memory of fetched chunks that is kept for the next ones. */
const IDLE_BUFFER_BYTES = 16 * 1024 * 1024;

export interface ContentPartOptions {
  /** Makes the id of a chunk. */
  readonly hash: CryptoSuite['hash'];
  readonly rng: RandomSource;
  readonly cache: CacheSettings | undefined;
  readonly fetchLimits: FetchLimits | undefined;
  readonly sources: SourceMemo;
  /** What may be sent to whoever asks. */
  readonly budget: AnswerBudget;
  /** Makes an identifier this node's own, or no longer so. */
  readonly setLocal: (xid: Xid) => void;
  readonly unsetLocal: (xid: Xid) => void;
  /** This node's address, or that of a service on it, as of now. */
  readonly dag: (sid?: Xid) => Dag;
  readonly mtuTowards: (destination: Dag) => number;
  /** Sends a request from `source`. False when it could not leave. */
  readonly request: (destination: Dag, source: Dag, payload: Uint8Array) => boolean;
  /** Sends a packet of which the body lies elsewhere. */
  readonly respond: (head: Uint8Array, body: Uint8Array, now: number) => boolean;
  /** Sends packets that lie one after the other. */
  readonly respondRun: (run: Uint8Array, packetBytes: number, now: number) => void;
  readonly onEvent: (event: FetchEvent) => void;
}

/** What a node has to do with chunks: those that it has, answering for them, and fetching those of others. */
export class ContentPart {
  readonly local: LocalContent;
  readonly fetcher: Fetcher;
  readonly #options: ContentPartOptions;
  readonly #responder = new Responder();
  readonly #buffers = new BufferPool(IDLE_BUFFER_BYTES);
  readonly #sid: Xid;
  /** Where chunks are asked from. */
  #source: Dag;
  /** When the request came that is being answered. */
  #now = 0;
  readonly #emit = (head: Uint8Array, data: Uint8Array) => this.#options.respond(head, data, this.#now);
  readonly #emitRun = (run: Uint8Array, packetBytes: number) => this.#options.respondRun(run, packetBytes, this.#now);

  constructor(options: ContentPartOptions) {
    const { hash, rng, cache, fetchLimits, setLocal, unsetLocal, dag, request, onEvent } = options;
    this.#options = options;
    this.local = new LocalContent({
      cache: { crypto: { hash }, budgetBytes: cache?.bytes ?? 0, policy: cache?.policy ?? DEFAULT_EVICTION_POLICY },
      admit: cache?.admit,
      buffers: this.#buffers,
      onLocal: (id) => setLocal(new Xid(PrincipalType.CID, id.slice())),
      onGone: (id) => unsetLocal(new Xid(PrincipalType.CID, id.slice())),
    });
    this.#sid = new Xid(PrincipalType.SID, rng.bytes(20).slice());
    this.#source = dag(this.#sid);
    setLocal(this.#sid);
    this.fetcher = new Fetcher({
      crypto: { hash },
      rng,
      send: (destination, payload) => request(destination, this.#source, payload),
      onEvent,
      buffers: this.#buffers,
      ...fetchLimits,
    });
  }

  /** Answers a request for a chunk that is here. */
  serve(view: XipView, request: RequestedBytes, cid: Uint8Array, face: number, neighbour: number, now: number): ServeOutcome {
    const { sources, budget, mtuTowards, dag } = this.#options;
    const chunk = this.local.find(cid, now);
    if (chunk === undefined) return 'chunk-gone';
    const asker = sources.of(view);
    if (asker === undefined) return 'no-source';
    const bytes = this.#responder.answerBytes(request, chunk);
    if (bytes > 0 && !budget.allows(asker, bytes, face, neighbour, now)) return 'answer-limited';
    this.#now = now;
    this.#responder.respond(view, request, chunk, mtuTowards(asker), dag(), now, this.#emit, this.#emitRun);
    return 'served';
  }

  /** The node has another address: what is under way is asked for from there. */
  addressChanged(now: number): void {
    this.#source = this.#options.dag(this.#sid);
    this.fetcher.addressChanged(now);
  }

  /** Takes the memory of a fetched chunk back, for other chunks. Nobody may read it any more. */
  recycle(bytes: Uint8Array): void {
    this.#buffers.give(bytes);
  }

  /** Memory like that of a fetched chunk, to be given back by `recycle`. */
  lend(length: number): Uint8Array {
    return this.#buffers.take(length);
  }

  nextTimeout(): number {
    return Math.min(this.fetcher.nextTimeout(), this.local.nextTimeout());
  }

  handleTimeout(now: number): void {
    if (this.fetcher.nextTimeout() <= now) this.fetcher.handleTimeout(now);
    if (this.local.nextTimeout() <= now) this.local.handleTimeout(now);
  }

  counters(): { responder: Record<string, number>; fetcher: Record<string, number> } {
    return { responder: { ...this.#responder.counters }, fetcher: { ...this.fetcher.counters } };
  }

  gauges(): Gauge[] {
    return [...this.#options.budget.gauges(), ...this.local.gauges(), ...this.#buffers.gauges(), ...this.fetcher.gauges()];
  }
}
