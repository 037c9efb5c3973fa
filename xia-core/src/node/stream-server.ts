import { XiaError } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { Xid } from '../xid/index.js';
import type { XiaStream } from './xia-stream.js';

const DEFAULT_PENDING = 128;

export interface AcceptOptions {
  /** Gives waiting up. */
  readonly signal?: AbortSignal;
}

/** The listening end of a service: an async iterable of the streams that were opened to it. */
export class StreamServer implements AsyncIterable<XiaStream>, AsyncDisposable {
  readonly sid: Xid;
  readonly #dag: () => Dag;
  readonly #onClose: () => void;
  readonly #pendingLimit: number;
  readonly #pending: XiaStream[] = [];
  readonly #waiting: Array<(result: IteratorResult<XiaStream, undefined>) => void> = [];
  #closed = false;
  /** Streams that were ended because nobody took them in time. */
  dropped = 0;
  /** The most that ever waited to be taken. */
  mostPending = 0;

  constructor(sid: Xid, dag: () => Dag, onClose: () => void, pendingLimit = DEFAULT_PENDING) {
    this.sid = sid;
    this.#dag = dag;
    this.#onClose = onClose;
    this.#pendingLimit = pendingLimit;
  }

  /** The service's address as it is now. */
  get dag(): Dag {
    return this.#dag();
  }

  /** Streams that wait to be taken, and how many may. */
  get pending(): number {
    return this.#pending.length;
  }

  get pendingLimit(): number {
    return this.#pendingLimit;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** For the node: a stream is ready to be taken. */
  offer(stream: XiaStream): void {
    const taker = this.#waiting.shift();
    if (taker !== undefined) {
      taker({ done: false, value: stream });
      return;
    }
    if (this.#closed || this.#pending.length >= this.#pendingLimit) {
      this.dropped++;
      stream.destroy();
      return;
    }
    this.#pending.push(stream);
    this.mostPending = Math.max(this.mostPending, this.#pending.length);
  }

  /**
   * The next stream; undefined when the server is closed.
   * @throws XiaError `interrupted` when `signal` is aborted first; the stream is then left to whoever asks next
   */
  async accept({ signal }: AcceptOptions = {}): Promise<XiaStream | undefined> {
    if (signal?.aborted === true) throw interrupted(signal);
    if (signal === undefined || this.#pending.length > 0 || this.#closed) return (await this.#next()).value;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(interrupted(signal));
      };
      const take = ({ value }: IteratorResult<XiaStream, undefined>): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      };
      this.#waiting.push(take);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<XiaStream, undefined> {
    return { next: () => this.#next() };
  }

  /** Accepts no more. Streams that were taken go on; those that nobody took are ended. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    for (const stream of this.#pending.splice(0)) stream.destroy(new XiaError('connection-closed', 'the service was closed'));
    for (const taker of this.#waiting.splice(0)) taker({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #next(): Promise<IteratorResult<XiaStream, undefined>> {
    const stream = this.#pending.shift();
    if (stream !== undefined) return Promise.resolve({ done: false, value: stream });
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function interrupted(signal: AbortSignal): XiaError {
  return new XiaError('interrupted', 'waiting for a stream was given up', {}, { cause: signal.reason });
}
