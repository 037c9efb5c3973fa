import { performance } from 'node:perf_hooks';

/** Writes one JSON object as a line on stdout. */
export function writeJsonLine(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** A clock that starts at 0 and never jumps, with the wall-clock time of its start. */
export class Stopwatch {
  readonly startedAtMs = Date.now();
  readonly #start = performance.now();

  /** Milliseconds since the start. */
  now(): number {
    return performance.now() - this.#start;
  }

  /** The wall-clock time (ms since 1970) of a moment of this clock. */
  wallMs(atMs: number): number {
    return Math.round((this.startedAtMs + atMs) * 1000) / 1000;
  }
}

/** Rounded to microseconds: what a timer on a computer tells, without fourteen digits. */
export function microseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
