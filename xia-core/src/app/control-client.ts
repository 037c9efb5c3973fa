import { connect, type Socket } from 'node:net';
import * as v from 'valibot';
import { XiaError } from '../bytes/index.js';
import { asErrorCode } from './control-error.js';
import { LineSplitter } from './line-splitter.js';

const MAXIMUM_ANSWER_BYTES = 64 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

const answerSchema = v.object({
  id: v.nullable(v.number()),
  result: v.optional(v.unknown()),
  error: v.optional(v.object({ code: v.string(), message: v.string() })),
});

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Talks to a daemon's `ControlServer`. Calls may overlap; each is answered or fails after its own time limit. */
export class ControlClient {
  readonly path: string;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;

  private constructor(path: string, socket: Socket) {
    this.path = path;
    this.#socket = socket;
    const splitter = new LineSplitter(MAXIMUM_ANSWER_BYTES);
    socket.on('data', (piece: Buffer) => {
      const lines = splitter.push(piece);
      if (lines === 'too-long') socket.destroy(new Error('answer too long'));
      else for (const line of lines) this.#take(line);
    });
    socket.on('error', (error) => this.#failAll(error.message));
    socket.on('close', () => this.#failAll('the daemon closed the control connection'));
  }

  /** @throws XiaError `control-unreachable` when nobody serves the path. */
  static async connect(path: string): Promise<ControlClient> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', (cause: NodeJS.ErrnoException) => {
        reject(new XiaError('control-unreachable', `${path}: no daemon answers there (${cause.code})`, { path }, { cause }));
      });
    });
    return new ControlClient(path, socket);
  }

  /**
   * Calls a method and gives its result, unchecked.
   * @throws XiaError with the daemon's code, `control-failed` when it is none of ours, or `timeout`
   */
  async call(method: string, params: Record<string, unknown> = {}, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new XiaError('timeout', `${this.path}: no answer to "${method}" within ${timeoutMs} ms`, { method }));
      }, timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(line: string): void {
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      return this.#failAll('the daemon sent something that is not JSON');
    }
    const parsed = v.safeParse(answerSchema, json);
    if (!parsed.success) return this.#failAll('the daemon sent an answer of an unknown shape');
    const { id, result, error } = parsed.output;
    const pending = this.#pending.get(id ?? -1);
    if (pending === undefined || id === null) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (error === undefined) pending.resolve(result);
    else pending.reject(new XiaError(asErrorCode(error.code), error.message, { daemon: this.path }));
  }

  #failAll(reason: string): void {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new XiaError('control-failed', `${this.path}: ${reason}`));
    }
    this.#pending.clear();
  }
}

/** One call on a connection of its own. */
export async function controlCall(
  path: string,
  method: string,
  params: Record<string, unknown> = {},
  timeoutMs?: number,
): Promise<unknown> {
  const client = await ControlClient.connect(path);
  try {
    return await client.call(method, params, timeoutMs);
  } finally {
    client.close();
  }
}
