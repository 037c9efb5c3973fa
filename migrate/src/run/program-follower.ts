import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { isProcessAlive } from '../state/index.js';

const POLL_MS = 10;
const PIECE_BYTES = 64 * 1024;

const eventSchema = v.looseObject({ event: v.string() });
const startedSchema = v.looseObject({ pid: v.number() });
const figuresSchema = v.object({ bytes: v.number(), chunks: v.number(), bytesPerSecond: v.optional(v.number(), 0) });
const summarySchema = v.looseObject({
  outcome: v.string(),
  bytes: v.optional(v.number(), 0),
  chunks: v.optional(v.number(), 0),
  sha256: v.optional(v.string()),
  reason: v.optional(v.string(), ''),
  peakRssMb: v.optional(v.number()),
});

export type ProgramSummary = v.InferOutput<typeof summarySchema>;

/** Follows the event file of an `xmigrate send` or `recv` that a QEMU has started. */
export class ProgramFollower {
  readonly #path: string;
  readonly #onEvent: (event: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly #timer: NodeJS.Timeout;
  #file: number | undefined;
  #rest = Buffer.alloc(0);
  #pid: number | undefined;
  #figures = { bytes: 0, chunks: 0, bytesPerSecond: 0 };
  #summary: ProgramSummary | undefined;
  #toldToStop = false;

  constructor(path: string, onEvent: (event: string, fields: Readonly<Record<string, unknown>>) => void) {
    this.#path = path;
    this.#onEvent = onEvent;
    this.#timer = setInterval(() => this.poll(), POLL_MS);
  }

  get figures(): { readonly bytes: number; readonly chunks: number; readonly bytesPerSecond: number } {
    return this.#figures;
  }

  get summary(): ProgramSummary | undefined {
    return this.#summary;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** Whether the program is over: it has said its last word, or its process has gone. False before it has started. */
  get isOver(): boolean {
    return this.#summary !== undefined || (this.#pid !== undefined && !isProcessAlive(this.#pid));
  }

  /** Asks the program to stop, once: a second signal would end it at once. False when it has not started or is over. */
  stop(): boolean {
    if (this.#pid === undefined || this.isOver) return false;
    if (!this.#toldToStop) process.kill(this.#pid, 'SIGTERM');
    this.#toldToStop = true;
    return true;
  }

  /**
   * Asks the program to stop, also when QEMU has only just been told to start it, and waits until it is over. One that is left to
   * itself would wait for a source for ever, and its QEMU with it.
   */
  async end(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!this.isOver && performance.now() < deadlineMs) {
      this.stop();
      await sleep(POLL_MS);
    }
  }

  /** Reads what was written since the last time. */
  poll(): void {
    if (this.#file === undefined) {
      try {
        this.#file = openSync(this.#path, 'r');
      } catch {
        return;
      }
    }
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let count = readSync(this.#file, piece); count > 0; count = readSync(this.#file, piece)) {
      this.#rest = Buffer.concat([this.#rest, piece.subarray(0, count)]);
    }
    for (let end = this.#rest.indexOf(0x0a); end >= 0; end = this.#rest.indexOf(0x0a)) {
      const line = this.#rest.subarray(0, end).toString('utf8');
      this.#rest = this.#rest.subarray(end + 1);
      this.#line(line);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.poll();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #line(line: string): void {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), eventSchema), line);
    // A line that is none was cut by a crash.
    if (!parsed.success) return;
    const { event, ...fields } = parsed.output;
    if (event === 'started' && v.is(startedSchema, fields)) this.#pid = fields.pid;
    const figures = v.safeParse(figuresSchema, fields);
    if (figures.success) this.#figures = figures.output;
    if (event === 'summary') {
      const summary = v.safeParse(summarySchema, fields);
      if (summary.success) this.#summary = summary.output;
    }
    this.#onEvent(event, fields);
  }
}
