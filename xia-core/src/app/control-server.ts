import { mkdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { XiaError, type Gauge } from '../bytes/index.js';
import { listenUnix } from '../io/index.js';
import { ControlConnection, type ControlHandler, type ControlMethods, type StreamHandler } from './control-connection.js';
import { MAXIMUM_QUEUED_BYTES, type EventLevels } from './event-queue.js';

const MAXIMUM_CONNECTIONS = 32;

/**
 * The local control socket of a daemon: newline-delimited JSON, `{id, method, params}` answered by `{id, result}` or
 * `{id, error: {code, message}}`, for the owner of the process only (mode 0600). The answer of a streaming method is followed
 * by lines `{id, event}` until the client ends its side of the connection, which then gets the last of them.
 */
export class ControlServer {
  readonly path: string;
  readonly #server: Server;
  readonly #methods: ControlMethods;
  readonly #connections = new Set<ControlConnection>();
  readonly #events: EventLevels = { mostBytes: 0, dropped: 0 };
  #highWater = 0;
  #refused = 0;

  private constructor(path: string, methods: ControlMethods) {
    this.path = path;
    this.#methods = methods;
    // A client that has ended its side still reads the last events of its streams.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    this.#server.maxConnections = MAXIMUM_CONNECTIONS;
    this.#server.on('drop', () => this.#refused++);
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
    const server = new ControlServer(path, {
      calls: new Map(Object.entries(handlers)),
      streams: new Map(Object.entries(streamHandlers)),
    });
    await mkdir(dirname(path), { recursive: true });
    await listenUnix(server.#server, path).catch((cause: unknown) => {
      if (!(cause instanceof XiaError) || cause.code !== 'address-in-use') throw cause;
      throw new XiaError('already-running', `${path}: another process is serving this control socket`, { path }, { cause });
    });
    return server;
  }

  gauges(): Gauge[] {
    const [used, highWater, bound, refused] = [this.#connections.size, this.#highWater, MAXIMUM_CONNECTIONS, this.#refused];
    return [
      { name: 'control connections', unit: 'entries', used, highWater, bound, refused },
      {
        name: 'largest queue of events',
        unit: 'bytes',
        used: Math.max(0, ...[...this.#connections].map(({ eventBytes }) => eventBytes)),
        highWater: this.#events.mostBytes,
        bound: MAXIMUM_QUEUED_BYTES,
        refused: this.#events.dropped,
      },
    ];
  }

  /** Closes every connection and removes the socket. */
  async close(): Promise<void> {
    await Promise.all([...this.#connections].map(async (connection) => connection.finish()));
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Removes the socket and lets no more connections in; those that wait for an answer still get it. */
  retire(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.retire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #serve(socket: Socket): void {
    const connection = new ControlConnection(socket, this.#methods, this.#events);
    this.#connections.add(connection);
    this.#highWater = Math.max(this.#highWater, this.#connections.size);
    socket.on('close', () => this.#connections.delete(connection));
  }
}
