import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { isProcessAlive } from '../state/index.js';
import { ProgramLog, type EventListener, type Program, type ProgramSummary } from './program-log.js';

const POLL_MS = 10;
const PIECE_BYTES = 64 * 1024;

const eventSchema = v.looseObject({ event: v.string() });

/** Follows the event file of an `xmigrate send` or `recv` that a QEMU has started. */
export class ProgramFollower implements Program {
  readonly #path: string;
  readonly #onEvent: EventListener;
  readonly #timer: NodeJS.Timeout;
  readonly #log = new ProgramLog();
  #file: number | undefined;
  #rest = Buffer.alloc(0);
  #toldToStop = false;

  constructor(path: string, onEvent: EventListener) {
    this.#path = path;
    this.#onEvent = onEvent;
    this.#timer = setInterval(() => this.poll(), POLL_MS);
  }

  get figures(): Program['figures'] {
    return this.#log.figures;
  }

  get summary(): ProgramSummary | undefined {
    return this.#log.summary;
  }

  get pid(): number | undefined {
    return this.#log.pid;
  }

  get missingThere(): string | undefined {
    return this.#log.missingThere;
  }

  get isOver(): boolean {
    return this.summary !== undefined || (this.pid !== undefined && !isProcessAlive(this.pid));
  }

  get fate(): string {
    return 'ended without a word';
  }

  get wasStopped(): boolean {
    return this.#toldToStop;
  }

  stop(): boolean {
    if (this.pid === undefined || this.isOver) return false;
    if (!this.#toldToStop) process.kill(this.pid, 'SIGTERM');
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
    this.#log.add(event, fields);
    this.#onEvent(event, fields);
  }
}
