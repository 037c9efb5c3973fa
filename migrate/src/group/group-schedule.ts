/** What happens when one move of a group does not succeed: no further one is begun, or they go on. */
export type OnFailure = 'stop' | 'continue';

export interface GroupOptions {
  /** Moves at the same time. */
  readonly concurrency: number;
  readonly onFailure: OnFailure;
}

/**
 * Says which moves of a group may begin. A move that has begun is never taken back: it ends by itself, or by the signal that it was
 * given.
 */
export class GroupSchedule {
  readonly #options: GroupOptions;
  readonly #waiting: string[];
  readonly #running = new Set<string>();

  /** @param names in the order in which they begin */
  constructor(names: readonly string[], options: GroupOptions) {
    this.#waiting = [...names];
    this.#options = options;
  }

  /** Those that begin now. */
  take(): string[] {
    const names = this.#waiting.splice(0, Math.max(0, this.#options.concurrency - this.#running.size));
    for (const name of names) this.#running.add(name);
    return names;
  }

  /** One that was begun is over. */
  finish(name: string, succeeded: boolean): void {
    this.#running.delete(name);
    if (!succeeded && this.#options.onFailure === 'stop') this.stop();
  }

  /** No further one begins. */
  stop(): void {
    this.#waiting.length = 0;
  }

  get isOver(): boolean {
    return this.#waiting.length === 0 && this.#running.size === 0;
  }
}
