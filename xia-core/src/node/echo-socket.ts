import { EventEmitter } from 'node:events';
import { writeU32LE, XiaError } from '../bytes/index.js';
import type { Dag } from '../dag/index.js';
import type { EchoAnswer, NodeStack } from '../stack/index.js';
import type { Enter } from './stream-socket.js';

const SEQUENCES = 0x10000;
const DEFAULT_DATA_BYTES = 56;
/** An answer is matched with its question for this long. */
const MEMORY = 8192;

/** An answer with its round-trip time, where the question is still remembered. */
export interface EchoReply extends EchoAnswer {
  readonly rttMs: number | undefined;
  /** Whether what was compared of the data came back as it was sent; always true for errors, which bring none back. */
  readonly intact: boolean;
}

export interface EchoOptions {
  /** Taken modulo 65,536. */
  readonly sequence: number;
  /** Bytes of data in the message, 56 by default. */
  readonly size?: number;
  /** 250 by default. */
  readonly hopLimit?: number;
}

/** Sends XCMP echoes and emits `reply` for every answer, errors along the way included. */
export class EchoSocket extends EventEmitter<{ reply: [EchoReply] }> implements AsyncDisposable {
  readonly #stack: NodeStack;
  readonly #enter: Enter;
  readonly #id: number;
  readonly #sentMs = new Map<number, number>();
  #closed = false;

  constructor(stack: NodeStack, enter: Enter) {
    super();
    this.#stack = stack;
    this.#enter = enter;
    this.#id = stack.echoes.open((answer, now) => {
      const sentMs = this.#sentMs.get(answer.sequence);
      this.emit('reply', { ...answer, rttMs: sentMs === undefined ? undefined : now - sentMs, intact: isIntact(answer.data) });
    });
  }

  /** Sends one echo. False when it could not even leave. */
  send(destination: Dag, { sequence, size = DEFAULT_DATA_BYTES, hopLimit }: EchoOptions): boolean {
    if (this.#closed) throw new XiaError('bad-argument', 'the echo socket is closed');
    if (!Number.isInteger(size) || size < 0 || size > 65_000) {
      throw new XiaError('bad-argument', `an echo carries 0 to 65,000 bytes, not ${size}`, { size });
    }
    const number = sequence % SEQUENCES;
    return this.#enter((now) => {
      this.#sentMs.delete(number);
      this.#sentMs.set(number, now);
      if (this.#sentMs.size > MEMORY) this.#sentMs.delete(this.#sentMs.keys().next().value ?? 0);
      const message = this.#stack.echoes.message(this.#id, number, dataOf(size, Date.now()));
      return this.#stack.sendEcho(destination, message, hopLimit, now);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stack.echoes.close(this.#id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The time of sending as the prototype writes it: seconds and microseconds, 64 bits each, little-endian. */
const TIME_BYTES = 16;
/** The prototype writes over the data of a reply from here on, byte 52 of the message. */
const COMPARED_BYTES = 44;

/** The time, then the counting pattern that ping has always sent: a damaged answer shows. */
function dataOf(size: number, wallMs: number): Uint8Array {
  const data = new Uint8Array(size);
  if (size >= TIME_BYTES) {
    const seconds = Math.floor(wallMs / 1000);
    writeU32LE(data, 0, seconds % 0x1_0000_0000);
    writeU32LE(data, 4, Math.floor(seconds / 0x1_0000_0000));
    writeU32LE(data, 8, (wallMs % 1000) * 1000);
  }
  for (let index = TIME_BYTES; index < size; index++) data[index] = patternAt(index);
  return data;
}

function isIntact(data: Uint8Array): boolean {
  for (let index = TIME_BYTES; index < Math.min(data.length, COMPARED_BYTES); index++) {
    if (data[index] !== patternAt(index)) return false;
  }
  return true;
}

function patternAt(index: number): number {
  return (index - TIME_BYTES + 8) & 0xff;
}
