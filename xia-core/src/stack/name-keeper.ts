import type { Gauge } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { NameClient, NameEvent } from '../mobility/index.js';
import type { Identity, Xid } from '../xid/index.js';

/** A registration that failed is tried again so soon, doubling up to the longest. */
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
/** Names at most; each is a request every third of its lifetime. */
const MAX_NAMES = 1024;
/** Of its lifetime, after which a record is renewed. */
const RENEW_AFTER = 1 / 3;

interface KeptName {
  readonly name: string;
  readonly sid: Xid | undefined;
  readonly ttlMs: number;
  /** Who waits for the first registration; undefined afterwards. */
  waiter: number | undefined;
  requestId: number;
  dueMs: number;
  retryMs: number;
}

export interface NameKeeperOptions {
  readonly client: () => NameClient;
  readonly identity: Identity;
  /** This node's address for a service, as of now. */
  readonly dag: (sid: Xid | undefined) => Dag;
  readonly onEvent: (event: NameEvent) => void;
}

/**
 * Keeps names registered: renews them, and registers them anew as soon as the node is somewhere else.
 *
 * Its requests have negative ids, those of the owner positive ones.
 */
export class NameKeeper {
  readonly #options: NameKeeperOptions;
  readonly #names = new Map<string, KeptName>();
  #nextRequest = -1;
  #highWater = 0;
  #refused = 0;

  constructor(options: NameKeeperOptions) {
    this.#options = options;
  }

  /** Registers a name now and from then on. The first success or refusal is told as the event of `waiter`. */
  keep(name: string, sid: Xid | undefined, ttlMs: number, waiter: number, now: number, wallNow: number): void {
    this.drop(name);
    if (this.#names.size >= MAX_NAMES) {
      this.#refused++;
      return this.#options.onEvent({ kind: 'failed', id: waiter, name, reason: 'too-many' });
    }
    const kept: KeptName = { name, sid, ttlMs, waiter, requestId: 0, dueMs: Infinity, retryMs: FIRST_RETRY_MS };
    this.#names.set(name, kept);
    this.#highWater = Math.max(this.#highWater, this.#names.size);
    this.#register(kept, now, wallNow);
  }

  /** Stops renewing a name; its record expires by itself. */
  drop(name: string): void {
    const kept = this.#names.get(name);
    if (kept === undefined) return;
    this.#names.delete(name);
    this.#options.client().cancel(kept.requestId);
  }

  /** The node has another address. */
  addressChanged(now: number, wallNow: number): void {
    for (const kept of this.#names.values()) {
      this.#options.client().cancel(kept.requestId);
      this.#register(kept, now, wallNow);
    }
  }

  /** An event of the client. False when it is not about a kept name. */
  handle(event: NameEvent, now: number): boolean {
    if (event.id >= 0) return false;
    const kept = this.#names.get(event.name);
    if (kept === undefined || kept.requestId !== event.id) return true;
    if (event.kind === 'failed') {
      kept.dueMs = now + kept.retryMs;
      kept.retryMs = Math.min(2 * kept.retryMs, LONGEST_RETRY_MS);
    } else {
      kept.dueMs = now + kept.ttlMs * RENEW_AFTER;
      kept.retryMs = FIRST_RETRY_MS;
    }
    const { waiter } = kept;
    kept.waiter = undefined;
    if (waiter !== undefined) {
      // Whoever asked hears the refusal and decides; only a name that was ours once is fought for.
      if (event.kind === 'failed') this.#names.delete(kept.name);
      this.#options.onEvent({ ...event, id: waiter });
    }
    return true;
  }

  nextTimeout(): number {
    let next = Infinity;
    for (const kept of this.#names.values()) next = Math.min(next, kept.dueMs);
    return next;
  }

  handleTimeout(now: number, wallNow: number): void {
    for (const kept of this.#names.values()) if (kept.dueMs <= now) this.#register(kept, now, wallNow);
  }

  gauges(): Gauge[] {
    const used = this.#names.size;
    return [{ name: 'kept names', unit: 'entries', used, highWater: this.#highWater, bound: MAX_NAMES, refused: this.#refused }];
  }

  #register(kept: KeptName, now: number, wallNow: number): void {
    const { client, identity, dag } = this.#options;
    kept.requestId = this.#nextRequest--;
    kept.dueMs = Infinity;
    const { name, ttlMs, sid } = kept;
    client().register({ name, ttlMs, dag: dag(sid), owner: identity }, kept.requestId, now, wallNow);
  }
}
