import { ControlClient, type Xid } from 'xia-core';

/** What becomes of a guest at one host. */
export type GuestPhase = 'coming' | 'not-coming' | 'paused' | 'arriving' | 'resumed' | 'staying';

/** A notice that a guest is coming holds for a minute; it is given again before that. */
const COMING_AGAIN_MS = 20_000;
/** A host that does not answer by then is not waited for. */
const TIMEOUT_MS = 6000;

/**
 * Tells the `xrouter` of one host what becomes of a guest there. It only makes the move smoother, so nothing that fails here
 * stops a migration: the failures are counted.
 */
export class HostNotices {
  readonly #guest: Xid | undefined;
  readonly #path: string | undefined;
  #client: ControlClient | undefined;
  #again: NodeJS.Timeout | undefined;
  readonly #under = new Set<Promise<unknown>>();
  failures = 0;

  /** Says nothing without a guest or a control socket. */
  constructor(path: string | undefined, guest: Xid | undefined) {
    this.#path = path;
    this.#guest = guest;
  }

  /** Connects, so that later words are said at once. */
  async open(): Promise<void> {
    if (this.#path === undefined || this.#guest === undefined) return;
    try {
      this.#client = await ControlClient.connect(this.#path);
    } catch {
      this.failures++;
    }
  }

  /** Says it in this very turn; the answer is waited for by `close`. */
  say(phase: GuestPhase): void {
    void this.tell(phase);
  }

  /** As `say`, for who wants the answer; undefined when there is none. Never throws. */
  async tell(phase: GuestPhase): Promise<unknown> {
    clearInterval(this.#again);
    if (phase === 'coming') this.#again = setInterval(() => void this.#call(phase), COMING_AGAIN_MS).unref();
    return this.#call(phase).catch(() => void this.failures++);
  }

  /** Asks something of the guest that may well be refused. @throws XiaError what the host answers, or that it does not */
  async ask(phase: 'place' | 'prepare' | 'prepared', params: Record<string, unknown> = {}): Promise<unknown> {
    return this.#call(phase, params);
  }

  async close(): Promise<void> {
    clearInterval(this.#again);
    await Promise.allSettled(this.#under);
    this.#client?.close();
  }

  async #call(phase: string, params: Record<string, unknown> = {}): Promise<unknown> {
    if (this.#client === undefined || this.#guest === undefined) return undefined;
    const answered = this.#client.call('guest', { hid: this.#guest.toString(), phase, ...params }, TIMEOUT_MS);
    this.#under.add(answered);
    try {
      return await answered;
    } finally {
      this.#under.delete(answered);
    }
  }
}
