import { EventEmitter } from 'node:events';
import { XiaError } from '../bytes/index.js';
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
      this.emit('reply', { ...answer, rttMs: sentMs === undefined ? undefined : now - sentMs });
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
      const message = this.#stack.echoes.message(this.#id, number, patternOf(size));
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

/** The counting pattern that ping has always sent: a damaged answer shows. */
function patternOf(size: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let index = 0; index < size; index++) data[index] = (index + 8) & 0xff;
  return data;
}
