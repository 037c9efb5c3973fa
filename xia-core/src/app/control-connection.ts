import type { Socket } from 'node:net';
import * as v from 'valibot';
import { XiaError } from '../bytes/index.js';
import { EventQueue, type EventLevels } from './event-queue.js';
import { LineSplitter } from './line-splitter.js';

const MAXIMUM_REQUEST_BYTES = 64 * 1024;
/** How long `finish` waits for a client to take the last events of its streams. */
const FLUSH_TIMEOUT_MS = 500;

const requestSchema = v.strictObject({
  id: v.pipe(v.number(), v.safeInteger()),
  method: v.pipe(v.string(), v.maxLength(64)),
  params: v.optional(v.record(v.string(), v.unknown()), {}),
});

type Request = v.InferOutput<typeof requestSchema>;

/** Answers one method; what it returns must survive `JSON.stringify`. */
export type ControlHandler = (params: Record<string, unknown>) => unknown;

/** Why a stream of events ends: the client wants no more, it is gone, or the daemon stops. */
export type StreamEnd = 'client' | 'gone' | 'daemon';

/** What a streaming method has started. */
export interface StreamAnswer {
  /** The answer to the call, sent before any event. */
  readonly result: unknown;
  /** Ends it; the last events may still be pushed. */
  readonly stop: (why: StreamEnd) => void;
}

/** Starts to answer a method with events. None may be pushed before it returns. */
export type StreamHandler = (params: Record<string, unknown>, events: EventQueue) => StreamAnswer;

/** What a control socket serves, by the name of the method. */
export interface ControlMethods {
  readonly calls: ReadonlyMap<string, ControlHandler>;
  readonly streams: ReadonlyMap<string, StreamHandler>;
}

interface OpenStream {
  readonly events: EventQueue;
  readonly stop: (why: StreamEnd) => void;
}

/** One client of a control socket: its requests, the answers that it waits for, and what streams to it. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #methods: ControlMethods;
  readonly #levels: EventLevels;
  readonly #streams = new Set<OpenStream>();
  #waiting = 0;
  #isRetired = false;

  constructor(socket: Socket, methods: ControlMethods, levels: EventLevels) {
    this.#socket = socket;
    this.#levels = levels;
    this.#methods = methods;
    const splitter = new LineSplitter(MAXIMUM_REQUEST_BYTES);
    socket.on('close', () => this.#stopStreams('gone'));
    socket.on('end', () => {
      this.#stopStreams('client');
      socket.end();
    });
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: Buffer) => this.#read(splitter, piece));
  }

  /** Bytes of events that wait for this client. */
  get eventBytes(): number {
    return this.#streams.size === 0 ? 0 : this.#socket.writableLength;
  }

  /** Ends the connection as soon as nobody waits for an answer on it. */
  retire(): void {
    this.#isRetired = true;
    this.#endIfRetired();
  }

  /** Closes it; a client that follows a stream is left a moment to read its end. */
  async finish(): Promise<void> {
    const socket = this.#socket;
    if (this.#streams.size > 0) {
      this.#stopStreams('daemon');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
        const done = () => {
          clearTimeout(timer);
          resolve();
        };
        socket.end(done);
        socket.once('close', done);
      });
    }
    socket.destroy();
  }

  #read(splitter: LineSplitter, piece: Buffer): void {
    const lines = splitter.push(piece);
    if (lines === 'too-long') {
      this.#socket.end(`${JSON.stringify({ id: null, error: { code: 'bad-request', message: 'request too long' } })}\n`);
      return;
    }
    for (const line of lines) void this.#answer(line);
  }

  async #answer(line: string): Promise<void> {
    this.#waiting++;
    let id: number | null = null;
    let answer: object;
    try {
      const request = v.parse(requestSchema, JSON.parse(line));
      id = request.id;
      answer = { id, result: (await this.#perform(request)) ?? null };
    } catch (error) {
      const code = error instanceof XiaError ? error.code : 'bad-request';
      answer = { id, error: { code, message: error instanceof Error ? error.message : String(error) } };
    }
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(answer)}\n`);
    this.#waiting--;
    this.#endIfRetired();
  }

  #perform({ id, method, params }: Request): unknown {
    const stream = this.#methods.streams.get(method);
    if (stream !== undefined) {
      const events = new EventQueue(this.#socket, id, this.#levels);
      const { result, stop } = stream(params, events);
      this.#streams.add({ events, stop });
      return result;
    }
    const call = this.#methods.calls.get(method);
    if (call === undefined) throw new XiaError('bad-request', `no method "${method}"`, { method });
    return call(params);
  }

  #stopStreams(why: StreamEnd): void {
    for (const { stop } of this.#streams) stop(why);
    this.#streams.clear();
  }

  #endIfRetired(): void {
    if (this.#isRetired && this.#waiting === 0 && this.#streams.size === 0) this.#socket.end();
  }
}
