import { XiaError } from '../bytes/index.js';

interface Pending<Answer, Subject> {
  readonly about: Subject;
  readonly settled: () => void;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: XiaError) => void;
}

/** What one request does. */
export interface PendingRequest<Subject> {
  readonly about: Subject;
  /** Makes it. What this throws is what the caller gets. */
  readonly begin: (id: number) => void;
  /** Takes it back: nobody waits for it any more. */
  readonly cancel: (id: number) => void;
  readonly signal: AbortSignal | undefined;
  readonly aborted: () => XiaError;
  /** No limit by default. */
  readonly timeout?: { readonly ms: number; readonly error: () => XiaError };
}

/** What is asked of a stack by number, as Promises: settled by its answer, an abort, the time, or the end of the node. */
export class PendingRequests<Answer, Subject> {
  readonly #pending = new Map<number, Pending<Answer, Subject>>();
  #nextId = 1;

  async start({ about, begin, cancel, signal, aborted, timeout }: PendingRequest<Subject>): Promise<Answer> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const giveUp = (error: XiaError): void => {
        this.reject(id, error);
        cancel(id);
      };
      const onAbort = (): void => giveUp(aborted());
      const timer = timeout === undefined ? undefined : setTimeout(() => giveUp(timeout.error()), timeout.ms);
      const settled = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#pending.delete(id);
      };
      this.#pending.set(id, { about, settled, resolve, reject });
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        begin(id);
      } catch (error) {
        settled();
        reject(error);
      }
    });
  }

  /** What a request is about; undefined when nobody waits for it. */
  about(id: number): Subject | undefined {
    return this.#pending.get(id)?.about;
  }

  resolve(id: number, answer: Answer): void {
    this.#take(id)?.resolve(answer);
  }

  reject(id: number, error: XiaError): void {
    this.#take(id)?.reject(error);
  }

  /** The node ends: nobody will answer. */
  rejectAll(): void {
    for (const id of this.#pending.keys()) this.reject(id, new XiaError('interrupted', 'the node was closed'));
  }

  #take(id: number): Pending<Answer, Subject> | undefined {
    const pending = this.#pending.get(id);
    pending?.settled();
    return pending;
  }
}
