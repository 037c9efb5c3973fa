import { XiaError } from '../bytes/index.js';
import { Dag } from '../dag/index.js';
import type { NameEvent, NameFailure } from '../mobility/index.js';
import type { NodeStack } from '../stack/index.js';
import type { Xid } from '../xid/index.js';
import { PendingRequests } from './pending-requests.js';
import type { Enter } from './stream-socket.js';

const DEFAULT_TTL_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 6000;

export interface ResolveOptions {
  readonly signal?: AbortSignal;
  /** 6,000 by default. */
  readonly timeoutMs?: number;
  /** Asks the server even when the address is known from before. */
  readonly fresh?: boolean;
}

export interface RegisterNameOptions {
  /** The service that the name is for; the node itself by default. */
  readonly sid?: Xid;
  /** How long the record may be believed; 60,000 by default. It is renewed before. */
  readonly ttlMs?: number;
}

function failure(name: string, reason: NameFailure): XiaError {
  switch (reason) {
    case 'not-found':
      return new XiaError('name-not-found', `no such name: ${name}`, { name });
    case 'timeout':
      return new XiaError('name-service-timeout', `the name server did not answer for ${name}`, { name });
    case 'no-server':
      return new XiaError('name-service-timeout', `there is no name server to ask for ${name}: no beacon told of one`, { name });
    default:
      return new XiaError('refused', `the name server refused ${name}: ${reason}`, { name, reason });
  }
}

/** Names of a node: lookups and registrations as Promises. */
export class Names {
  readonly #stack: NodeStack;
  readonly #enter: Enter;
  readonly #pending = new PendingRequests<Dag, string>();

  constructor(stack: NodeStack, enter: Enter) {
    this.#stack = stack;
    this.#enter = enter;
  }

  async resolve(name: string, { signal, timeoutMs = DEFAULT_TIMEOUT_MS, fresh = false }: ResolveOptions): Promise<Dag> {
    if (/^\s*(RE|DAG)\s/.test(name)) return Dag.parse(name);
    if (fresh) this.#stack.names.invalidate(name);
    return this.#request((id, now) => this.#stack.resolve(name, id, now), timeoutMs, name, signal);
  }

  async register(name: string, { sid, ttlMs = DEFAULT_TTL_MS }: RegisterNameOptions): Promise<void> {
    await this.#request((id, now) => this.#stack.keepName(name, sid, ttlMs, id, now), DEFAULT_TIMEOUT_MS, name, undefined);
  }

  handle(event: NameEvent): void {
    if (event.kind === 'failed') this.#pending.reject(event.id, failure(event.name, event.reason));
    else this.#pending.resolve(event.id, event.kind === 'resolved' ? event.dag : this.#stack.dag());
  }

  close(): void {
    this.#pending.rejectAll();
  }

  #request(begin: (id: number, now: number) => void, timeoutMs: number, name: string, signal: AbortSignal | undefined): Promise<Dag> {
    return this.#pending.start({
      about: name,
      signal,
      begin: (id) => this.#enter((now) => begin(id, now)),
      cancel: (id) => this.#stack.names.cancel(id),
      aborted: () => new XiaError('interrupted', `asking for ${name} was given up`, { name }),
      timeout: { ms: timeoutMs, error: () => failure(name, 'timeout') },
    });
  }
}
