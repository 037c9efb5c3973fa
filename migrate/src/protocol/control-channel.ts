import { concatBytes } from 'xia-core';
import { abortReason, type ControlMessage } from './messages.js';
import type { AbortCode } from './abort-code.js';
import { encodeMessage, MessageReader } from './codec.js';
import { Liveness, type LivenessOptions } from './liveness.js';

/** What the channel tells its owner about the bytes of the stream. */
export type ChannelInput = { kind: 'message'; message: ControlMessage } | { kind: 'fault'; reason: string };

/**
 * One control stream, seen from one end: messages in and out, keep-alives, silence. A machine that goes on after a lost
 * stream opens its channel again; half a message of the old stream is forgotten.
 */
export class ControlChannel {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #liveness: Liveness;
  #reader = new MessageReader();
  #open = false;

  constructor(send: (bytes: Uint8Array) => void, options: LivenessOptions) {
    this.#send = send;
    this.#liveness = new Liveness(options);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  open(now: number): void {
    this.#open = true;
    this.#reader = new MessageReader();
    this.#liveness.start(now);
  }

  close(): void {
    this.#open = false;
    this.#liveness.stop();
  }

  /** Sends unless the stream is gone. */
  send(message: ControlMessage, now: number): void {
    if (!this.#open) return;
    this.#liveness.sent(now);
    this.#send(encodeMessage(message));
  }

  /** As `send` of each, in one piece: each write costs more than what it says. */
  sendAll(messages: readonly ControlMessage[], now: number): void {
    if (!this.#open || messages.length === 0) return;
    this.#liveness.sent(now);
    this.#send(messages.length === 1 ? encodeMessage(messages[0]!) : concatBytes(...messages.map(encodeMessage)));
  }

  sendAbort(code: AbortCode, reason: string, now: number): void {
    this.send({ type: 'abort', code, reason: abortReason(reason) }, now);
  }

  /** Yields the messages that these bytes complete, until the owner closes the channel or the bytes make no sense. */
  *receive(bytes: Uint8Array, now: number): Generator<ChannelInput> {
    if (!this.#open) return;
    this.#liveness.heard(now);
    this.#reader.push(bytes);
    while (this.#open) {
      const next = this.#reader.next();
      if (next.kind === 'more') return;
      yield next;
      if (next.kind === 'fault') return;
    }
  }

  /** As that of `Liveness`; also after the channel was closed. */
  get heardAt(): number {
    return this.#liveness.heardAt;
  }

  /** As that of `Liveness`. */
  silentMs(now: number): number {
    return this.#liveness.silentMs(now);
  }

  nextTimeout(): number {
    return this.#liveness.nextTimeout();
  }

  /** Says ALIVE when due; true when the peer has been silent for too long. */
  handleTimeout(now: number): boolean {
    const due = this.#liveness.due(now);
    if (due === 'say-alive') this.send({ type: 'alive' }, now);
    return due === 'lost';
  }
}
