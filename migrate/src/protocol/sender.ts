import type { AbortCode, Abortion } from './abort-code.js';
import { ControlChannel } from './control-channel.js';
import { DEFAULT_CHUNK_BYTES, DEFAULT_HOLD_BACK_BYTES, defaultLimits } from './limits.js';
import { defaultLiveness, unreached } from './liveness.js';
import { agreeVersion, PROTOCOL_VERSIONS, type ControlMessage, type HelloMessage } from './messages.js';
import { OutgoingStream } from './outgoing-stream.js';
import { StreamEndWatch } from './qemu-stream-end.js';
import type { SenderOptions, SenderOutcome } from './sender-options.js';
import type { CutUrgency } from './stream-cutter.js';

const RECONNECT_FIRST_MS = 200;
const RECONNECT_LAST_MS = 2_000;

type State = 'new' | 'hello' | 'sending' | 'done' | 'committing' | 'in-doubt' | 'finished';

/**
 * The source's end of a migration, without I/O. Contract: `streamOpened` once the control stream stands; then any of
 * `input`/`inputEnded`, `streamBytes`, `streamClosed`, `abort`; `handleTimeout` no later than `nextTimeout()`.
 * Read input only while `wantsInput`. Everything comes out by the sink. `now` is in milliseconds, monotonic.
 *
 *     new --streamOpened--> hello --HELLO--> sending --input ended, DONE--> done
 *     done --RECEIVED, mark handed-over, COMMITTED--> committing --TAKEN--> finished (handed-over)
 *     committing --stream lost--> in-doubt --streamOpened, HELLO--> committing
 *     committing --ABORT, mark running--> finished (aborted);  in-doubt --too long--> finished (in-doubt)
 *     new, hello, sending, done --ABORT, fault, stream lost, abort()--> finished (aborted)
 *
 * Up to `done` the VM is the source's and every failure leaves it so. The mark `handed-over` is the commit point.
 */
export class Sender {
  readonly #o: Required<SenderOptions>;
  readonly #channel: ControlChannel;
  readonly #outgoing: OutgoingStream;
  readonly #endWatch = new StreamEndWatch(DEFAULT_HOLD_BACK_BYTES);
  #state: State = 'new';
  #inputEnded = false;
  #lastInputAt = 0;
  /** Of the input at hand. */
  #now = 0;
  #sha256: Uint8Array | undefined;
  #doubtUntil = Infinity;
  #saidSilent = false;
  #reconnectAt = Infinity;
  #reconnectAfterMs = RECONNECT_FIRST_MS;

  constructor(options: SenderOptions) {
    this.#o = {
      limits: defaultLimits,
      chunkBytes: DEFAULT_CHUNK_BYTES,
      flushAfterMs: 2,
      liveness: defaultLiveness,
      missingHere: () => undefined,
      decisionTimeoutMs: 60_000,
      contents: undefined,
      ...options,
    };
    const { sink } = this.#o;
    this.#outgoing = new OutgoingStream({
      ...this.#o,
      publish: (sequence, ciphertext) => sink.publish(sequence, ciphertext),
      unpublish: (cid) => sink.unpublish(cid),
      say: (offers) => this.#channel.sendAll(offers, this.#now),
    });
    this.#channel = new ControlChannel((bytes) => this.#o.sink.send(bytes), this.#o.liveness);
  }

  get isFinished(): boolean {
    return this.#state === 'finished';
  }

  /** Whether more input is welcome. False while the window is full, so that back-pressure reaches the writer. */
  get wantsInput(): boolean {
    return this.#state === 'sending' && !this.#inputEnded && this.#outgoing.wantsInput;
  }

  /** Whether `abort` would still stop the migration. */
  get canAbort(): boolean {
    return this.#state === 'new' || this.#state === 'hello' || this.#state === 'sending' || this.#state === 'done';
  }

  stats(): ReturnType<OutgoingStream['stats']> {
    return this.#outgoing.stats();
  }

  streamOpened(now: number): void {
    if (this.#state !== 'new' && this.#state !== 'in-doubt') return;
    this.#reconnectAt = Infinity;
    this.#channel.open(now);
    const resume = this.#state === 'in-doubt';
    const { vm, transfer, limits } = this.#o;
    this.#channel.send({ type: 'hello', versions: [...PROTOCOL_VERSIONS], role: 'source', vm, transfer, resume, limits }, now);
    if (!resume) this.#state = 'hello';
  }

  streamBytes(bytes: Uint8Array, now: number): void {
    for (const input of this.#channel.receive(bytes, now)) {
      if (input.kind === 'fault') this.#streamFault('protocol', input.reason, now);
      else this.#message(input.message, now);
    }
  }

  /** The stream ended, was reset, or could not be opened. */
  streamClosed(reason: string, now: number): void {
    this.#channel.close();
    switch (this.#state) {
      case 'finished':
        return;
      case 'committing':
        this.#state = 'in-doubt';
        // One deadline for all attempts: a path that comes and goes must not keep the operator waiting for ever.
        this.#doubtUntil = Math.min(this.#doubtUntil, this.#channel.heardAt + this.#o.decisionTimeoutMs);
        this.#reconnectAfterMs = RECONNECT_FIRST_MS;
        this.#reconnectAt = now;
        return;
      case 'in-doubt':
        this.#reconnectAt = now + this.#reconnectAfterMs;
        this.#reconnectAfterMs = Math.min(this.#reconnectAfterMs * 2, RECONNECT_LAST_MS);
        return;
      default:
        this.#finishAborted({ code: 'peer-lost', reason: this.#o.missingHere() ?? reason, by: 'here' });
    }
  }

  /** The next piece of the VM stream. Copied: the reader may use its memory again. */
  input(piece: Uint8Array, now: number): void {
    if (this.#state === 'finished' || this.#inputEnded || piece.length === 0) return;
    this.#outgoing.push(piece);
    this.#endWatch.push(piece);
    this.#lastInputAt = now;
    this.#pump(now);
  }

  inputEnded(now: number): void {
    if (this.#inputEnded || this.#state === 'finished') return;
    this.#inputEnded = true;
    if (this.#endWatch.judge() === 'truncated') {
      this.abort('truncated', 'QEMU closed the stream before its end: its migration failed or was cancelled', now);
      return;
    }
    this.#pump(now);
  }

  /** Ends the transfer unless the VM was already given up. Returns whether it did. */
  abort(code: AbortCode, reason: string, now: number): boolean {
    if (!this.canAbort) return false;
    this.#channel.sendAbort(code, reason, now);
    this.#finishAborted({ code, reason, by: 'here' });
    return true;
  }

  nextTimeout(): number {
    if (this.#state === 'finished') return Infinity;
    return Math.min(this.#channel.nextTimeout(), this.#flushAt(), this.#reconnectAt, this.#doubtUntil);
  }

  handleTimeout(now: number): void {
    if (this.#state === 'finished') return;
    if (now >= this.#doubtUntil) {
      this.#channel.close();
      this.#finish({ kind: 'in-doubt', reason: 'the destination could not be reached again after the VM was handed over' });
      return;
    }
    if (now >= this.#reconnectAt) {
      this.#reconnectAt = Infinity;
      this.#o.sink.onEvent({ kind: 'reconnect' });
    }
    const silentMs = this.#state === 'committing' && !this.#saidSilent ? this.#channel.silentMs(now) : 0;
    if (silentMs > 0) {
      this.#saidSilent = true;
      this.#o.sink.onEvent({ kind: 'silent', silentMs });
    }
    if (this.#channel.handleTimeout(now)) {
      this.#streamFault('peer-lost', unreached('destination', this.#o.liveness.idleTimeoutMs, this.#o.missingHere()), now);
      return;
    }
    if (now >= this.#flushAt()) this.#pump(now);
  }

  /** When what is not full must leave. */
  #flushAt(): number {
    return this.#state === 'sending' && this.#outgoing.wantsFlush ? this.#lastInputAt + this.#o.flushAfterMs : Infinity;
  }

  #message(message: ControlMessage, now: number): void {
    if (message.type === 'alive') return;
    if (message.type === 'abort') {
      this.#peerAborted({ code: message.code, reason: message.reason, by: 'peer' }, now);
      return;
    }
    switch (this.#state) {
      case 'hello':
        if (message.type === 'hello') return this.#hello(message, now);
        break;
      case 'sending':
      case 'done':
        if (message.type === 'ack' && this.#outgoing.hasSaid(message.sequence)) return this.#acknowledged(message.sequence, now);
        if (message.type === 'received' && this.#state === 'done') return this.#received(message.bytes, message.sha256, now);
        break;
      case 'committing':
        // The destination acknowledges nothing more, but an ACK may have been on its way.
        if (message.type === 'ack') return;
        if (message.type === 'taken') return this.#taken();
        break;
      case 'in-doubt':
        if (message.type === 'hello' && this.#isSameTransfer(message)) {
          this.#state = 'committing';
          this.#channel.send({ type: 'committed' }, now);
          return;
        }
        break;
      default:
        return;
    }
    this.#streamFault('protocol', `${message.type} in state ${this.#state}`, now);
  }

  #hello(message: HelloMessage, now: number): void {
    if (agreeVersion(message.versions) === undefined) {
      this.abort('version', `the destination speaks versions ${message.versions.join(', ')}`, now);
    } else if (!this.#isSameTransfer(message)) {
      this.abort('protocol', 'the answer to HELLO names another VM or transfer', now);
    } else {
      const limits = this.#outgoing.agree(message.limits);
      this.#state = 'sending';
      this.#o.sink.onEvent({ kind: 'ready', limits, chunkBytes: this.#outgoing.chunkBytes });
      this.#pump(now);
    }
  }

  #isSameTransfer(message: HelloMessage): boolean {
    const same = message.transfer.every((byte, index) => byte === this.#o.transfer[index]);
    return same && message.role === 'destination' && message.vm === this.#o.vm;
  }

  #acknowledged(sequence: number, now: number): void {
    this.#outgoing.release(sequence);
    this.#pump(now);
  }

  /** Offers as much as the window takes; DONE follows the last chunk at once. */
  #pump(now: number): void {
    if (this.#state !== 'sending') return;
    // While a piece waits for the window nothing is read, which says nothing of what would come.
    const isStalled = !this.#outgoing.wantsInput;
    const isIdle = !isStalled && now >= this.#lastInputAt + this.#o.flushAfterMs;
    const urgency: CutUrgency = this.#inputEnded ? 'end' : isIdle ? 'idle' : 'full';
    this.#now = now;
    const complaint = this.#outgoing.pump(urgency);
    if (complaint !== undefined) {
      this.abort('publish-failed', complaint, now);
      return;
    }
    if (isStalled && this.#outgoing.wantsInput) this.#lastInputAt = now;
    if (!this.#inputEnded || !this.#outgoing.isEmpty) return;
    this.#state = 'done';
    this.#sha256 = this.#o.hash.digest();
    const { bytes, chunks } = this.#outgoing;
    this.#channel.send({ type: 'done', chunks, bytes, sha256: this.#sha256 }, now);
    this.#o.sink.onEvent({ kind: 'input-sent', bytes, chunks });
  }

  #received(bytes: number, sha256: Uint8Array, now: number): void {
    const ours = this.#sha256!;
    if (bytes !== this.#outgoing.bytes || !sha256.every((byte, index) => byte === ours[index])) {
      this.abort('integrity', 'the destination received something else than was sent', now);
      return;
    }
    if (!this.#o.sink.persist('handed-over', '')) {
      this.abort('state', 'the source could not write its state file', now);
      return;
    }
    this.#state = 'committing';
    this.#outgoing.clear();
    this.#channel.send({ type: 'committed' }, now);
    this.#o.sink.onEvent({ kind: 'committing' });
  }

  #taken(): void {
    const { bytes, chunks } = this.#outgoing;
    this.#finish({ kind: 'handed-over', bytes, chunks, sha256: this.#sha256! });
  }

  /**
   * The destination aborts only while it has not begun to run the VM, so that the source may take it back. An ABORT
   * before the HELLO of this very transfer says nothing: another process may have taken the place of the one that knew.
   */
  #peerAborted(abortion: Abortion, now: number): void {
    if (this.#state === 'in-doubt') {
      this.streamClosed(abortion.reason, now);
    } else if (this.#state !== 'committing') {
      this.#finishAborted(abortion);
    } else if (this.#o.sink.persist('running', abortion.reason)) {
      this.#finishAborted(abortion);
    } else {
      this.streamClosed('the state file could not be written', now);
    }
  }

  /** Nonsense or silence: fatal before the commit, a lost stream after it. */
  #streamFault(code: AbortCode, reason: string, now: number): void {
    if (!this.abort(code, reason, now)) this.streamClosed(reason, now);
  }

  #finishAborted(abortion: Abortion): void {
    this.#finish({ kind: 'aborted', ...abortion });
  }

  #finish(outcome: SenderOutcome): void {
    this.#state = 'finished';
    this.#channel.close();
    this.#outgoing.clear();
    this.#o.sink.onEvent({ kind: 'finished', outcome });
  }
}
