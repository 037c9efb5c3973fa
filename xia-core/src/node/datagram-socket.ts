import { EventEmitter } from 'node:events';
import type { Dag } from '../dag/index.js';
import type { DatagramSocketHandle } from '../transport/index.js';
import type { Xid } from '../xid/index.js';
import type { Enter } from './stream-socket.js';

interface DatagramSocketEvents {
  /** The bytes are in place: copy what shall be kept for long. */
  message: [bytes: Uint8Array, from: Dag];
  close: [];
}

/** An unreliable datagram socket bound to a SID. Emits `message`. */
export class DatagramSocket extends EventEmitter<DatagramSocketEvents> implements AsyncDisposable {
  readonly sid: Xid;
  readonly #handle: DatagramSocketHandle;
  readonly #enter: Enter;
  readonly #dag: () => Dag;
  readonly #onClose: () => void;
  #closed = false;
  #draining = false;

  constructor(handle: DatagramSocketHandle, enter: Enter, dag: () => Dag, onClose: () => void) {
    super();
    this.sid = handle.sid;
    this.#handle = handle;
    this.#enter = enter;
    this.#dag = dag;
    this.#onClose = onClose;
  }

  /** The socket's address as it is now. */
  get dag(): Dag {
    return this.#dag();
  }

  /** Datagrams that were dropped because they were not taken in time. */
  get dropped(): number {
    return this.#handle.dropped;
  }

  /**
   * The largest datagram that is known to pass towards an address, in bytes: what the face allows, or less when a router on the way
   * has said so, or a stream has found out. It may change at any time.
   */
  largestPayload(destination: Dag): number {
    return this.#handle.largestPayload(destination);
  }

  /** Sends one datagram. False when it could not even leave, or is larger than {@link largestPayload}; true promises nothing. */
  send(destination: Dag, bytes: Uint8Array): boolean {
    return !this.#closed && this.#enter(() => this.#handle.send(destination, bytes));
  }

  /** For the node: there is something to read. Handlers run in a turn of their own, not inside the forwarding of a packet. */
  onReadable(): void {
    if (this.#draining) return;
    this.#draining = true;
    queueMicrotask(() => {
      this.#draining = false;
      for (let datagram = this.#handle.receive(); datagram !== undefined; datagram = this.#handle.receive()) {
        this.emit('message', datagram.payload, datagram.source);
      }
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.close();
    this.#onClose();
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
