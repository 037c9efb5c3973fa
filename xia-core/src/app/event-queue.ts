import type { Socket } from 'node:net';

/** Bytes that may wait for a reader of a stream. */
export const MAXIMUM_QUEUED_BYTES = 8 * 1024 * 1024;

/** What all the queues of a control socket together had to do so far. */
export interface EventLevels {
  /** The most bytes that waited in one of them. */
  mostBytes: number;
  dropped: number;
}

/** The events of one streaming call on their way to its client. What does not fit is dropped and counted. */
export class EventQueue {
  readonly #socket: Socket;
  readonly #id: number;
  readonly #levels: EventLevels;
  #dropped = 0;

  constructor(socket: Socket, id: number, levels: EventLevels) {
    this.#socket = socket;
    this.#id = id;
    this.#levels = levels;
  }

  /** Bytes that wait for the reader. */
  get bytes(): number {
    return this.#socket.writableLength;
  }

  /** Events that were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether an event fits now; one that does not is counted as dropped. */
  accepts(): boolean {
    if (this.#socket.writable && this.bytes < MAXIMUM_QUEUED_BYTES) return true;
    this.#dropped++;
    this.#levels.dropped++;
    return false;
  }

  /** Sends an event that {@link accepts} has accepted, or one that must not be lost: the last one. */
  push(event: object): void {
    if (!this.#socket.writable) return;
    this.#socket.write(`${JSON.stringify({ id: this.#id, event })}\n`);
    this.#levels.mostBytes = Math.max(this.#levels.mostBytes, this.bytes);
  }
}
