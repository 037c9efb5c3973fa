import type { Socket } from 'node:net';
import type { Gauge } from '../bytes/index.js';

/** Bytes that may wait for a reader of a stream. */
const MAXIMUM_QUEUED_BYTES = 8 * 1024 * 1024;

/** The events of one streaming call on their way to its client. What does not fit is dropped and counted. */
export class EventQueue {
  readonly #socket: Socket;
  readonly #id: number;
  readonly #boundBytes: number;
  #highWater = 0;
  #dropped = 0;

  constructor(socket: Socket, id: number, boundBytes = MAXIMUM_QUEUED_BYTES) {
    this.#socket = socket;
    this.#id = id;
    this.#boundBytes = boundBytes;
  }

  /** Events that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether an event fits now; one that does not is counted as dropped. */
  accepts(): boolean {
    if (this.#socket.writable && this.#socket.writableLength < this.#boundBytes) return true;
    this.#dropped++;
    return false;
  }

  /** Sends an event that {@link accepts} has accepted, or one that must not be lost: the last one. */
  push(event: object): void {
    if (!this.#socket.writable) return;
    this.#socket.write(`${JSON.stringify({ id: this.#id, event })}\n`);
    this.#highWater = Math.max(this.#highWater, this.#socket.writableLength);
  }

  gauge(name: string): Gauge {
    const used = this.#socket.writableLength;
    return { name, unit: 'bytes', used, highWater: this.#highWater, bound: this.#boundBytes, refused: this.#dropped };
  }
}
