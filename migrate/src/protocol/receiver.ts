import type { AbortCode, Abortion } from './abort-code.js';
import type { ChunkCipher, RunningHash } from './chunk-cipher.js';
import { ControlChannel } from './control-channel.js';
import { FetchWindow } from './fetch-window.js';
import { HoldBackQueue, type OrderedChunk } from './hold-back-queue.js';
import { agreeLimits, DEFAULT_HOLD_BACK_BYTES, defaultLimits, type TransferLimits } from './limits.js';
import { defaultLiveness, type LivenessOptions } from './liveness.js';
import {
  agreeVersion,
  PROTOCOL_VERSIONS,
  type ControlMessage,
  type DoneMessage,
  type HelloMessage,
  type OfferMessage,
} from './messages.js';
import { StreamEndWatch } from './qemu-stream-end.js';

/** What the destination writes down before it takes the step: `running` before the held-back end of the stream goes out. */
export type DestinationMark = 'receiving' | 'received' | 'running' | 'aborted' | 'failed';

/**
 * How a transfer ended for the destination. `taken`: the VM is ours and its stream was handed on whole. `failed`: the
 * VM was ours, but the reader of the stream went away before it had all of it, so that the VM never started.
 */
export type ReceiverOutcome =
  | { readonly kind: 'taken'; readonly bytes: number; readonly chunks: number; readonly sha256: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string }
  | ({ readonly kind: 'aborted' } & Abortion);

export type ReceiverEvent =
  | { readonly kind: 'ready'; readonly limits: TransferLimits; readonly transfer: Uint8Array }
  /** Everything is here and right; waiting for the source to give the VM up. */
  | { readonly kind: 'received'; readonly bytes: number; readonly chunks: number }
  /** The stream was lost at that moment: accept another from the same source and call `streamOpened`. */
  | { readonly kind: 'await-source' }
  /** The VM is ours; the rest of its stream is on its way out. */
  | { readonly kind: 'taking' }
  | { readonly kind: 'finished'; readonly outcome: ReceiverOutcome };

/** Where the machine puts what it wants done. Called from within its inputs; none may call back into the machine. */
export interface ReceiverSink {
  send(bytes: Uint8Array): void;
  /** Fetch this chunk; answer later with `chunkArrived` or `chunkFailed`. */
  fetch(sequence: number, cid: Uint8Array, length: number): void;
  /** The next bytes of the VM stream, in order; answer with `handedOn(chunk)` when the reader has taken them. */
  emit(chunk: OrderedChunk): void;
  /** Returns true when the mark is on disk. `reason` is empty or says why the attempt ended. */
  persist(mark: DestinationMark, reason: string): boolean;
  onEvent(event: ReceiverEvent): void;
}

export interface ReceiverOptions {
  readonly vm: string;
  readonly cipher: ChunkCipher;
  readonly hash: RunningHash;
  readonly sink: ReceiverSink;
  readonly limits?: TransferLimits;
  /** Plain bytes at the end of the stream that do not go out before the commit. Must contain QEMU's end marker. */
  readonly holdBackBytes?: number;
  /** Chunks being fetched at once; how many bytes of them are under way is the fetcher's congestion window's affair. */
  readonly maxFetches?: number;
  readonly liveness?: LivenessOptions;
  /** How long to wait for the source's word once everything is received and the stream was lost. */
  readonly decisionTimeoutMs?: number;
}

/** The part of the agreed window that is free again before the source is told so. */
const ACK_AFTER = 1 / 16;

type State = 'new' | 'hello' | 'receiving' | 'received' | 'await-source' | 'taking' | 'finished';

/**
 * The destination's end of a migration, without I/O. Contract as for the sender: `streamOpened`, then any of
 * `streamBytes`, `streamClosed`, `chunkArrived`, `chunkFailed`, `handedOn`, `outputClosed`, `abort`; `handleTimeout` no
 * later than `nextTimeout()`. `now` is in milliseconds, monotonic.
 *
 *     new --streamOpened--> hello --HELLO, mark receiving--> receiving
 *     receiving --DONE, all chunks here and right, mark received, RECEIVED--> received
 *     received --COMMITTED, mark running, TAKEN--> taking --all handed on--> finished (taken)
 *     received --stream lost--> await-source --streamOpened, HELLO--> received;  await-source --too long--> finished (aborted)
 *     taking --reader gone, mark failed--> finished (failed)
 *     new, hello, receiving, received --ABORT, fault, reader gone, abort(), mark aborted--> finished (aborted)
 *
 * Until the mark `running` the last `holdBackBytes` of the stream have not left, so QEMU cannot have started the VM.
 */
export class Receiver {
  readonly #o: Required<ReceiverOptions>;
  readonly #channel: ControlChannel;
  readonly #window: FetchWindow;
  readonly #queue: HoldBackQueue;
  readonly #endWatch: StreamEndWatch;
  #state: State = 'new';
  #transfer: Uint8Array | undefined;
  #done: DoneMessage | undefined;
  #sha256: Uint8Array | undefined;
  #maxBufferedBytes = 0;
  #plainBytesWaiting = 0;
  /** The limits that both ends keep to. */
  #agreed: TransferLimits;
  /** Of the window, free again without the source knowing it. */
  #unsaidBytes = 0;
  #unsaidChunks = 0;
  #decideBy = Infinity;
  #taken = false;

  constructor(options: ReceiverOptions) {
    this.#o = {
      limits: defaultLimits,
      holdBackBytes: DEFAULT_HOLD_BACK_BYTES,
      maxFetches: 64,
      liveness: defaultLiveness,
      decisionTimeoutMs: 30_000,
      ...options,
    };
    this.#agreed = this.#o.limits;
    this.#window = new FetchWindow(this.#o.maxFetches);
    this.#queue = new HoldBackQueue(this.#o.holdBackBytes, this.#o.limits.maxChunkBytes);
    this.#endWatch = new StreamEndWatch(this.#o.holdBackBytes);
    this.#channel = new ControlChannel((bytes) => this.#o.sink.send(bytes), this.#o.liveness);
  }

  get isFinished(): boolean {
    return this.#state === 'finished';
  }

  /** Whether a transfer has begun; before that, a peer that is sent away costs nothing. */
  get hasBegun(): boolean {
    return this.#transfer !== undefined;
  }

  /** Whether a second stream from the same source is welcome: it may have lost the first one in the commit. */
  get acceptsResume(): boolean {
    return this.#state === 'received' || this.#state === 'await-source' || this.#state === 'taking';
  }

  /** Whether `abort` would still stop the migration. */
  get canAbort(): boolean {
    return this.#state !== 'taking' && this.#state !== 'finished';
  }

  stats(): { bytes: number; chunks: number; handedOnBytes: number; windowBytes: number; bufferedBytes: number; maxBufferedBytes: number } {
    return {
      bytes: this.#queue.receivedBytes,
      chunks: this.#window.offeredChunks,
      handedOnBytes: this.#queue.handedOnBytes,
      windowBytes: this.#window.outstandingBytes,
      bufferedBytes: this.#plainBytesWaiting + this.#queue.bytes,
      maxBufferedBytes: this.#maxBufferedBytes,
    };
  }

  streamOpened(now: number): void {
    if (this.#state === 'received') this.streamClosed('the source opened another stream', now);
    if (this.#state !== 'new' && this.#state !== 'await-source' && this.#state !== 'taking') return;
    this.#channel.open(now);
    if (this.#state === 'new') this.#state = 'hello';
  }

  streamBytes(bytes: Uint8Array, now: number): void {
    for (const input of this.#channel.receive(bytes, now)) {
      if (input.kind === 'fault') this.#streamFault('protocol', input.reason, now);
      else this.#message(input.message, now);
    }
  }

  streamClosed(reason: string, now: number): void {
    this.#channel.close();
    switch (this.#state) {
      case 'received':
        this.#state = 'await-source';
        this.#decideBy = Math.min(this.#decideBy, now + this.#o.decisionTimeoutMs);
        this.#o.sink.onEvent({ kind: 'await-source' });
        return;
      case 'await-source':
        this.#o.sink.onEvent({ kind: 'await-source' });
        return;
      case 'taking':
      case 'finished':
        return;
      default:
        this.abort('peer-lost', reason, now);
    }
  }

  /** A fetched chunk; its CID was checked by whoever fetched it. The bytes are not needed any more afterwards. */
  chunkArrived(sequence: number, ciphertext: Uint8Array, now: number): void {
    if (this.#state !== 'receiving') return;
    const offered = this.#window.awaited(sequence);
    if (offered === undefined) return;
    const { tag, length } = offered;
    const plaintext = ciphertext.length === length ? this.#o.cipher.open(sequence, { ciphertext, tag }) : undefined;
    if (plaintext === undefined) {
      this.abort('integrity', `chunk ${sequence} is not what the source sealed`, now);
      return;
    }
    this.#window.arrived(sequence, plaintext);
    this.#plainBytesWaiting += plaintext.length;
    this.#maxBufferedBytes = Math.max(this.#maxBufferedBytes, this.#plainBytesWaiting + this.#queue.bytes);
    for (let turn = this.#window.takeTurn(); turn !== undefined; turn = this.#window.takeTurn()) {
      this.#plainBytesWaiting -= turn.plaintext.length;
      this.#o.hash.update(turn.plaintext);
      this.#endWatch.push(turn.plaintext);
      this.#queue.push(turn.sequence, turn.plaintext);
    }
    this.#startFetches();
    this.#emit();
    this.#acknowledge(now);
    this.#checkComplete(now);
  }

  chunkFailed(sequence: number, reason: string, now: number): void {
    if (this.#state === 'receiving') this.abort('fetch-failed', `chunk ${sequence}: ${reason}`, now);
  }

  /** The reader of the VM stream has taken this chunk and all before it. */
  handedOn(chunk: OrderedChunk, now: number): void {
    if (this.#state === 'finished') return;
    this.#queue.handedOn(chunk);
    if (this.#state === 'taking') this.#checkHandedOn();
    else this.#acknowledge(now);
  }

  /** The reader of the VM stream went away. */
  outputClosed(reason: string, now: number): void {
    if (this.#state === 'taking') {
      this.#o.sink.persist('failed', reason);
      this.#finish({ kind: 'failed', reason });
    } else {
      this.abort('output-closed', reason, now);
    }
  }

  /** Ends the transfer unless the VM is ours already. Returns whether it did. */
  abort(code: AbortCode, reason: string, now: number): boolean {
    if (!this.canAbort) return false;
    this.#finishAborted({ code, reason, by: 'here' }, now);
    return true;
  }

  nextTimeout(): number {
    return this.#state === 'finished' ? Infinity : Math.min(this.#channel.nextTimeout(), this.#decideBy);
  }

  handleTimeout(now: number): void {
    if (this.#state === 'finished') return;
    if (now >= this.#decideBy) {
      this.#decideBy = Infinity;
      this.abort('peer-lost', 'the source did not say whether it gave the VM up', now);
      return;
    }
    if (this.#channel.handleTimeout(now)) this.#streamFault('peer-lost', 'the source fell silent', now);
  }

  #message(message: ControlMessage, now: number): void {
    if (message.type === 'alive') return;
    if (message.type === 'abort') {
      // Before the HELLO of this transfer it may be anybody's.
      if (this.#state === 'await-source') this.streamClosed(message.reason, now);
      else if (this.canAbort) this.#finishAborted({ code: message.code, reason: message.reason, by: 'peer' }, now);
      return;
    }
    switch (this.#state) {
      case 'hello':
        if (message.type === 'hello') return this.#hello(message, now);
        break;
      case 'receiving':
        if (message.type === 'offer' && this.#done === undefined) return this.#offer(message, now);
        if (message.type === 'done' && this.#done === undefined) {
          this.#done = message;
          return this.#checkComplete(now);
        }
        break;
      case 'received':
        if (message.type === 'committed') return this.#committed(now);
        break;
      case 'await-source':
        if (message.type === 'hello' && this.#isSameTransfer(message)) {
          this.#state = 'received';
          this.#sendHello(now);
          return;
        }
        break;
      case 'taking':
        // The source lost our TAKEN and asks again.
        if (message.type === 'hello' && this.#isSameTransfer(message)) this.#sendHello(now);
        else if (message.type === 'committed') this.#channel.send({ type: 'taken' }, now);
        return;
      default:
        return;
    }
    this.#streamFault('protocol', `${message.type} in state ${this.#state}`, now);
  }

  #hello(message: HelloMessage, now: number): void {
    if (agreeVersion(message.versions) === undefined) {
      this.abort('version', `the source speaks versions ${message.versions.join(', ')}`, now);
    } else if (message.role !== 'source' || message.resume) {
      this.abort('refused', 'no transfer of this name is waiting here', now);
    } else if (message.vm !== this.#o.vm) {
      this.abort('wrong-vm', `this destination waits for ${this.#o.vm}, not for ${message.vm}`, now);
    } else if (!this.#o.sink.persist('receiving', '')) {
      this.abort('state', 'the destination could not write its state file', now);
    } else {
      this.#transfer = message.transfer;
      this.#agreed = agreeLimits(this.#o.limits, message.limits);
      this.#state = 'receiving';
      this.#sendHello(now);
      this.#o.sink.onEvent({ kind: 'ready', limits: this.#o.limits, transfer: message.transfer });
    }
  }

  #sendHello(now: number): void {
    const { vm, limits } = this.#o;
    const resume = this.#state !== 'receiving';
    const transfer = this.#transfer!;
    this.#channel.send({ type: 'hello', versions: [...PROTOCOL_VERSIONS], role: 'destination', vm, transfer, resume, limits }, now);
  }

  #isSameTransfer(message: HelloMessage): boolean {
    const ours = this.#transfer!;
    return message.role === 'source' && message.resume && message.transfer.every((byte, index) => byte === ours[index]);
  }

  #offer(message: OfferMessage, now: number): void {
    const { limits } = this.#o;
    const fits =
      message.length > 0 &&
      message.length <= limits.maxChunkBytes &&
      this.#window.outstandingChunks < limits.windowChunks &&
      this.#window.outstandingBytes + message.length <= limits.windowBytes;
    if (message.sequence !== this.#window.nextOffer || !fits) {
      this.abort('protocol', `the offer of chunk ${message.sequence} is out of order or exceeds the window`, now);
      return;
    }
    this.#window.offer(message.cid, message.tag, message.length);
    this.#startFetches();
  }

  #startFetches(): void {
    for (let next = this.#window.startFetch(); next !== undefined; next = this.#window.startFetch()) {
      this.#o.sink.fetch(next.sequence, next.cid, next.length);
    }
  }

  #emit(): void {
    for (let chunk = this.#queue.release(); chunk !== undefined; chunk = this.#queue.release()) this.#o.sink.emit(chunk);
  }

  /** Not for every chunk: a message costs the two ends as much as a packet of a chunk. */
  #acknowledge(now: number): void {
    const sequence = this.#queue.acknowledge();
    if (sequence === undefined) return;
    const freed = this.#window.acknowledge(sequence);
    this.#unsaidBytes += freed.bytes;
    this.#unsaidChunks += freed.chunks;
    const { windowBytes, windowChunks } = this.#agreed;
    if (this.#unsaidBytes < windowBytes * ACK_AFTER && this.#unsaidChunks < windowChunks * ACK_AFTER) return;
    this.#unsaidBytes = 0;
    this.#unsaidChunks = 0;
    this.#channel.send({ type: 'ack', sequence }, now);
  }

  #checkComplete(now: number): void {
    const done = this.#done;
    if (done === undefined || this.#state !== 'receiving') return;
    if (this.#window.offeredChunks !== done.chunks) {
      this.abort('protocol', `DONE says ${done.chunks} chunks, ${this.#window.offeredChunks} were offered`, now);
      return;
    }
    if (!this.#window.isDrained) return;
    const sha256 = this.#o.hash.digest();
    if (this.#queue.receivedBytes !== done.bytes || !sha256.every((byte, index) => byte === done.sha256[index])) {
      this.abort('integrity', 'the stream as a whole is not what the source sent', now);
    } else if (this.#endWatch.judge() === 'truncated') {
      this.abort('truncated', "the stream's end marker is not within the held-back bytes", now);
    } else if (!this.#o.sink.persist('received', '')) {
      this.abort('state', 'the destination could not write its state file', now);
    } else {
      this.#sha256 = sha256;
      this.#state = 'received';
      this.#channel.send({ type: 'received', bytes: done.bytes, sha256 }, now);
      this.#o.sink.onEvent({ kind: 'received', bytes: done.bytes, chunks: done.chunks });
    }
  }

  /** The source has given the VM up. From the mark on it is ours: TAKEN first, then the end of the stream. */
  #committed(now: number): void {
    if (!this.#o.sink.persist('running', '')) {
      this.abort('state', 'the destination could not write its state file', now);
      return;
    }
    this.#taken = true;
    this.#decideBy = Infinity;
    this.#state = 'taking';
    this.#channel.send({ type: 'taken' }, now);
    this.#o.sink.onEvent({ kind: 'taking' });
    this.#queue.openUp();
    this.#emit();
    this.#checkHandedOn();
  }

  #checkHandedOn(): void {
    if (!this.#queue.isEmpty) return;
    this.#finish({ kind: 'taken', bytes: this.#queue.receivedBytes, chunks: this.#window.offeredChunks, sha256: this.#sha256! });
  }

  /** Nonsense or silence: fatal, except while the source may have given the VM up. */
  #streamFault(code: AbortCode, reason: string, now: number): void {
    if (this.#state === 'received' || this.#state === 'await-source') this.streamClosed(reason, now);
    else if (!this.abort(code, reason, now)) this.#channel.close();
  }

  /** The mark comes before the ABORT: whoever reads ABORT may rely on it that this end never runs the VM. */
  #finishAborted(abortion: Abortion, now: number): void {
    if (this.#transfer !== undefined && !this.#taken) this.#o.sink.persist('aborted', abortion.reason);
    if (abortion.by === 'here') this.#channel.sendAbort(abortion.code, abortion.reason, now);
    this.#finish({ kind: 'aborted', ...abortion });
  }

  #finish(outcome: ReceiverOutcome): void {
    this.#state = 'finished';
    this.#channel.close();
    this.#window.clear();
    this.#queue.clear();
    this.#o.sink.onEvent({ kind: 'finished', outcome });
  }
}
