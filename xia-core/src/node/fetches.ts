import { XiaError } from '../bytes/index.js';
import type { FetchEvent, FetchRequest } from '../content/index.js';
import { Dag } from '../dag/index.js';
import type { NodeStack } from '../stack/index.js';
import { PendingRequests } from './pending-requests.js';
import type { Enter } from './stream-socket.js';

export interface FetchOptions {
  /** Its length in bytes, if known for certain. */
  readonly length?: number;
  /** Others who have it: addresses that end in the same CID, in text form or not. Up to 8 sources are used together. */
  readonly sources?: readonly (Dag | string)[];
  /** As `FetchRequest.verify`: says in place of the hash whether these bytes are the chunk. */
  readonly verify?: (bytes: Uint8Array) => boolean;
  readonly signal?: AbortSignal;
}

function asDag(address: Dag | string): Dag {
  return typeof address === 'string' ? Dag.parse(address) : address;
}

/** The fetches that somebody waits for. */
export class Fetches {
  readonly #stack: NodeStack;
  readonly #enter: Enter;
  readonly #pending = new PendingRequests<Uint8Array, Dag>();

  constructor(stack: NodeStack, enter: Enter) {
    this.#stack = stack;
    this.#enter = enter;
  }

  /** @throws XiaError `bad-argument`, `fetch-failed`, `interrupted` */
  async fetch(address: Dag | string, options: FetchOptions): Promise<Uint8Array> {
    const { length, verify, sources = [], signal } = options;
    const dag = asDag(address);
    const request: Omit<FetchRequest, 'id'> = {
      sources: sources.map(asDag),
      ...(length === undefined ? {} : { length }),
      ...(verify === undefined ? {} : { verify }),
    };
    return this.#pending.start({
      about: dag,
      signal,
      begin: (id) => this.#enter((now) => this.#stack.fetcher.fetch(dag, now, { ...request, id })),
      cancel: (id) => this.#enter((now) => this.#stack.fetcher.cancel(id, now)),
      aborted: () => new XiaError('interrupted', 'the fetch was given up', { cid: dag.intent.toString() }),
    });
  }

  handle(event: FetchEvent): void {
    if (event.kind === 'done') return this.#pending.resolve(event.id, event.bytes);
    const dag = this.#pending.about(event.id);
    if (dag !== undefined && event.code === 'timeout') this.#enter((now) => this.#stack.unanswered(dag, now));
    this.#pending.reject(event.id, new XiaError('fetch-failed', `the chunk could not be fetched: ${event.code}`, { reason: event.code }));
  }

  closeAll(): void {
    this.#pending.rejectAll();
  }
}
