import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Writable } from 'node:stream';
import { privateSocket } from './private-socket.js';

const CONNECT_TIMEOUT_MS = 10_000;
const TRY_AGAIN_MS = 10;

/** The stream to a QEMU that listens on a UNIX socket (`migrate-incoming unix:`). */
export class QemuOutput extends Writable {
  readonly #place = privateSocket('in');
  #socket: Socket | undefined;
  #connecting: Promise<Socket> | undefined;

  constructor() {
    super({ highWaterMark: 1024 * 1024 });
  }

  /** Where QEMU is to listen. */
  get path(): string {
    return this.#place.path;
  }

  /** Connects as soon as QEMU listens. What is written before waits for it, not for ever. */
  connectSoon(): void {
    this.#connecting ??= this.#connect();
    this.#connecting.catch(() => undefined);
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#socket !== undefined) {
      this.#socket.write(chunk, callback);
      return;
    }
    this.connectSoon();
    const timer = setTimeout(() => this.destroy(new Error('QEMU does not listen')), CONNECT_TIMEOUT_MS);
    this.#connecting
      ?.finally(() => clearTimeout(timer))
      .then(
        (socket) => void socket.write(chunk, callback),
        (error: Error) => callback(error),
      );
  }

  override _final(callback: (error?: Error | null) => void): void {
    // QEMU closes its side when it has everything, which may be before the stream is ended here; the socket ends itself then.
    if (this.#socket === undefined || this.#socket.writableFinished) callback();
    else this.#socket.end(callback);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket?.destroy();
    this.#place.remove();
    callback(error);
  }

  /** QEMU may be a moment behind us. */
  async #connect(): Promise<Socket> {
    for (;;) {
      try {
        const socket = await open(this.#place.path);
        if (this.destroyed) socket.destroy();
        this.#place.remove();
        this.#socket = socket;
        socket.on('error', (error) => this.destroy(error));
        // QEMU never writes here; it closes when it has everything, or has given up.
        socket.resume();
        return socket;
      } catch (error) {
        if (this.destroyed) throw error;
        await sleep(TRY_AGAIN_MS);
      }
    }
  }
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}
