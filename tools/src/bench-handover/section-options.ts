import type { Shuttle } from './shuttle.js';

/** What each section that moves the machine is given. */
export interface SectionOptions {
  readonly shuttle: Shuttle;
  /** Moves of each kind that the section compares. */
  readonly rounds: number;
  /** Between two echoes of the client that watches a handover. */
  readonly echoIntervalMs: number;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}
