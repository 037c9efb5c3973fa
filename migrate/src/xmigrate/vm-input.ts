import { EventEmitter } from 'node:events';
import { fstatSync, read } from 'node:fs';
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';

/** Large enough for what a pipe holds. */
const READ_BYTES = 64 * 1024;

export interface VmInputEvents {
  data: [piece: Uint8Array];
  end: [];
  error: [error: Error];
}

/**
 * A VM stream as it comes in, paused at first. A piece is valid only while its listener runs. Any `Readable` will do;
 * {@link openVmInput} gives one that reads into the same memory again and again, which spares the garbage collector a
 * buffer for every 64 KB.
 */
export interface VmInput {
  on<Name extends keyof VmInputEvents>(event: Name, listener: (...values: VmInputEvents[Name]) => void): this;
  off<Name extends keyof VmInputEvents>(event: Name, listener: (...values: VmInputEvents[Name]) => void): this;
  pause(): void;
  resume(): void;
}

/** Reads from a file descriptor: a regular file, or a pipe or socket. */
export function openVmInput(fd: number): VmInput {
  return fstatSync(fd).isFile() ? new FileInput(fd) : new PipeInput(fd);
}

class FileInput extends EventEmitter<VmInputEvents> implements VmInput {
  readonly #fd: number;
  readonly #memory = Buffer.allocUnsafeSlow(4 * READ_BYTES);
  #wanted = false;
  #reading = false;
  #ended = false;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  pause(): void {
    this.#wanted = false;
  }

  resume(): void {
    this.#wanted = true;
    this.#read();
  }

  #read(): void {
    if (!this.#wanted || this.#reading || this.#ended) return;
    this.#reading = true;
    read(this.#fd, this.#memory, 0, this.#memory.length, null, (error, bytes) => {
      this.#reading = false;
      this.#ended = error !== null || bytes === 0;
      if (error !== null) this.emit('error', error);
      else if (bytes === 0) this.emit('end');
      else this.emit('data', this.#memory.subarray(0, bytes));
      this.#read();
    });
  }
}

class PipeInput extends EventEmitter<VmInputEvents> implements VmInput {
  readonly #socket: Socket;

  constructor(fd: number) {
    super();
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (bytes: number): boolean => {
      this.emit('data', buffer.subarray(0, bytes));
      return true;
    };
    // The documentation has `onread` here, the type only for connections.
    const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd, readable: true, writable: false, onread: { buffer, callback } };
    this.#socket = new Socket(options);
    this.#socket.on('end', () => this.emit('end')).on('error', (error) => this.emit('error', error));
    this.#socket.pause();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
