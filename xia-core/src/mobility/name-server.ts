import { equalBytes, TokenBucket, type Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { MessageFault } from '../wire/mobility-messages.js';
import {
  NameKind,
  decodeNameMessage,
  encodeReply,
  type NameRecord,
  type NameStatus,
  type QueryMessage,
  type RegisterMessage,
} from '../wire/name-messages.js';
import type { CryptoSuite } from '../xid/index.js';
import { Counters } from '../bytes/counters.js';
import { KeyedRateLimiter } from '../bytes/rate-limiter.js';
import type { RecordGetOutcome, RecordPutOutcome, RecordStore, StoredRecord } from './record-store.js';
import { verifyRecord, type RecordFault } from './verify-record.js';

export interface NameServerOptions {
  readonly crypto: CryptoSuite;
  readonly store: RecordStore;
  readonly send: (destination: Dag, payload: Uint8Array) => void;
  /** Requests waiting for the store; one more is dropped, and its client asks again. Default 1024. */
  readonly maxPending?: number;
  /** Requests of one sender per second. Default 100. */
  readonly requestsPerSecond?: number;
  /**
   * Registrations of all senders together per second, each of which is a signature to check: senders can be made up.
   * Default 2000.
   */
  readonly registrationsPerSecond?: number;
  /** How far ahead of this server's clock a record may be issued. Default 30 s. */
  readonly skewMs?: number;
  /** A name whose record expired this long ago is free for others. Default 30 days. */
  readonly ownerGraceMs?: number;
}

export type NameServerCounter =
  | `message:${MessageFault | 'unexpected' | 'rate-limited' | 'overloaded'}`
  | `record:${RecordFault}`
  | `register:${NameStatus | 'repeated'}`
  | `query:${NameStatus}`;

/** How often a registration is judged again because another one got in between. */
const MAX_ATTEMPTS = 3;

/**
 * The name service's rules. A name belongs to the key that registered it first; a higher sequence replaces a lower one;
 * an answer to a registration leaves when the store calls back, which it does when the record is durable.
 */
export class NameServerCore {
  readonly counters = new Counters<NameServerCounter>();
  readonly #options: NameServerOptions;
  readonly #maxPending: number;
  readonly #skewMs: number;
  readonly #ownerGraceMs: number;
  readonly #limiter: KeyedRateLimiter;
  readonly #registrations: TokenBucket;
  #pending = 0;
  #mostPending = 0;
  #overloaded = 0;

  constructor(options: NameServerOptions) {
    this.#options = options;
    this.#maxPending = options.maxPending ?? 1024;
    this.#skewMs = options.skewMs ?? 30_000;
    this.#ownerGraceMs = options.ownerGraceMs ?? 30 * 86_400_000;
    const rate = options.requestsPerSecond ?? 100;
    this.#limiter = new KeyedRateLimiter({ ratePerSecond: rate, burst: rate, maxKeys: 8192 });
    const registrations = options.registrationsPerSecond ?? 2000;
    this.#registrations = new TokenBucket(registrations, registrations);
  }

  /** Changes how many requests of one sender are answered per second. */
  limitRequests(perSecond: number): void {
    this.#limiter.limit(perSecond, perSecond);
  }

  /** Requests whose answer waits for the store. */
  get pending(): number {
    return this.#pending;
  }

  /** A datagram to SID_NAME_SERVICE. The answer goes out through `send`, perhaps later, perhaps not at all. */
  handle(payload: Uint8Array, from: Dag, now: number, wallNow: number): void {
    const decoded = decodeNameMessage(payload);
    if (!decoded.ok) return this.counters.count(`message:${decoded.reason}`);
    if (!this.#limiter.take(from.key, now)) return this.counters.count('message:rate-limited');
    const { message } = decoded;
    if (this.#pending >= this.#maxPending) {
      this.#overloaded++;
      return this.counters.count('message:overloaded');
    }
    if (message.kind === NameKind.REGISTER && !this.#registrations.take(now)) return this.counters.count('message:overloaded');
    switch (message.kind) {
      case NameKind.REGISTER:
        return this.#register(message, from, wallNow);
      case NameKind.QUERY:
        return this.#query(message, from, wallNow);
      case NameKind.REPLY:
        return this.counters.count('message:unexpected');
    }
  }

  gauges(): Gauge[] {
    const [used, highWater, bound, refused] = [this.#pending, this.#mostPending, this.#maxPending, this.#overloaded];
    return [{ name: 'requests for the disk', unit: 'entries', used, highWater, bound, refused }, this.#limiter.gauge('request budgets')];
  }

  #query({ id, name }: QueryMessage, from: Dag, wallNow: number): void {
    this.#get(name, (stored) => {
      const answer = (status: NameStatus, record?: Uint8Array): void => {
        this.counters.count(`query:${status}`);
        this.#reply(from, id, status, record);
      };
      if (stored === 'failed') return answer('refused');
      if (stored === 'absent') return answer('not-found');
      if (stored.expiresMs < wallNow) return answer('expired');
      answer('ok', stored.statement);
    });
  }

  #register({ id, record: statement }: RegisterMessage, from: Dag, wallNow: number): void {
    const answer = (status: NameStatus, record?: Uint8Array): void => {
      this.counters.count(`register:${status}`);
      this.#reply(from, id, status, record);
    };
    const verified = verifyRecord(statement, this.#options.crypto);
    if (!verified.ok) {
      this.counters.count(`record:${verified.reason}`);
      return answer(verified.reason === 'bad-signature' || verified.reason === 'wrong-signer' ? 'bad-signature' : 'bad-record');
    }
    const { record, owner } = verified;
    const expiresMs = record.issuedMs + record.ttlMs;
    if (expiresMs < wallNow || record.issuedMs > wallNow + this.#skewMs) return answer('expired');
    this.#place(record, { statement, owner, sequence: record.sequence, expiresMs }, wallNow, MAX_ATTEMPTS, answer);
  }

  /** Reads, judges and puts; again when somebody else has put meanwhile. */
  #place(
    record: NameRecord,
    next: StoredRecord,
    wallNow: number,
    attempts: number,
    answer: (status: NameStatus, record?: Uint8Array) => void,
  ): void {
    this.#get(record.name, (stored) => {
      if (stored === 'failed') return answer('refused');
      const present = stored === 'absent' ? undefined : stored;
      const verdict = this.#judge(present, next, wallNow);
      if (verdict === 'repeated') this.counters.count('register:repeated');
      if (verdict !== 'put') {
        return answer(verdict === 'repeated' ? 'ok' : verdict, verdict === 'stale' ? present?.statement : undefined);
      }
      this.#put(record.name, next, present?.sequence, (outcome) => {
        if (outcome === 'committed') answer('ok');
        else if (outcome === 'conflict' && attempts > 1) this.#place(record, next, wallNow, attempts - 1, answer);
        else answer('refused');
      });
    });
  }

  #judge(present: StoredRecord | undefined, next: StoredRecord, wallNow: number): 'put' | 'repeated' | 'stale' | 'not-owner' {
    if (present === undefined) return 'put';
    if (!equalBytes(present.owner, next.owner)) {
      return present.expiresMs + this.#ownerGraceMs < wallNow ? 'put' : 'not-owner';
    }
    if (next.sequence > present.sequence) return 'put';
    return equalBytes(present.statement, next.statement) ? 'repeated' : 'stale';
  }

  #get(name: string, done: (outcome: RecordGetOutcome) => void): void {
    this.#wait();
    this.#options.store.get(name, (outcome) => {
      this.#pending -= 1;
      done(outcome);
    });
  }

  #put(name: string, record: StoredRecord, expected: number | undefined, done: (outcome: RecordPutOutcome) => void): void {
    this.#wait();
    this.#options.store.compareAndPut(name, record, expected, (outcome) => {
      this.#pending -= 1;
      done(outcome);
    });
  }

  #wait(): void {
    this.#pending += 1;
    this.#mostPending = Math.max(this.#mostPending, this.#pending);
  }

  #reply(to: Dag, id: number, status: NameStatus, record?: Uint8Array): void {
    this.#options.send(to, encodeReply(record === undefined ? { id, status } : { id, status, record }));
  }
}
