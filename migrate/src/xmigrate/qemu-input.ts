import { EventEmitter } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { privateSocket } from './private-socket.js';
import { readAgain } from './read-again.js';
import type { VmInput, VmInputEvents } from './vm-input.js';

/** More than a QEMU can have written to a UNIX socket before it waits, so that all of it is read at once. */
const READ_BYTES = 256 * 1024;

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
    // What comes is read only when it is known where to.
    const server = createServer({ pauseOnConnect: true });
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
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#socket?.pause();
  }

  resume(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#socket?.resume();
  }

  /** QEMU sees its stream end: before the last byte, that is a migration that failed. */
  close(): void {
    this.#server.close();
    this.#socket?.destroy();
    this.#place.remove();
  }

  #accept(accepted: Socket): void {
    const socket = readAgain(accepted, Buffer.allocUnsafeSlow(READ_BYTES), (piece) => void this.emit('data', piece));
    this.#socket = socket;
    this.#server.close();
    this.#place.remove();
    socket.on('end', () => void this.emit('end'));
    socket.on('error', (error) => void this.emit('error', error));
    if (this.#wanted) socket.resume();
    else socket.pause();
  }
}
