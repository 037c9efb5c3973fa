import { mkdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { XiaError, type Gauge } from '../bytes/index.js';
import { listenUnix } from '../io/index.js';
import { EventQueue } from './event-queue.js';
import { LineSplitter } from './line-splitter.js';

const MAXIMUM_REQUEST_BYTES = 64 * 1024;
const MAXIMUM_CONNECTIONS = 32;
/** How long `close` waits for clients to take the last events of their streams. */
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

interface OpenStream {
  readonly events: EventQueue;
  readonly stop: (why: StreamEnd) => void;
}

/**
 * The local control socket of a daemon: newline-delimited JSON, `{id, method, params}` answered by `{id, result}` or
 * `{id, error: {code, message}}`, for the owner of the process only (mode 0600). The answer of a streaming method is followed
 * by lines `{id, event}` until the client ends its side of the connection, which then gets the last of them.
 */
export class ControlServer {
  readonly path: string;
  readonly #server: Server;
  readonly #handlers: ReadonlyMap<string, ControlHandler>;
  readonly #streamHandlers: ReadonlyMap<string, StreamHandler>;
  /** Connections with what streams on them. */
  readonly #sockets = new Map<Socket, Set<OpenStream>>();

  private constructor(path: string, handlers: ReadonlyMap<string, ControlHandler>, streamHandlers: ReadonlyMap<string, StreamHandler>) {
    this.path = path;
    this.#handlers = handlers;
    this.#streamHandlers = streamHandlers;
    // A client that has ended its side still reads the last events of its streams.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = MAXIMUM_CONNECTIONS;
  }

  /**
   * Listens on a path, and makes its folder; the socket that a dead process left there is removed first.
   * @throws XiaError `already-running` when somebody answers on that path; `bad-config` when the path is too long or leads to a
   * file of another kind
   */
  static async listen(
    path: string,
    handlers: Readonly<Record<string, ControlHandler>>,
    streamHandlers: Readonly<Record<string, StreamHandler>> = {},
  ): Promise<ControlServer> {
    const server = new ControlServer(path, new Map(Object.entries(handlers)), new Map(Object.entries(streamHandlers)));
    await mkdir(dirname(path), { recursive: true });
    await listenUnix(server.#server, path).catch((cause: unknown) => {
      if (!(cause instanceof XiaError) || cause.code !== 'address-in-use') throw cause;
      throw new XiaError('already-running', `${path}: another process is serving this control socket`, { path }, { cause });
    });
    return server;
  }

  /** How full the queues of the streams are. */
  gauges(): Gauge[] {
    return [...this.#sockets.values()].flatMap((streams) => [...streams].map(({ events }) => events.gauge('control event queue')));
  }

  /** Closes every connection and removes the socket. */
  async close(): Promise<void> {
    await Promise.all([...this.#sockets].map(async ([socket, streams]) => endSocket(socket, streams)));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #serve(socket: Socket): void {
    const splitter = new LineSplitter(MAXIMUM_REQUEST_BYTES);
    const streams = new Set<OpenStream>();
    this.#sockets.set(socket, streams);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      stopAll(streams, 'gone');
    });
    socket.on('end', () => {
      stopAll(streams, 'client');
      socket.end();
    });
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: Buffer) => {
      const lines = splitter.push(piece);
      if (lines === 'too-long') {
        socket.end(`${JSON.stringify({ id: null, error: { code: 'bad-request', message: 'request too long' } })}\n`);
        return;
      }
      for (const line of lines) void this.#answer(line, socket, streams);
    });
  }

  async #answer(line: string, socket: Socket, streams: Set<OpenStream>): Promise<void> {
    let id: number | null = null;
    let answer: object;
    try {
      const request = v.parse(requestSchema, JSON.parse(line));
      id = request.id;
      const stream = this.#streamHandlers.get(request.method);
      answer = { id, result: (stream === undefined ? await this.#call(request) : open(stream, request, socket, streams)) ?? null };
    } catch (error) {
      const code = error instanceof XiaError ? error.code : 'bad-request';
      answer = { id, error: { code, message: error instanceof Error ? error.message : String(error) } };
    }
    if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
  }

  async #call({ method, params }: Request): Promise<unknown> {
    const handler = this.#handlers.get(method);
    if (handler === undefined) throw new XiaError('bad-request', `no method "${method}"`, { method });
    return handler(params);
  }
}

function open(handler: StreamHandler, { id, params }: Request, socket: Socket, streams: Set<OpenStream>): unknown {
  const events = new EventQueue(socket, id);
  const { result, stop } = handler(params, events);
  streams.add({ events, stop });
  return result;
}

function stopAll(streams: Set<OpenStream>, why: StreamEnd): void {
  for (const { stop } of streams) stop(why);
  streams.clear();
}

/** Lets a client that follows a stream have its end, for a moment; a client without one has nothing to wait for. */
async function endSocket(socket: Socket, streams: Set<OpenStream>): Promise<void> {
  if (streams.size > 0) {
    stopAll(streams, 'daemon');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
      socket.end(() => {
        clearTimeout(timer);
        resolve();
      });
      socket.once('close', resolve);
    });
  }
  socket.destroy();
}
