import type { AbortCode, Abortion } from './abort-code.js';
import type { ChunkCipher, ContentSealer, RunningHash } from './chunk-cipher.js';
import { ControlChannel } from './control-channel.js';
import { agreeLimits, DEFAULT_CHUNK_BYTES, DEFAULT_HOLD_BACK_BYTES, defaultLimits, type TransferLimits } from './limits.js';
import { defaultLiveness, unreached, type LivenessOptions } from './liveness.js';
import { agreeVersion, PROTOCOL_VERSIONS, type ControlMessage, type HelloMessage } from './messages.js';
import { MIN_PAGE_CUTTER_CHUNK_BYTES, PageCutter } from './pages/page-cutter.js';
import { digestPiece, type OfferedChunk } from './piece-list.js';
import { PieceOffers } from './piece-offers.js';
import { StreamEndWatch } from './qemu-stream-end.js';
import { SendWindow } from './send-window.js';
import { BlindCutter, type CutPiece, type CutUrgency, type StreamCutter } from './stream-cutter.js';

/** What the source writes down before it takes the step: `handed-over` before COMMITTED leaves, `running` when it takes back. */
export type SourceMark = 'handed-over' | 'running';

/** How a transfer ended for the source. `in-doubt`: given up, but nobody confirmed that the destination has it. */
export type SenderOutcome =
  | { readonly kind: 'handed-over'; readonly bytes: number; readonly chunks: number; readonly sha256: Uint8Array }
  | ({ readonly kind: 'aborted' } & Abortion)
  | { readonly kind: 'in-doubt'; readonly reason: string };

export type SenderEvent =
  /** HELLOs exchanged; chunks may flow within these limits. */
  | { readonly kind: 'ready'; readonly limits: TransferLimits; readonly chunkBytes: number }
  /** The whole input is offered; what follows is downtime. */
  | { readonly kind: 'input-sent'; readonly bytes: number; readonly chunks: number }
  /** The destination has everything; from here nobody can abort. */
  | { readonly kind: 'committing' }
  /** The stream was lost in the commit: open another to the same destination and call `streamOpened`, or `streamClosed`. */
  | { readonly kind: 'reconnect' }
  | { readonly kind: 'finished'; readonly outcome: SenderOutcome };

/** Where the machine puts what it wants done. Called from within its inputs; none may call back into the machine. */
export interface SenderSink {
  /** Bytes for the control stream. */
  send(bytes: Uint8Array): void;
  /**
   * Makes a sealed chunk fetchable; its 20-byte CID, or undefined when there is no room for it. The bytes may be kept,
   * nobody writes to them again.
   */
  publish(sequence: number, ciphertext: Uint8Array): Uint8Array | undefined;
  unpublish(cid: Uint8Array): void;
  /** Returns true when the mark is on disk. `reason` is empty or says why the attempt ended. */
  persist(mark: SourceMark, reason: string): boolean;
  onEvent(event: SenderEvent): void;
}

export interface SenderOptions {
  readonly vm: string;
  /** 16 random bytes: names this transfer when the source comes back on another stream. */
  readonly transfer: Uint8Array;
  readonly cipher: ChunkCipher;
  readonly hash: RunningHash;
  readonly sink: SenderSink;
  /** Seals the guest's pages such that what was moved before is recognised. Without it the stream is cut blindly. */
  readonly contents?: ContentSealer | undefined;
  readonly limits?: TransferLimits;
  /** Plain bytes per chunk. */
  readonly chunkBytes?: number;
  /** A chunk that is not full leaves when no input came for this long. */
  readonly flushAfterMs?: number;
  readonly liveness?: LivenessOptions;
  /** How long to look for the destination again once the VM was given up. Longer than the destination waits. */
  readonly decisionTimeoutMs?: number;
}

/** Pages of the guest: those that are zero, sent for the first time, and sent again. */
export interface PageFigures {
  readonly zero: number;
  readonly fresh: number;
  readonly again: number;
}

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
  readonly #offers = new PieceOffers();
  readonly #endWatch = new StreamEndWatch(DEFAULT_HOLD_BACK_BYTES);
  #window: SendWindow;
  #chunkBytes: number;
  #cutter: StreamCutter;
  #offeredBytes = 0;
  #state: State = 'new';
  #inputEnded = false;
  #lastInputAt = 0;
  #sequence = 0;
  #bytes = 0;
  #acknowledgedChunks = 0;
  #maxWindowBytes = 0;
  #sha256: Uint8Array | undefined;
  #doubtUntil = Infinity;
  #reconnectAt = Infinity;
  #reconnectAfterMs = RECONNECT_FIRST_MS;

  constructor(options: SenderOptions) {
    this.#o = {
      limits: defaultLimits,
      chunkBytes: DEFAULT_CHUNK_BYTES,
      flushAfterMs: 2,
      liveness: defaultLiveness,
      decisionTimeoutMs: 60_000,
      contents: undefined,
      ...options,
    };
    this.#window = new SendWindow(this.#o.limits);
    this.#chunkBytes = this.#o.chunkBytes;
    this.#cutter = new BlindCutter(this.#chunkBytes);
    this.#channel = new ControlChannel((bytes) => this.#o.sink.send(bytes), this.#o.liveness);
  }

  get isFinished(): boolean {
    return this.#state === 'finished';
  }

  /** Whether more input is welcome. False while the window is full, so that back-pressure reaches the writer. */
  get wantsInput(): boolean {
    return this.#state === 'sending' && !this.#inputEnded && this.#cutter.wantsInput;
  }

  /** Whether `abort` would still stop the migration. */
  get canAbort(): boolean {
    return this.#state === 'new' || this.#state === 'hello' || this.#state === 'sending' || this.#state === 'done';
  }

  stats(): {
    bytes: number;
    chunks: number;
    acknowledgedChunks: number;
    windowBytes: number;
    maxWindowBytes: number;
    pendingBytes: number;
    offeredBytes: number;
    pages: PageFigures | undefined;
  } {
    return {
      bytes: this.#bytes,
      chunks: this.#sequence,
      acknowledgedChunks: this.#acknowledgedChunks,
      windowBytes: this.#window.bytes,
      maxWindowBytes: this.#maxWindowBytes,
      pendingBytes: this.#cutter.bytes,
      offeredBytes: this.#offeredBytes + this.#offers.saidBytes,
      pages: this.#cutter instanceof PageCutter ? this.#cutter.pages : undefined,
    };
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
        this.#doubtUntil = Math.min(this.#doubtUntil, now + this.#o.decisionTimeoutMs);
        this.#reconnectAfterMs = RECONNECT_FIRST_MS;
        this.#reconnectAt = now;
        return;
      case 'in-doubt':
        this.#reconnectAt = now + this.#reconnectAfterMs;
        this.#reconnectAfterMs = Math.min(this.#reconnectAfterMs * 2, RECONNECT_LAST_MS);
        return;
      default:
        this.#finishAborted({ code: 'peer-lost', reason, by: 'here' });
    }
  }

  /** The next piece of the VM stream. Copied: the reader may use its memory again. */
  input(piece: Uint8Array, now: number): void {
    if (this.#state === 'finished' || this.#inputEnded || piece.length === 0) return;
    this.#cutter.push(piece);
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
    if (this.#channel.handleTimeout(now)) {
      this.#streamFault('peer-lost', unreached('destination', this.#o.liveness.idleTimeoutMs), now);
      return;
    }
    if (now >= this.#flushAt()) this.#pump(now);
  }

  /** When what is not full must leave; never while the window has no room for it anyway. */
  #flushAt(): number {
    if (this.#state !== 'sending') return Infinity;
    const isPartial = this.#cutter.hasPartial && this.#window.hasRoom(Math.min(this.#cutter.bytes, this.#chunkBytes));
    return isPartial || !this.#offers.isEmpty ? this.#lastInputAt + this.#o.flushAfterMs : Infinity;
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
        if (message.type === 'ack' && message.sequence < this.#sequence) return this.#acknowledged(message.sequence, now);
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
      const limits = agreeLimits(this.#o.limits, message.limits);
      this.#window = new SendWindow(limits);
      this.#chunkBytes = Math.min(this.#o.chunkBytes, limits.maxChunkBytes);
      this.#chooseCutter();
      this.#state = 'sending';
      this.#o.sink.onEvent({ kind: 'ready', limits, chunkBytes: this.#chunkBytes });
      this.#pump(now);
    }
  }

  #isSameTransfer(message: HelloMessage): boolean {
    const same = message.transfer.every((byte, index) => byte === this.#o.transfer[index]);
    return same && message.role === 'destination' && message.vm === this.#o.vm;
  }

  #acknowledged(sequence: number, now: number): void {
    for (const chunk of this.#window.release(sequence)) {
      this.#acknowledgedChunks += 1;
      this.#unpublish(chunk.cid);
    }
    this.#pump(now);
  }

  /** Pages are told apart where the owner wants it, and pieces may be as large as that takes. */
  #chooseCutter(): void {
    const early = this.#cutter;
    const knowsPages = this.#o.contents !== undefined && this.#chunkBytes >= MIN_PAGE_CUTTER_CHUNK_BYTES;
    this.#cutter = knowsPages ? new PageCutter(this.#chunkBytes) : new BlindCutter(this.#chunkBytes);
    // Until here nothing was known of the stream, so that its pieces are their contents.
    while (early.ready('end') > 0) this.#cutter.push(early.take().content);
  }

  /** Cuts, seals, publishes and offers as much as the window takes; DONE follows the last chunk at once. */
  #pump(now: number): void {
    const isIdle = now >= this.#lastInputAt + this.#o.flushAfterMs;
    const urgency: CutUrgency = this.#inputEnded ? 'end' : isIdle ? 'idle' : 'full';
    let length = 0;
    while (this.#state === 'sending') {
      length = this.#cutter.ready(urgency);
      if (length === 0 || !this.#window.hasRoom(length)) break;
      this.#offer(this.#cutter.take(), now);
      if (this.#offers.isFull) this.#sayOffers(now);
    }
    if (this.#state !== 'sending') return;
    // The destination acknowledges only what it has heard of.
    if (urgency !== 'full' || length > 0) this.#sayOffers(now);
    if (!this.#inputEnded || this.#cutter.bytes > 0) return;
    this.#state = 'done';
    this.#sha256 = this.#o.hash.digest();
    this.#channel.send({ type: 'done', chunks: this.#sequence, bytes: this.#bytes, sha256: this.#sha256 }, now);
    this.#o.sink.onEvent({ kind: 'input-sent', bytes: this.#bytes, chunks: this.#sequence });
  }

  #offer(piece: CutPiece, now: number): void {
    const sequence = this.#sequence++;
    const { length, content, layout } = piece;
    const chunk = content.length === 0 ? undefined : this.#publish(sequence, piece);
    if (chunk === 'full') {
      this.abort('publish-failed', `no room for chunk ${sequence} of ${content.length} bytes; a smaller window needs less`, now);
      return;
    }
    digestPiece(this.#o.hash, sequence, { length, chunk, layout });
    this.#window.add({ sequence, cid: chunk?.cid, length });
    this.#maxWindowBytes = Math.max(this.#maxWindowBytes, this.#window.bytes);
    this.#bytes += length;
    this.#offeredBytes += content.length;
    if (this.#cutter instanceof PageCutter) this.#offers.add(sequence, { length, layout, chunk });
    else this.#channel.send({ type: 'offer', sequence, cid: chunk!.cid, tag: chunk!.tag, length }, now);
  }

  #publish(sequence: number, { content, recurs }: CutPiece): OfferedChunk | 'full' {
    const { cipher, contents, sink } = this.#o;
    const keyed = recurs ? contents?.sealWithKey(content) : undefined;
    const { ciphertext, tag } = keyed ?? cipher.seal(sequence, content);
    const cid = sink.publish(sequence, ciphertext);
    return cid === undefined ? 'full' : { cid, tag, length: content.length, key: keyed?.key };
  }

  #sayOffers(now: number): void {
    if (!this.#offers.isEmpty) this.#channel.send(this.#offers.take(), now);
  }

  #received(bytes: number, sha256: Uint8Array, now: number): void {
    const ours = this.#sha256!;
    if (bytes !== this.#bytes || !sha256.every((byte, index) => byte === ours[index])) {
      this.abort('integrity', 'the destination received something else than was sent', now);
      return;
    }
    if (!this.#o.sink.persist('handed-over', '')) {
      this.abort('state', 'the source could not write its state file', now);
      return;
    }
    this.#state = 'committing';
    this.#releaseAll();
    this.#channel.send({ type: 'committed' }, now);
    this.#o.sink.onEvent({ kind: 'committing' });
  }

  #taken(): void {
    this.#finish({ kind: 'handed-over', bytes: this.#bytes, chunks: this.#sequence, sha256: this.#sha256! });
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
    this.#releaseAll();
    this.#o.sink.onEvent({ kind: 'finished', outcome });
  }

  #releaseAll(): void {
    this.#cutter.clear();
    for (const chunk of this.#window.clear()) this.#unpublish(chunk.cid);
  }

  #unpublish(cid: Uint8Array | undefined): void {
    if (cid !== undefined) this.#o.sink.unpublish(cid);
  }
}
