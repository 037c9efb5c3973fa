import { mkdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { XiaError, type Gauge } from '../bytes/index.js';
import { listenUnix } from '../io/index.js';
import { LineSplitter } from './line-splitter.js';

const MAXIMUM_REQUEST_BYTES = 64 * 1024;
const MAXIMUM_CONNECTIONS = 32;

const requestSchema = v.strictObject({
  id: v.pipe(v.number(), v.safeInteger()),
  method: v.pipe(v.string(), v.maxLength(64)),
  params: v.optional(v.record(v.string(), v.unknown()), {}),
});

/** Answers one method; what it returns must survive `JSON.stringify`. */
export type ControlHandler = (params: Record<string, unknown>) => unknown;

/**
 * The local control socket of a daemon: newline-delimited JSON, `{id, method, params}` answered by `{id, result}` or
 * `{id, error: {code, message}}`, for the owner of the process only (mode 0600).
 */
export class ControlServer {
  readonly path: string;
  readonly #server: Server;
  readonly #handlers: ReadonlyMap<string, ControlHandler>;
  #mostSockets = 0;
  #refused = 0;
  /** How many answers each connection waits for. */
  readonly #sockets = new Map<Socket, number>();
  #isRetired = false;

  private constructor(path: string, handlers: ReadonlyMap<string, ControlHandler>) {
    this.path = path;
    this.#handlers = handlers;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#server.maxConnections = MAXIMUM_CONNECTIONS;
    this.#server.on('drop', () => this.#refused++);
  }

  /**
   * Listens on a path, and makes its folder; the socket that a dead process left there is removed first.
   * @throws XiaError `already-running` when somebody answers on that path; `bad-config` when the path is too long or leads to a
   * file of another kind
   */
  static async listen(path: string, handlers: Readonly<Record<string, ControlHandler>>): Promise<ControlServer> {
    const server = new ControlServer(path, new Map(Object.entries(handlers)));
    await mkdir(dirname(path), { recursive: true });
    await listenUnix(server.#server, path).catch((cause: unknown) => {
      if (!(cause instanceof XiaError) || cause.code !== 'address-in-use') throw cause;
      throw new XiaError('already-running', `${path}: another process is serving this control socket`, { path }, { cause });
    });
    return server;
  }

  /** Closes every connection and removes the socket. */
  async close(): Promise<void> {
    for (const socket of this.#sockets.keys()) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  gauges(): Gauge[] {
    const [used, highWater, bound, refused] = [this.#sockets.size, this.#mostSockets, MAXIMUM_CONNECTIONS, this.#refused];
    return [{ name: 'control connections', unit: 'entries', used, highWater, bound, refused }];
  }

  /** Removes the socket and lets no more connections in; those that wait for an answer still get it. */
  retire(): void {
    this.#isRetired = true;
    this.#server.close();
    for (const [socket, waiting] of this.#sockets) if (waiting === 0) socket.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #serve(socket: Socket): void {
    const splitter = new LineSplitter(MAXIMUM_REQUEST_BYTES);
    this.#sockets.set(socket, 0);
    this.#mostSockets = Math.max(this.#mostSockets, this.#sockets.size);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: Buffer) => {
      const lines = splitter.push(piece);
      if (lines === 'too-long') {
        socket.end(`${JSON.stringify({ id: null, error: { code: 'bad-request', message: 'request too long' } })}\n`);
        return;
      }
      for (const line of lines) void this.#answer(line, socket);
    });
  }

  async #answer(line: string, socket: Socket): Promise<void> {
    this.#sockets.set(socket, (this.#sockets.get(socket) ?? 0) + 1);
    let id: number | null = null;
    let answer: object;
    try {
      const request = v.parse(requestSchema, JSON.parse(line));
      id = request.id;
      const handler = this.#handlers.get(request.method);
      if (handler === undefined) throw new XiaError('bad-request', `no method "${request.method}"`, { method: request.method });
      answer = { id, result: (await handler(request.params)) ?? null };
    } catch (error) {
      const code = error instanceof XiaError ? error.code : 'bad-request';
      answer = { id, error: { code, message: error instanceof Error ? error.message : String(error) } };
    }
    if (socket.destroyed) return;
    socket.write(`${JSON.stringify(answer)}\n`);
    const waiting = (this.#sockets.get(socket) ?? 1) - 1;
    this.#sockets.set(socket, waiting);
    if (this.#isRetired && waiting === 0) socket.end();
  }
}
