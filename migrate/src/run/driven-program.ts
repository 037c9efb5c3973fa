import { readUpward, type Downward, type Upward } from '../channel/index.js';
import type { QmpClient, QmpEvent } from '../qemu/index.js';
import { ProgramLog, type EventListener, type Program, type ProgramSummary } from './program-log.js';

/** How long a program that has said its last word may take to leave before it is not waited for any more. */
const LEAVE_TIMEOUT_MS = 2_000;

/** An `xmigrate send` or `recv` that this process drives, and to which it lends the monitor of its QEMU. */
export abstract class DrivenProgram implements Program {
  protected readonly log = new ProgramLog();
  readonly #monitor: QmpClient;
  readonly #onEvent: EventListener;
  readonly #gone: Promise<void>;
  #tellGone!: () => void;
  #fate: string | undefined;
  #toldToStop = false;
  readonly #onQmpEvent = ({ event, data, timestampMs }: QmpEvent) => this.say({ kind: 'qmp-event', event, data, timestampMs });
  readonly #onQmpClose = () => this.say({ kind: 'qmp-closed' });

  constructor(monitor: QmpClient, onEvent: EventListener) {
    this.#monitor = monitor;
    this.#onEvent = onEvent;
    this.#gone = new Promise((resolve) => (this.#tellGone = resolve));
  }

  abstract get pid(): number | undefined;

  /** Says it unless the program has gone. */
  protected abstract say(message: Downward): void;

  /** As SIGTERM does. */
  protected abstract tellToStop(): void;

  /** Lets go of the way to the program. */
  protected abstract release(): void;

  /** Begins to lend the monitor; when the program can hear. */
  protected lend(): void {
    this.#monitor.on('event', this.#onQmpEvent);
    this.#monitor.on('close', this.#onQmpClose);
    if (this.#monitor.closed) this.#onQmpClose();
  }

  protected hear(value: unknown): void {
    const message = readUpward(value);
    if (message !== undefined) this.heard(message);
  }

  protected heard(message: Upward): void {
    if (message.kind === 'qmp') void this.#execute(message.id, message.command, message.args);
    if (message.kind !== 'event') return;
    this.log.add(message.event, message.fields);
    this.#onEvent(message.event, message.fields);
  }

  /** The program has gone; the first word about how counts. */
  protected over(fate: string): void {
    this.#fate ??= fate;
    this.#tellGone();
  }

  get figures(): Program['figures'] {
    return this.log.figures;
  }

  get summary(): ProgramSummary | undefined {
    return this.log.summary;
  }

  get missingThere(): string | undefined {
    return this.log.missingThere;
  }

  get isOver(): boolean {
    return this.summary !== undefined || this.#fate !== undefined;
  }

  get fate(): string {
    return this.#fate ?? 'runs';
  }

  get wasStopped(): boolean {
    return this.#toldToStop;
  }

  /** Tells it whom it may deal with, so that it begins. */
  go(message: Omit<Extract<Downward, { kind: 'go' }>, 'kind'>): void {
    this.say({ kind: 'go', ...message });
  }

  stop(): boolean {
    if (this.isOver) return false;
    if (!this.#toldToStop) this.tellToStop();
    this.#toldToStop = true;
    return true;
  }

  /** Everything is told at once. */
  poll(): void {}

  close(): void {
    this.#monitor.off('event', this.#onQmpEvent);
    this.#monitor.off('close', this.#onQmpClose);
    this.release();
  }

  /** Until the program has left, or for a moment where it has only its last word behind it. */
  async left(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, LEAVE_TIMEOUT_MS)));
    await Promise.race([this.#gone, patience]);
    clearTimeout(timer);
  }

  async #execute(id: number, command: string, args: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      this.say({ kind: 'answer', id, value: await this.#monitor.execute(command, args) });
    } catch (error) {
      this.say({ kind: 'failure', id, reason: (error as Error).message });
    }
  }
}
