import { ControlClient, type Xid } from 'xia-core';

/** What becomes of a guest at one host. */
export type GuestPhase = 'coming' | 'not-coming' | 'paused' | 'resumed';

/** A notice that a guest is coming holds for a minute; it is given again before that. */
const COMING_AGAIN_MS = 20_000;

/**
 * Tells the `xrouter` of one host what becomes of a guest there. It only makes the move smoother, so nothing that fails here
 * stops a migration: the failures are counted.
 */
export class HostNotices {
  readonly #guest: Xid | undefined;
  readonly #path: string | undefined;
  #client: ControlClient | undefined;
  #again: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
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
    clearInterval(this.#again);
    if (phase === 'coming') this.#again = setInterval(() => this.#call(phase), COMING_AGAIN_MS).unref();
    this.#call(phase);
  }

  async close(): Promise<void> {
    clearInterval(this.#again);
    await this.#last;
    this.#client?.close();
  }

  #call(phase: GuestPhase): void {
    if (this.#client === undefined || this.#guest === undefined) return;
    const answered = this.#client.call('guest', { hid: this.#guest.toString(), phase }).then(
      () => undefined,
      () => void this.failures++,
    );
    this.#last = Promise.all([this.#last, answered]).then(() => undefined);
  }
}
