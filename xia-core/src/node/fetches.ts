import { XiaError } from '../bytes/index.js';
import type { FetchEvent } from '../content/index.js';
import type { Dag } from '../dag/index.js';
import type { NodeStack } from '../stack/index.js';
import type { Enter } from './stream-socket.js';

interface Pending {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: XiaError) => void;
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

  /** @throws XiaError `fetch-failed`, `interrupted` */
  fetch(dag: Dag, length: number | undefined, signal: AbortSignal | undefined): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const cancel = () => {
        this.#pending.delete(id);
        this.#enter((now) => this.#stack.fetcher.cancel(id, now));
        reject(new XiaError('interrupted', 'the fetch was given up', { cid: dag.intent.toString() }));
      };
      const settled = () => signal?.removeEventListener('abort', cancel);
      this.#pending.set(id, {
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
      this.#enter((now) => this.#stack.fetcher.fetch(dag, now, length === undefined ? { id } : { id, length }));
    });
  }

  handle(event: FetchEvent): void {
    const pending = this.#pending.get(event.id);
    if (pending === undefined) return;
    this.#pending.delete(event.id);
    if (event.kind === 'done') pending.resolve(event.bytes);
    else pending.reject(new XiaError('fetch-failed', `the chunk could not be fetched: ${event.code}`, { reason: event.code }));
  }

  closeAll(): void {
    for (const { reject } of this.#pending.values()) reject(new XiaError('interrupted', 'the node was closed'));
    this.#pending.clear();
  }
}
