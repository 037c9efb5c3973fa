import { packBody, unpackBody } from 'xia-core';
import { checkMessage, type ControlMessage } from './messages.js';

/** Bytes of the big-endian length before each message. */
const LENGTH_PREFIX_BYTES = 4;
/** The longest message body. Checked on the prefix, before the body is waited for. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

/** One message as it goes on the control stream: length prefix and msgpack map. */
export function encodeMessage(message: ControlMessage): Uint8Array {
  const body = packBody(message);
  const frame = new Uint8Array(LENGTH_PREFIX_BYTES + body.length);
  frame[0] = body.length >>> 24;
  frame[1] = body.length >>> 16;
  frame[2] = body.length >>> 8;
  frame[3] = body.length;
  frame.set(body, LENGTH_PREFIX_BYTES);
  return frame;
}

/** What a byte stream held next: a message, nothing complete yet, or something that ends the conversation. */
export type DecodeResult = { kind: 'message'; message: ControlMessage } | { kind: 'more' } | { kind: 'fault'; reason: string };

/**
 * Cuts a byte stream into messages. Keeps at most one message (64 KB) and what the last `push` brought.
 * After a fault the stream is unusable and every further `next` repeats the fault.
 */
export class MessageReader {
  #buffer = new Uint8Array(0);
  #fault: string | undefined;

  /** Adds bytes as they came from the stream; take the messages out with `next` before the next `push`. */
  push(bytes: Uint8Array): void {
    if (this.#fault !== undefined) return;
    if (this.#buffer.length === 0) {
      this.#buffer = bytes.slice();
      return;
    }
    const joined = new Uint8Array(this.#buffer.length + bytes.length);
    joined.set(this.#buffer);
    joined.set(bytes, this.#buffer.length);
    this.#buffer = joined;
  }

  next(): DecodeResult {
    if (this.#fault !== undefined) return { kind: 'fault', reason: this.#fault };
    const b = this.#buffer;
    if (b.length < LENGTH_PREFIX_BYTES) return { kind: 'more' };
    const length = ((b[0]! << 24) | (b[1]! << 16) | (b[2]! << 8) | b[3]!) >>> 0;
    if (length === 0 || length > MAX_MESSAGE_BYTES) return this.#fail(`a message of ${length} bytes`);
    const end = LENGTH_PREFIX_BYTES + length;
    if (b.length < end) return { kind: 'more' };
    const body = b.subarray(LENGTH_PREFIX_BYTES, end);
    this.#buffer = b.subarray(end);
    const unpacked = unpackBody(body);
    if (!unpacked.ok) return this.#fail(`a message that is not a msgpack map (${unpacked.reason})`);
    const checked = checkMessage(unpacked.value);
    return checked.ok ? { kind: 'message', message: checked.message } : this.#fail(checked.reason);
  }

  #fail(reason: string): DecodeResult {
    this.#fault = reason;
    this.#buffer = new Uint8Array(0);
    return { kind: 'fault', reason };
  }
}
