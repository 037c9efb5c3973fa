import type { SeededRandom } from 'xia-core';

/** What one batch of cases runs against; made anew for each batch, so that a batch can be run again by itself. */
export interface Runner {
  /** One case: makes an input and gives it to what is tested, which must not throw. */
  step(): void;
  /** The input of the last case, to be shown when it failed. */
  last(): Uint8Array;
  /** What is wrong after the batch, in words. */
  faults(): string[];
}

export interface Target {
  readonly name: string;
  /** Cases of a batch. */
  readonly batch: number;
  start(rng: SeededRandom, seed: number): Runner;
  /** Runs a single input. */
  replay(bytes: Uint8Array): void;
}
