import { XiaError } from '../bytes/index.js';
import type { FetchEvent, FetchRequest } from '../content/index.js';
import { Dag } from '../dag/index.js';
import type { NodeStack } from '../stack/index.js';
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

interface Pending {
  readonly dag: Dag;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: XiaError) => void;
}

function asDag(address: Dag | string): Dag {
  return typeof address === 'string' ? Dag.parse(address) : address;
}

/** The fetches that somebody waits for. */
export class Fetches {
  readonly #stack: NodeStack;
  readonly #enter: Enter;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

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
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const cancel = () => {
        this.#pending.delete(id);
        this.#enter((now) => this.#stack.fetcher.cancel(id, now));
        reject(new XiaError('interrupted', 'the fetch was given up', { cid: dag.intent.toString() }));
      };
      const settled = () => signal?.removeEventListener('abort', cancel);
      this.#pending.set(id, {
        dag,
        resolve: (bytes) => {
          settled();
          resolve(bytes);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      if (signal?.aborted === true) {
        cancel();
        return;
      }
      signal?.addEventListener('abort', cancel, { once: true });
      this.#enter((now) => this.#stack.fetcher.fetch(dag, now, { ...request, id }));
    });
  }

  handle(event: FetchEvent): void {
    const pending = this.#pending.get(event.id);
    if (pending === undefined) return;
    this.#pending.delete(event.id);
    if (event.kind === 'failed' && event.code === 'timeout') this.#enter((now) => this.#stack.unanswered(pending.dag, now));
    if (event.kind === 'done') pending.resolve(event.bytes);
    else pending.reject(new XiaError('fetch-failed', `the chunk could not be fetched: ${event.code}`, { reason: event.code }));
  }

  closeAll(): void {
    for (const { reject } of this.#pending.values()) reject(new XiaError('interrupted', 'the node was closed'));
    this.#pending.clear();
  }
}
