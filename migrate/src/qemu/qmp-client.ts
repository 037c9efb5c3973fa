import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { XiaError } from 'xia-core';
import { LineSplitter } from './line-splitter.js';
import { parseQmpMessage, type QemuVersion, type QmpEvent, type QmpMessage } from './qmp-messages.js';

/** QEMU's longest answers (`query-qmp-schema`) have some 200 KB. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const GREETING_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 30_000;

export interface QmpConnectOptions {
  /** The UNIX socket of `-qmp unix:PATH,server=on`. QEMU serves one client at a time on it. */
  readonly path: string;
  /** How long to wait for QEMU's greeting, default 5 s. A socket that another client holds does not greet. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** The longest line accepted from QEMU, default 4 MiB. */
  readonly maxLineBytes?: number;
}

export interface QmpCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default 30 s; `Infinity` waits as long as the connection lives. */
  readonly timeoutMs?: number | undefined;
}

interface PendingCommand {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface QmpClientEvents {
  /** Every event of QEMU. */
  event: [QmpEvent];
  /** The connection is gone. `undefined` when it was closed by us or orderly by QEMU. */
  close: [XiaError | undefined];
}

/**
 * A conversation with a QEMU over its QMP socket.
 *
 * Commands may overlap: each has an id, and QEMU answers by id. A refusal is a XiaError `qmp-error` with `command`, `class`
 * and `desc` in its context; `timeout` and `interrupted` end a wait. A command that was given up is not taken back: QEMU will
 * still run it, its answer is dropped.
 */
export class QmpClient extends EventEmitter<QmpClientEvents> implements AsyncDisposable {
  /** The UNIX socket. */
  readonly path: string;
  /** The version that QEMU told in its greeting. */
  readonly version: QemuVersion;
  readonly #socket: Socket;
  readonly #pending = new Map<number, PendingCommand>();
  #nextId = 1;
  #closed = false;

  private constructor(path: string, socket: Socket, version: QemuVersion) {
    super();
    this.path = path;
    this.#socket = socket;
    this.version = version;
  }

  /**
   * Connects, waits for the greeting and enters command mode.
   * @throws XiaError `qmp-error` when nothing listens or it is no QMP; `timeout` when no greeting comes; `interrupted`.
   */
  static async connect(options: QmpConnectOptions): Promise<QmpClient> {
    const { path, timeoutMs = GREETING_TIMEOUT_MS, signal, maxLineBytes = MAX_LINE_BYTES } = options;
    const socket = connect(path);
    const splitter = new LineSplitter(maxLineBytes);
    let client: QmpClient | undefined;
    const failed = (error: unknown) => socket.destroy(asQmpError(error, `${path}: QMP connection failed`, { path }));
    try {
      await untilDone<void>({ what: `${path}: no QMP greeting`, timeoutMs, signal, context: { path } }, (resolve, reject) => {
        socket.on('error', (cause) => {
          const error = asQmpError(cause, `${path}: ${cause.message}`, { path, cause: (cause as NodeJS.ErrnoException).code });
          if (client === undefined) reject(error);
          else client.#finish(error);
        });
        socket.on('close', () => {
          const error = new XiaError('qmp-error', `${path}: QEMU closed the QMP connection`, { path });
          if (client === undefined) reject(error);
          else client.#finish(undefined);
        });
        socket.on('data', (chunk: Buffer) => {
          try {
            for (const line of splitter.push(chunk)) {
              if (line === '') continue;
              const message = parseQmpMessage(line);
              if (client !== undefined) client.#handle(message);
              else if (message.kind === 'greeting') {
                client = new QmpClient(path, socket, message.version);
                resolve();
              } else throw new XiaError('qmp-error', `${path}: this is no QMP server, it did not greet`, { path });
            }
          } catch (error) {
            failed(error);
          }
        });
      });
      if (client === undefined) throw new XiaError('qmp-error', `${path}: no QMP greeting`, { path });
      await client.execute('qmp_capabilities', {}, { signal, timeoutMs });
      return client;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** True once the connection is gone. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Runs a command and returns what QEMU answered, unchecked: validate before use.
   * @throws XiaError `qmp-error` when QEMU refuses (context: `class`, `desc`) or the connection is lost; `timeout` when no
   * answer comes in time; `interrupted` when the signal fires.
   */
  async execute(command: string, args: Readonly<Record<string, unknown>> = {}, options: QmpCallOptions = {}): Promise<unknown> {
    if (this.#closed) throw connectionLost(command);
    const id = this.#nextId++;
    const { timeoutMs = COMMAND_TIMEOUT_MS, signal } = options;
    try {
      return await untilDone({ what: `QEMU did not answer ${command}`, timeoutMs, signal, context: { command } }, (resolve, reject) => {
        this.#pending.set(id, { command, resolve, reject });
        this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
      });
    } finally {
      this.#pending.delete(id);
    }
  }

  /**
   * The next event with this name. Ask before the command that causes it, or the event may have passed.
   * @throws XiaError `qmp-error` when the connection is lost; `timeout` (default 30 s); `interrupted`.
   */
  async waitForEvent(name: string, options: QmpCallOptions = {}): Promise<QmpEvent> {
    if (this.#closed) throw connectionLost(name);
    const { timeoutMs = COMMAND_TIMEOUT_MS, signal } = options;
    let onEvent: ((event: QmpEvent) => void) | undefined;
    let onClose: ((error: XiaError | undefined) => void) | undefined;
    try {
      return await untilDone<QmpEvent>(
        { what: `QEMU did not tell ${name}`, timeoutMs, signal, context: { event: name } },
        (resolve, reject) => {
          onEvent = (event) => {
            if (event.event === name) resolve(event);
          };
          onClose = (error) => reject(error ?? connectionLost(name));
          this.on('event', onEvent);
          this.on('close', onClose);
        },
      );
    } finally {
      if (onEvent !== undefined) this.off('event', onEvent);
      if (onClose !== undefined) this.off('close', onClose);
    }
  }

  /** Ends the conversation; QEMU itself runs on. Commands without an answer are rejected. */
  async close(): Promise<void> {
    if (this.#closed) return;
    const gone = new Promise<void>((resolve) => this.once('close', () => resolve()));
    this.#socket.destroy();
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #handle(message: QmpMessage): void {
    if (message.kind === 'event') {
      this.emit('event', message.event);
      return;
    }
    if (message.kind === 'greeting') throw new XiaError('qmp-error', 'QEMU greeted twice');
    // An answer without a command is one that was given up.
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    if (message.kind === 'answer') pending.resolve(message.value);
    else {
      const { command } = pending;
      const context = { command, class: message.errorClass, desc: message.desc };
      pending.reject(new XiaError('qmp-error', `QEMU refused ${command}: ${message.desc}`, context));
    }
  }

  #finish(error: XiaError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const pending of this.#pending.values()) pending.reject(error ?? connectionLost(pending.command));
    this.#pending.clear();
    this.emit('close', error);
  }
}

function connectionLost(what: string): XiaError {
  return new XiaError('qmp-error', `the QMP connection was closed before QEMU answered ${what}`, { command: what });
}

function asQmpError(error: unknown, message: string, context: Record<string, unknown>): XiaError {
  return error instanceof XiaError ? error : new XiaError('qmp-error', message, context, { cause: error });
}

interface WaitBound {
  readonly what: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly context: Record<string, unknown>;
}

/** A promise that also ends by time (`timeout`) or by a signal (`interrupted`), and leaves no timer or listener behind. */
async function untilDone<T>(bound: WaitBound, start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T> {
  const { what, timeoutMs, signal, context } = bound;
  const aborted = () => new XiaError('interrupted', `${what}: given up`, context, { cause: signal?.reason });
  if (signal?.aborted) throw aborted();
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      if (Number.isFinite(timeoutMs)) {
        timer = setTimeout(() => reject(new XiaError('timeout', `${what} within ${timeoutMs} ms`, { ...context, timeoutMs })), timeoutMs);
      }
      onAbort = () => reject(aborted());
      signal?.addEventListener('abort', onAbort, { once: true });
      start(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}
