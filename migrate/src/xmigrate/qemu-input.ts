import { EventEmitter } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { privateSocket } from './private-socket.js';
import type { VmInput, VmInputEvents } from './vm-input.js';

/** The stream of a QEMU that connects to a UNIX socket of ours (`migrate unix:`). */
export class QemuInput extends EventEmitter<VmInputEvents> implements VmInput {
  readonly #place = privateSocket('out');
  readonly #server: Server;
  #socket: Socket | undefined;
  #wanted = false;

  private constructor(server: Server) {
    super();
    this.#server = server;
    server.once('connection', (socket) => this.#accept(socket));
  }

  /** Throws what the file system says when there is no place for the socket. */
  static async listen(): Promise<QemuInput> {
    const server = createServer();
    const input = new QemuInput(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        input.close();
        reject(error);
      });
      server.listen(input.path, resolve);
    });
    return input;
  }

  /** Where QEMU connects to. */
  get path(): string {
    return this.#place.path;
  }

  /** Whether QEMU has come. */
  get isConnected(): boolean {
    return this.#socket !== undefined;
  }

  pause(): void {
    this.#wanted = false;
    this.#socket?.pause();
  }

  resume(): void {
    this.#wanted = true;
    this.#socket?.resume();
  }

  /** QEMU sees its stream end: before the last byte, that is a migration that failed. */
  close(): void {
    this.#server.close();
    this.#socket?.destroy();
    this.#place.remove();
  }

  #accept(socket: Socket): void {
    this.#socket = socket;
    this.#server.close();
    this.#place.remove();
    socket.on('data', (piece: Buffer) => void this.emit('data', piece));
    socket.on('end', () => void this.emit('end'));
    socket.on('error', (error) => void this.emit('error', error));
    if (!this.#wanted) socket.pause();
  }
}
