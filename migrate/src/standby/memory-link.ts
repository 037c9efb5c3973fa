import type { Downward, ParentLink, Upward } from '../channel/index.js';

/** The way between a program and a parent in the same process. */
export class MemoryLink implements ParentLink {
  readonly connected = true;
  readonly #tellParent: (message: Upward) => void;
  #hear: ((message: unknown) => void) | undefined;

  constructor(tellParent: (message: Upward) => void) {
    this.#tellParent = tellParent;
  }

  send(message: unknown): void {
    setImmediate(() => this.#tellParent(message as Upward));
  }

  listen(hear: (message: unknown) => void): void {
    this.#hear = hear;
  }

  /** From the parent to the program. */
  answer(message: Downward): void {
    setImmediate(() => this.#hear?.(message));
  }
}
