import { TimerQueue, XiaError, type Gauge, type RandomSource } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import {
  NameKind,
  decodeNameMessage,
  encodeQuery,
  encodeRegister,
  isName,
  sealRecord,
  type NameRecord,
  type NameStatus,
  type ReplyMessage,
} from '../wire/name-messages.js';
import type { CryptoSuite, Identity, Xid } from '../xid/index.js';
import { Counters } from '../bytes/counters.js';
import { SequenceSource } from '../bytes/sequence.js';
import { verifyRecord, type RecordFault } from './verify-record.js';

const FIRST_RETRANSMIT_MS = 100;
const OVERALL_MS = 5000;
const MAX_STALE_RETRIES = 3;
/** What is known to have moved, or does not answer, is asked for again; a name not more often than this. */
const REFRESH_PAUSE_MS = 2000;
/** The id of requests that nobody waits for. */
export const NOBODY_WAITS = 0;

/** Why a lookup or registration failed: the server's word, or that there was none, or no server, or no room. */
export type NameFailure = Exclude<NameStatus, 'ok'> | 'timeout' | 'no-server' | 'too-many';

export type NameEvent =
  | { readonly kind: 'resolved'; readonly id: number; readonly name: string; readonly dag: Dag }
  | { readonly kind: 'registered'; readonly id: number; readonly name: string; readonly sequence: number }
  | { readonly kind: 'failed'; readonly id: number; readonly name: string; readonly reason: NameFailure };

export interface NameClientOptions {
  readonly crypto: CryptoSuite;
  readonly rng: RandomSource;
  /** The DAG of the name server that is asked: the one of the last beacon, or a configured one. */
  readonly nameServer: () => Dag | undefined;
  /** Sends a datagram to the server. */
  readonly send: (destination: Dag, payload: Uint8Array) => void;
  readonly onEvent: (event: NameEvent) => void;
  /** The address as it would be written now: a host in it may be known to have moved. As it is by default. */
  readonly current?: (dag: Dag) => Dag;
  /** A name has another address than the one that was kept; `owner`, 20 bytes, signed it. */
  readonly onChanged?: (before: Dag, record: NameRecord, owner: Uint8Array) => void;
  /** Requests at a time; one more fails with `too-many`. Default 256. */
  readonly maxRequests?: number;
  /** Names remembered until their record expires, the oldest goes first. Default 1024. */
  readonly maxCached?: number;
  /** Tolerated difference of clocks. Default 30 s. */
  readonly skewMs?: number;
}

export interface RegisterOptions {
  readonly name: string;
  readonly dag: Dag;
  readonly ttlMs: number;
  /** The key of the DAG's HID or SID. */
  readonly owner: Identity;
}

type Request = {
  readonly id: number;
  readonly name: string;
  payload: Uint8Array;
  readonly deadline: number;
  delayMs: number;
} & ({ readonly kind: 'query' } | { readonly kind: 'register'; readonly options: RegisterOptions; sequence: number; staleRetries: number });

type NameClientCounter =
  | `reply:${'accepted' | 'refused' | 'malformed' | 'unmatched' | 'other-name' | 'expired' | 'older' | RecordFault}`
  | 'request:sent'
  | 'request:retransmitted'
  | `cache:${'hit' | 'refreshed' | 'failed'}`;

/**
 * Asks the name service. Answers are believed for the signature of the record in them, not for who sent them; each is
 * kept until it expires. `id`s are the caller's and come back in the events.
 */
export class NameClient {
  readonly counters = new Counters<NameClientCounter>();
  readonly #options: NameClientOptions;
  readonly #maxRequests: number;
  readonly #maxCached: number;
  readonly #skewMs: number;
  /** By the id on the wire, which cannot be guessed: a refusal is not signed. */
  readonly #requests = new Map<number, Request>();
  readonly #timers = new TimerQueue<number>();
  /** An invalidated record answers nothing more, but an older one is still not believed. */
  readonly #cache = new Map<string, { readonly record: NameRecord; isValid: boolean; refreshedMs: number }>();
  readonly #sequences = new SequenceSource();
  #mostRequests = 0;
  #refused = 0;
  #mostCached = 0;
  #evicted = 0;

  constructor(options: NameClientOptions) {
    this.#options = options;
    this.#maxRequests = options.maxRequests ?? 256;
    this.#maxCached = options.maxCached ?? 1024;
    this.#skewMs = options.skewMs ?? 30_000;
  }

  /** The address of a name that was resolved before and has not expired. */
  cached(name: string, wallNow: number): Dag | undefined {
    const known = this.#cache.get(name);
    if (known === undefined) return undefined;
    if (known.record.issuedMs + known.record.ttlMs >= wallNow) return known.isValid ? this.#current(known.record.dag) : undefined;
    this.#cache.delete(name);
    return undefined;
  }

  /** Does not use the cached address of a name again, because it did not answer. */
  invalidate(name: string): void {
    const known = this.#cache.get(name);
    if (known !== undefined) known.isValid = false;
  }

  /** A host is known to be elsewhere: the addresses that name it are asked for anew. Until then they lead to where it is. */
  hostMoved(hid: Xid, now: number): void {
    for (const [name, known] of this.#cache) if (isHostOf(known.record.dag, hid)) this.#refresh(name, now);
  }

  /** A host does not answer where it was thought to be: addresses that name it are not used again, and asked for anew. */
  hostFailed(hid: Xid, now: number): void {
    for (const [name, known] of this.#cache) {
      if (!isHostOf(known.record.dag, hid)) continue;
      if (known.isValid) this.counters.count('cache:failed');
      known.isValid = false;
      this.#refresh(name, now);
    }
  }

  /** Looks a name up; `resolved` or `failed` follows, at once when it is cached. @throws XiaError `bad-argument` for a text that is no name. */
  query(name: string, id: number, now: number, wallNow: number): void {
    checkName(name);
    const dag = this.cached(name, wallNow);
    if (dag !== undefined) {
      this.counters.count('cache:hit');
      return this.#options.onEvent({ kind: 'resolved', id, name, dag });
    }
    this.#start(id, name, now, (wireId, common) => ({
      ...common,
      kind: 'query',
      payload: encodeQuery({ id: wireId, name }),
    }));
  }

  /** Registers a name; `registered` or `failed` follows. @throws XiaError `bad-argument` for a text that is no name. */
  register(options: RegisterOptions, id: number, now: number, wallNow: number): void {
    checkName(options.name);
    const sequence = this.#sequences.next(wallNow);
    this.#start(id, options.name, now, (wireId, common) => ({
      ...common,
      kind: 'register',
      options,
      sequence,
      staleRetries: 0,
      payload: this.#registration(wireId, options, sequence, wallNow),
    }));
  }

  /** Stops a request; no event follows. */
  cancel(id: number): void {
    for (const [wireId, request] of this.#requests) if (request.id === id) this.#finish(wireId);
  }

  /** A datagram that came for the socket that requests are sent from. */
  handleReply(payload: Uint8Array, now: number, wallNow: number): void {
    const decoded = decodeNameMessage(payload);
    if (!decoded.ok || decoded.message.kind !== NameKind.REPLY) return this.counters.count('reply:malformed');
    const reply = decoded.message;
    const request = this.#requests.get(reply.id);
    if (request === undefined) return this.counters.count('reply:unmatched');
    if (request.kind === 'query') this.#handleAnswer(request, reply, wallNow);
    else this.#handleRegistration(request, reply, now, wallNow);
  }

  nextTimeout(): number {
    return this.#timers.next();
  }

  handleTimeout(now: number): void {
    for (;;) {
      const wireId = this.#timers.popDue(now);
      if (wireId === undefined) return;
      const request = this.#requests.get(wireId);
      if (request === undefined) continue;
      if (now >= request.deadline) this.#fail(wireId, request, 'timeout');
      else this.#transmit(wireId, request, now);
    }
  }

  gauges(): Gauge[] {
    const [requests, cached] = [this.#requests.size, this.#cache.size];
    return [
      {
        name: 'name requests',
        unit: 'entries',
        used: requests,
        highWater: this.#mostRequests,
        bound: this.#maxRequests,
        refused: this.#refused,
      },
      {
        name: 'resolved names',
        unit: 'entries',
        used: cached,
        highWater: this.#mostCached,
        bound: this.#maxCached,
        refused: this.#evicted,
      },
    ];
  }

  #handleAnswer(request: Request, reply: ReplyMessage, wallNow: number): void {
    if (reply.status !== 'ok') return this.#refusedBy(reply.id, request, reply.status);
    const verified = reply.record && verifyRecord(reply.record, this.#options.crypto);
    // A false answer is as good as none: the true one may still come.
    if (verified === undefined) return this.counters.count('reply:malformed');
    if (!verified.ok) return this.counters.count(`reply:${verified.reason}`);
    const { record } = verified;
    if (record.name !== request.name) return this.counters.count('reply:other-name');
    if (record.issuedMs + record.ttlMs + this.#skewMs < wallNow) return this.counters.count('reply:expired');
    const known = this.#cache.get(record.name);
    if (known !== undefined && known.record.sequence > record.sequence) return this.counters.count('reply:older');
    this.counters.count('reply:accepted');
    this.#finish(reply.id);
    this.#remember(record, known?.refreshedMs);
    if (known !== undefined && !known.record.dag.equals(record.dag)) this.#options.onChanged?.(known.record.dag, record, verified.owner);
    this.#options.onEvent({ kind: 'resolved', id: request.id, name: record.name, dag: this.#current(record.dag) });
  }

  #handleRegistration(request: Request & { kind: 'register' }, reply: ReplyMessage, now: number, wallNow: number): void {
    if (reply.status === 'ok') {
      this.counters.count('reply:accepted');
      this.#finish(reply.id);
      const { id, name, sequence } = request;
      return this.#options.onEvent({ kind: 'registered', id, name, sequence });
    }
    if (reply.status !== 'stale' || request.staleRetries >= MAX_STALE_RETRIES) {
      return this.#refusedBy(reply.id, request, reply.status);
    }
    // An earlier life of this key has used larger numbers: go on above them.
    const verified = reply.record && verifyRecord(reply.record, this.#options.crypto);
    if (verified === undefined) return this.counters.count('reply:malformed');
    if (!verified.ok) return this.counters.count(`reply:${verified.reason}`);
    if (verified.record.name !== request.name) return this.counters.count('reply:other-name');
    if (verified.record.sequence < request.sequence) return this.counters.count('reply:older');
    this.counters.count('reply:refused');
    this.#sequences.skipPast(verified.record.sequence);
    request.sequence = this.#sequences.next(wallNow);
    request.staleRetries += 1;
    request.payload = this.#registration(reply.id, request.options, request.sequence, wallNow);
    this.#transmit(reply.id, request, now);
  }

  #registration(wireId: number, options: RegisterOptions, sequence: number, wallNow: number): Uint8Array {
    const { name, dag, ttlMs, owner } = options;
    const record = sealRecord({ name, dag, sequence, issuedMs: Math.floor(wallNow), ttlMs }, owner);
    return encodeRegister({ id: wireId, record });
  }

  #start(
    id: number,
    name: string,
    now: number,
    make: (wireId: number, common: Pick<Request, 'id' | 'name' | 'deadline' | 'delayMs'>) => Request,
  ): void {
    if (this.#requests.size >= this.#maxRequests) {
      this.#refused++;
      return this.#options.onEvent({ kind: 'failed', id, name, reason: 'too-many' });
    }
    let wireId = this.#options.rng.below(0x1_0000_0000);
    while (this.#requests.has(wireId)) wireId = this.#options.rng.below(0x1_0000_0000);
    const request = make(wireId, { id, name, deadline: now + OVERALL_MS, delayMs: FIRST_RETRANSMIT_MS });
    this.#requests.set(wireId, request);
    this.#mostRequests = Math.max(this.#mostRequests, this.#requests.size);
    this.counters.count('request:sent');
    this.#transmit(wireId, request, now);
  }

  #transmit(wireId: number, request: Request, now: number): void {
    const server = this.#options.nameServer();
    if (request.delayMs > FIRST_RETRANSMIT_MS) this.counters.count('request:retransmitted');
    this.#timers.set(wireId, Math.min(now + request.delayMs, request.deadline));
    request.delayMs *= 2;
    // Without a server yet the request waits: the node may be about to attach.
    if (server !== undefined) this.#options.send(server, request.payload);
  }

  #refusedBy(wireId: number, request: Request, status: Exclude<NameStatus, 'ok'>): void {
    this.counters.count('reply:refused');
    this.#fail(wireId, request, status);
  }

  #fail(wireId: number, request: Request, reason: NameFailure): void {
    this.#finish(wireId);
    const why = reason === 'timeout' && this.#options.nameServer() === undefined ? 'no-server' : reason;
    this.#options.onEvent({ kind: 'failed', id: request.id, name: request.name, reason: why });
  }

  #finish(wireId: number): void {
    this.#requests.delete(wireId);
    this.#timers.cancel(wireId);
  }

  /** Asks for a name that was resolved before, if that has not been done just now and there is room for what others ask. */
  #refresh(name: string, now: number): void {
    const known = this.#cache.get(name);
    if (known === undefined || now - known.refreshedMs < REFRESH_PAUSE_MS || 2 * this.#requests.size >= this.#maxRequests) return;
    known.refreshedMs = now;
    this.counters.count('cache:refreshed');
    this.#start(NOBODY_WAITS, name, now, (wireId, common) => ({ ...common, kind: 'query', payload: encodeQuery({ id: wireId, name }) }));
  }

  #current(dag: Dag): Dag {
    return this.#options.current?.(dag) ?? dag;
  }

  #remember(record: NameRecord, refreshedMs = -Infinity): void {
    this.#cache.delete(record.name);
    this.#cache.set(record.name, { record, isValid: true, refreshedMs });
    if (this.#cache.size > this.#maxCached) {
      this.#cache.delete(this.#cache.keys().next().value!);
      this.#evicted++;
    }
    this.#mostCached = Math.max(this.#mostCached, this.#cache.size);
  }
}

function isHostOf(dag: Dag, hid: Xid): boolean {
  return dag.nodes.some(({ xid }) => xid.equals(hid));
}

function checkName(name: string): void {
  if (!isName(name)) throw new XiaError('bad-argument', `${JSON.stringify(name)} is not a name`, { name });
}
