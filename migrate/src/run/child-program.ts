import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readUpward, type Downward } from '../channel/index.js';
import type { QmpClient, QmpEvent } from '../qemu/index.js';
import { ProgramLog, type EventListener, type Program, type ProgramSummary } from './program-log.js';

/** How long a program that has said its last word may take to leave before it is not waited for any more. */
const LEAVE_TIMEOUT_MS = 2_000;

/**
 * An `xmigrate send` or `recv` that this process has started, and to which it lends the monitor of its QEMU. It has a session of its own:
 * a Ctrl-C on the terminal reaches this process only, which knows what to do, and it outlives this process where a commit has begun.
 */
export class ChildProgram implements Program {
  readonly #child: ChildProcess;
  readonly #monitor: QmpClient;
  readonly #log = new ProgramLog();
  readonly #onEvent: EventListener;
  readonly #gone: Promise<void>;
  #isGone = false;
  #toldToStop = false;
  #fate = 'ended without a word';
  readonly #onQmpEvent = ({ event, data, timestampMs }: QmpEvent) => this.#say({ kind: 'qmp-event', event, data, timestampMs });
  readonly #onQmpClose = () => this.#say({ kind: 'qmp-closed' });

  /** `stderrFile` keeps what the program says to nobody else, such as the trace of a defect. */
  constructor(argv: readonly string[], monitor: QmpClient, onEvent: EventListener, stderrFile: string | undefined) {
    const stderr = stderrFile === undefined ? undefined : openSync(stderrFile, 'a', 0o600);
    const [file = '', ...words] = argv;
    this.#child = spawn(file, words, { stdio: ['ignore', 'ignore', stderr ?? 'ignore', 'ipc'], detached: true });
    if (stderr !== undefined) closeSync(stderr);
    this.#monitor = monitor;
    this.#onEvent = onEvent;
    this.#child.on('message', (value) => this.#hear(value));
    this.#gone = new Promise((resolve) => {
      const over = () => {
        this.#isGone = true;
        resolve();
      };
      this.#child.once('exit', (code, signal) => {
        this.#fate = signal === null ? `ended without a word (exit code ${code})` : `was killed (${signal})`;
        over();
      });
      this.#child.once('error', over);
    });
    monitor.on('event', this.#onQmpEvent);
    monitor.on('close', this.#onQmpClose);
    if (monitor.closed) this.#onQmpClose();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get figures(): Program['figures'] {
    return this.#log.figures;
  }

  get summary(): ProgramSummary | undefined {
    return this.#log.summary;
  }

  get isOver(): boolean {
    return this.summary !== undefined || this.#isGone;
  }

  get fate(): string {
    return this.#fate;
  }

  get wasStopped(): boolean {
    return this.#toldToStop;
  }

  /** Tells it whom it may deal with, so that it begins. */
  go(message: Omit<Extract<Downward, { kind: 'go' }>, 'kind'>): void {
    this.#say({ kind: 'go', ...message });
  }

  stop(): boolean {
    if (this.isOver) return false;
    if (!this.#toldToStop) this.#child.kill('SIGTERM');
    this.#toldToStop = true;
    return true;
  }

  /** Everything is told at once. */
  poll(): void {}

  close(): void {
    this.#monitor.off('event', this.#onQmpEvent);
    this.#monitor.off('close', this.#onQmpClose);
    if (this.#child.connected) this.#child.disconnect();
    this.#child.unref();
  }

  /** Until the process has left, or for a moment where it has only its last word behind it. */
  async left(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, LEAVE_TIMEOUT_MS)));
    await Promise.race([this.#gone, patience]);
    clearTimeout(timer);
  }

  #say(message: Downward): void {
    // One that has just died is noticed by its end.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(value: unknown): void {
    const message = readUpward(value);
    if (message?.kind === 'qmp') void this.#execute(message.id, message.command, message.args);
    if (message?.kind !== 'event') return;
    this.#log.add(message.event, message.fields);
    this.#onEvent(message.event, message.fields);
  }

  async #execute(id: number, command: string, args: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      this.#say({ kind: 'answer', id, value: await this.#monitor.execute(command, args) });
    } catch (error) {
      this.#say({ kind: 'failure', id, reason: (error as Error).message });
    }
  }
}
