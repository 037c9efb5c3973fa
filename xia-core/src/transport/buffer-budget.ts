import type { Gauge } from '../bytes/index.js';

/** What one connection asks for at a time may be this share of what is left, so that nobody takes all of it. */
const GREED_SHARE = 4;

/** Memory that the connections of an endpoint share, for what they need beyond what each may always have. */
export class BufferBudget {
  readonly #boundBytes: number;
  #usedBytes = 0;
  #highWater = 0;
  #refused = 0;

  constructor(boundBytes: number) {
    this.#boundBytes = boundBytes;
  }

  get freeBytes(): number {
    return this.#boundBytes - this.#usedBytes;
  }

  /** Takes so much, if that is a modest part of what is left. */
  tryTake(bytes: number): boolean {
    if (bytes * GREED_SHARE > this.freeBytes) {
      this.#refused++;
      return false;
    }
    this.take(bytes);
    return true;
  }

  /** Takes so much, which the caller knows to be there, or gives it back. */
  take(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.#usedBytes > this.#highWater) this.#highWater = this.#usedBytes;
  }

  gauge(name: string): Gauge {
    return { name, unit: 'bytes', used: this.#usedBytes, highWater: this.#highWater, bound: this.#boundBytes, refused: this.#refused };
  }
}
