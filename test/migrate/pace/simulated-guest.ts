import type { PaceSample } from '../../../migrate/src/pace/pace-sample.js';

const STEP_MS = 20;
/** QEMU is asked this often. */
const SAMPLE_MS = 100;

export interface SimulatedGuestOptions {
  readonly memoryBytes: number;
  readonly bytesPerSecond: number;
  /** How fast it writes to pages, and to how many different ones. */
  readonly dirtyBytesPerSecond: number;
  readonly busyBytes: number;
}

/** A pre-copy migration as QEMU makes it, in virtual time: passes over what changed during the one before. */
export class SimulatedGuest {
  throttlePercent = 0;
  downtimeLimitMs: number;
  atMs = 0;
  readonly #o: SimulatedGuestOptions;
  #pass = 1;
  #leftBytes: number;
  #changedBytes = 0;
  #passBeganMs = 0;
  #measuredDirty = 0;
  #isOver = false;

  constructor(options: SimulatedGuestOptions, downtimeLimitMs: number) {
    this.#o = options;
    this.#leftBytes = options.memoryBytes;
    this.downtimeLimitMs = downtimeLimitMs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Lets time pass until QEMU is asked again. */
  next(): PaceSample {
    for (const endMs = this.atMs + SAMPLE_MS; this.atMs < endMs && !this.#isOver; this.atMs += STEP_MS) this.#step();
    return { atMs: this.atMs, pass: this.#pass, remainingBytes: this.#leftBytes, dirtyBytesPerSecond: this.#measuredDirty };
  }

  #step(): void {
    const { bytesPerSecond, dirtyBytesPerSecond, busyBytes } = this.#o;
    this.#leftBytes = Math.max(0, this.#leftBytes - (bytesPerSecond * STEP_MS) / 1000);
    const share = 1 - this.throttlePercent / 100;
    this.#changedBytes = Math.min(busyBytes, this.#changedBytes + (dirtyBytesPerSecond * share * STEP_MS) / 1000);
    if (this.#leftBytes > 0) return;
    this.#measuredDirty = (1000 * this.#changedBytes) / Math.max(STEP_MS, this.atMs - this.#passBeganMs);
    this.#leftBytes = this.#changedBytes;
    this.#changedBytes = 0;
    this.#pass++;
    this.#passBeganMs = this.atMs;
    if ((1000 * this.#leftBytes) / bytesPerSecond <= this.downtimeLimitMs) this.#isOver = true;
  }
}
