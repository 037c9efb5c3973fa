import { connect, type Socket } from 'node:net';
import * as v from 'valibot';
import { XiaError } from '../bytes/index.js';
import { asErrorCode } from './control-error.js';
import { LineSplitter } from './line-splitter.js';

const MAXIMUM_LINE_BYTES = 1024 * 1024;
const ANSWER_TIMEOUT_MS = 10_000;

const lineSchema = v.object({
  result: v.optional(v.unknown()),
  event: v.optional(v.unknown()),
  error: v.optional(v.object({ code: v.string(), message: v.string() })),
});
type Line = v.InferOutput<typeof lineSchema>;

/**
 * A call of a streaming method of a daemon's `ControlServer`: its answer, and then events until one side ends it. A reader
 * that is slow is not sent more than the daemon's bound.
 */
export class ControlStream {
  /** What the daemon answered, unchecked. */
  readonly result: unknown;
  readonly #path: string;
  readonly #socket: Socket;
  readonly #lines: AsyncGenerator<Line, void>;

  private constructor(path: string, socket: Socket, lines: AsyncGenerator<Line, void>, result: unknown) {
    this.#path = path;
    this.#socket = socket;
    this.#lines = lines;
    this.result = result;
  }

  /**
   * Calls a streaming method.
   * @throws XiaError `control-unreachable` when nobody serves the path, the daemon's code when it refuses, `control-failed`, `timeout`
   */
  static async open(path: string, method: string, params: Record<string, unknown> = {}): Promise<ControlStream> {
    const socket = connect({ path, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', (cause: NodeJS.ErrnoException) => {
        reject(new XiaError('control-unreachable', `${path}: no daemon answers there (${cause.code})`, { path }, { cause }));
      });
    });
    const timer = setTimeout(
      () => socket.destroy(new XiaError('timeout', `${path}: no answer to "${method}" within ${ANSWER_TIMEOUT_MS} ms`, { method })),
      ANSWER_TIMEOUT_MS,
    );
    const lines = readLines(path, socket);
    try {
      socket.write(`${JSON.stringify({ id: 1, method, params })}\n`);
      const answer = await lines.next();
      if (answer.done === true) throw new XiaError('control-failed', `${path}: the daemon closed the control connection`);
      const { error, result } = answer.value;
      if (error !== undefined) throw new XiaError(asErrorCode(error.code), error.message, { daemon: path });
      return new ControlStream(path, socket, lines, result);
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * The events in order, unchecked, to the end of the stream. To be called once.
   * @throws XiaError `control-failed` when the connection breaks
   */
  async *events(): AsyncGenerator<unknown, void> {
    for await (const { event, error } of this.#lines) {
      if (error !== undefined) throw new XiaError(asErrorCode(error.code), error.message, { daemon: this.#path });
      if (event !== undefined) yield event;
    }
  }

  /** Asks the daemon to end the stream; the events that are under way, and the last one, still come. */
  end(): void {
    if (this.#socket.writable) this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

async function* readLines(path: string, socket: Socket): AsyncGenerator<Line, void> {
  const splitter = new LineSplitter(MAXIMUM_LINE_BYTES);
  try {
    for await (const piece of socket) {
      const texts = splitter.push(piece as Buffer);
      if (texts === 'too-long') throw new XiaError('control-failed', `${path}: the daemon sent a line that is too long`);
      for (const text of texts) yield lineOf(path, text);
    }
  } catch (cause) {
    if (cause instanceof XiaError) throw cause;
    throw new XiaError('control-failed', `${path}: the control connection broke (${(cause as Error).message})`, { path }, { cause });
  }
}

function lineOf(path: string, text: string): Line {
  try {
    return v.parse(lineSchema, JSON.parse(text));
  } catch (cause) {
    throw new XiaError('control-failed', `${path}: the daemon sent something of an unknown shape`, { path }, { cause });
  }
}
