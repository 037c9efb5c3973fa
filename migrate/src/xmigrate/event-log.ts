import { closeSync, openSync, writeSync } from 'node:fs';

/** One thing that happened in a transfer, as a line of JSON. `atMs` counts from the start of the process' work. */
export interface TransferEvent extends Record<string, unknown> {
  readonly event: string;
  readonly atMs: number;
  readonly time: string;
}

/** Where events go: appended to a file that an orchestrator follows, and to stderr with `--json`. */
export class EventLog {
  readonly #file: number | undefined;
  readonly #toStderr: boolean;
  readonly #startedAt = performance.now();

  constructor(options: { file?: string | undefined; toStderr: boolean }) {
    this.#file = options.file === undefined ? undefined : openSync(options.file, 'a', 0o600);
    this.#toStderr = options.toStderr;
  }

  get elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  write(event: string, fields: Record<string, unknown> = {}): void {
    const record: TransferEvent = { event, atMs: this.elapsedMs, time: new Date().toISOString(), ...fields };
    const line = `${JSON.stringify(record)}\n`;
    // A follower must see whole lines; one write of a short line to a file opened for appending is one.
    if (this.#file !== undefined) writeSync(this.#file, line);
    if (this.#toStderr) process.stderr.write(line);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}
