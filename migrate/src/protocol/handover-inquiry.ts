import { ControlChannel } from './control-channel.js';
import { defaultLimits } from './limits.js';
import { defaultLiveness, unreached, type LivenessOptions } from './liveness.js';
import { PROTOCOL_VERSIONS, type ControlMessage } from './messages.js';

/** What became of a VM that was handed over: the destination's last word, or none. */
export type HandoverAnswer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'aborted'; readonly reason: string }
  | { readonly kind: 'unanswered'; readonly reason: string };

interface InquiryOptions {
  readonly vm: string;
  /** The transfer's name, from the state file: who does not know it has no part in it. */
  readonly transfer: Uint8Array;
  readonly send: (bytes: Uint8Array) => void;
  readonly liveness?: LivenessOptions;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/**
 * The source's end of a commit that its sender did not live to see: says COMMITTED again and hears what the destination has
 * decided, or decides by it. Without I/O; contract as for the sender.
 *
 *     new --streamOpened, HELLO--> asking --HELLO, COMMITTED--> asking --TAKEN or ABORT--> answered
 *     new, asking --stream lost, nonsense, silence--> answered (unanswered)
 */
export class HandoverInquiry {
  readonly #o: InquiryOptions;
  readonly #channel: ControlChannel;
  #isKnown = false;
  #answer: HandoverAnswer | undefined;

  constructor(options: InquiryOptions) {
    this.#o = options;
    this.#channel = new ControlChannel(options.send, options.liveness ?? defaultLiveness);
  }

  get answer(): HandoverAnswer | undefined {
    return this.#answer;
  }

  streamOpened(now: number): void {
    const { vm, transfer } = this.#o;
    this.#channel.open(now);
    this.#channel.send(
      { type: 'hello', versions: [...PROTOCOL_VERSIONS], role: 'source', vm, transfer, resume: true, limits: defaultLimits },
      now,
    );
  }

  streamBytes(bytes: Uint8Array, now: number): void {
    for (const input of this.#channel.receive(bytes, now)) {
      if (input.kind === 'fault') this.#finish({ kind: 'unanswered', reason: input.reason });
      else this.#message(input.message, now);
    }
  }

  streamClosed(reason: string): void {
    this.#finish({ kind: 'unanswered', reason });
  }

  nextTimeout(): number {
    return this.#answer === undefined ? this.#channel.nextTimeout() : Infinity;
  }

  handleTimeout(now: number): void {
    if (this.#channel.handleTimeout(now))
      this.#finish({ kind: 'unanswered', reason: unreached('destination', (this.#o.liveness ?? defaultLiveness).idleTimeoutMs) });
  }

  #message(message: ControlMessage, now: number): void {
    if (message.type === 'hello' && message.role === 'destination' && isSame(message.transfer, this.#o.transfer)) {
      this.#isKnown = true;
      this.#channel.send({ type: 'committed' }, now);
    } else if (message.type === 'taken' && this.#isKnown) {
      this.#finish({ kind: 'taken' });
    } else if (message.type === 'abort') {
      // Before the HELLO of this very transfer it may be anybody's.
      this.#finish({ kind: this.#isKnown ? 'aborted' : 'unanswered', reason: message.reason });
    }
  }

  #finish(answer: HandoverAnswer): void {
    this.#answer ??= answer;
    this.#channel.close();
  }
}

interface ReplyOptions extends InquiryOptions {
  /**
   * The source has given the VM up: take it, or say why it is never taken. What it returns must be on disk by then. Called anew when
   * the source asks again.
   */
  readonly decide: () => { readonly kind: 'taken' } | { readonly kind: 'aborted'; readonly reason: string };
}

/** The destination's end of the same, when its receiver did not live to see it either. */
export class HandoverReply {
  readonly #o: ReplyOptions;
  readonly #channel: ControlChannel;
  #isKnown = false;
  #isAnswered = false;

  constructor(options: ReplyOptions) {
    this.#o = options;
    this.#channel = new ControlChannel(options.send, options.liveness ?? defaultLiveness);
  }

  /** Whether the source has been told. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Whether nothing more is to be said on this stream. */
  get isOver(): boolean {
    return !this.#channel.isOpen;
  }

  streamOpened(now: number): void {
    this.#isKnown = false;
    this.#channel.open(now);
  }

  streamBytes(bytes: Uint8Array, now: number): void {
    for (const input of this.#channel.receive(bytes, now)) {
      if (input.kind === 'fault') this.streamClosed();
      else this.#message(input.message, now);
    }
  }

  streamClosed(): void {
    this.#channel.close();
  }

  #message(message: ControlMessage, now: number): void {
    const { vm, transfer, decide } = this.#o;
    if (message.type === 'hello') {
      if (message.role !== 'source' || !message.resume || message.vm !== vm || !isSame(message.transfer, transfer)) {
        this.#channel.sendAbort('refused', 'no transfer of this name is waiting here', now);
        this.streamClosed();
        return;
      }
      this.#isKnown = true;
      this.#channel.send(
        { type: 'hello', versions: [...PROTOCOL_VERSIONS], role: 'destination', vm, transfer, resume: true, limits: defaultLimits },
        now,
      );
    } else if (message.type === 'committed' && this.#isKnown) {
      const decision = decide();
      if (decision.kind === 'taken') this.#channel.send({ type: 'taken' }, now);
      else this.#channel.sendAbort('cancelled', decision.reason, now);
      this.#isAnswered = true;
    }
  }
}
