import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Downward } from '../channel/index.js';
import type { QmpClient } from '../qemu/index.js';
import { DrivenProgram } from './driven-program.js';
import type { EventListener } from './program-log.js';

/**
 * A program that this process has started. It has a session of its own: a Ctrl-C on the terminal reaches this process only, which
 * knows what to do, and it outlives this process where a commit has begun.
 */
export class ChildProgram extends DrivenProgram {
  readonly #child: ChildProcess;

  /** `stderrFile` keeps what the program says to nobody else, such as the trace of a defect. */
  constructor(argv: readonly string[], monitor: QmpClient, onEvent: EventListener, stderrFile: string | undefined) {
    super(monitor, onEvent);
    const stderr = stderrFile === undefined ? undefined : openSync(stderrFile, 'a', 0o600);
    const [file = '', ...words] = argv;
    this.#child = spawn(file, words, { stdio: ['ignore', 'ignore', stderr ?? 'ignore', 'ipc'], detached: true });
    if (stderr !== undefined) closeSync(stderr);
    this.#child.on('message', (value) => this.hear(value));
    this.#child.once('exit', (code, signal) =>
      this.over(signal === null ? `ended without a word (exit code ${code})` : `was killed (${signal})`),
    );
    this.#child.once('error', ({ message }) => this.over(`did not start: ${message}`));
    this.lend();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  protected tellToStop(): void {
    this.#child.kill('SIGTERM');
  }

  protected release(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  protected say(message: Downward): void {
    // One that has just died is noticed by its end.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }
}
