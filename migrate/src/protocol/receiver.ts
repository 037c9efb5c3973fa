import type { AbortCode, Abortion } from './abort-code.js';
import type { ChunkCipher, RunningHash } from './chunk-cipher.js';
import { ControlChannel } from './control-channel.js';
import type { OrderedChunk } from './hold-back-queue.js';
import { IncomingStream, type ChunkSink, type IncomingStats } from './incoming-stream.js';
import { parsePieceList } from './piece-list.js';
import { agreeLimits, DEFAULT_HOLD_BACK_BYTES, defaultLimits, type TransferLimits } from './limits.js';
import { defaultLiveness, unreached, type LivenessOptions } from './liveness.js';
import {
  agreeVersion,
  PROTOCOL_VERSIONS,
  type ControlMessage,
  type DoneMessage,
  type HelloMessage,
  type OfferMessage,
  type PiecesMessage,
} from './messages.js';

/** What the destination writes down before it takes the step: `running` before the held-back end of the stream goes out. */
export type DestinationMark = 'receiving' | 'received' | 'running' | 'aborted' | 'failed';

/**
 * How a transfer ended for the destination. `taken`: the VM is ours and its stream was handed on whole. `failed`: the
 * VM was ours, but the reader of the stream went away before it had all of it, so that the VM never started.
 */
export type ReceiverOutcome =
  | { readonly kind: 'taken'; readonly bytes: number; readonly chunks: number; readonly sha256: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string }
  /** `isUnwritten`: this end could not promise never to run it, and the source may have given it up; keep what was loaded. */
  | ({ readonly kind: 'aborted'; readonly isUnwritten?: true } & Abortion);

export type ReceiverEvent =
  | { readonly kind: 'ready'; readonly limits: TransferLimits; readonly transfer: Uint8Array }
  /** The whole stream is out: end it, wait for QEMU, and say `loaded` or `loadFailed`. Only with `loadsFirst`. */
  | { readonly kind: 'loading' }
  /** Everything is here and right, and loaded where that is asked for; waiting for the source to give the VM up. */
  | { readonly kind: 'received'; readonly bytes: number; readonly chunks: number }
  /** The stream was lost at that moment: accept another from the same source and call `streamOpened`. */
  | { readonly kind: 'await-source' }
  /** The VM is ours; the rest of its stream is on its way out. */
  | { readonly kind: 'taking' }
  | { readonly kind: 'finished'; readonly outcome: ReceiverOutcome };

/** Where the machine puts what it wants done. Called from within its inputs; none may call back into the machine. */
export interface ReceiverSink extends ChunkSink {
  send(bytes: Uint8Array): void;
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
  /**
   * The reader does not start the VM by itself, so it gets the whole stream before the commit and must say that it has loaded it.
   * `holdBackBytes` keeps nothing back then.
   */
  readonly loadsFirst?: boolean;
  /** Chunks being fetched at once; how many bytes of them are under way is the fetcher's congestion window's affair. */
  readonly maxFetches?: number;
  readonly liveness?: LivenessOptions;
  /** What this end cannot reach on its own side of the network, as a sentence; undefined while nothing is missing there. */
  readonly missingHere?: () => string | undefined;
  /** How long to wait for the source's word once everything is received and the stream was lost. */
  readonly decisionTimeoutMs?: number;
}

const NO_BYTES = new Uint8Array(0);

type State = 'new' | 'hello' | 'receiving' | 'loading' | 'received' | 'await-source' | 'taking' | 'finished';

/**
 * The destination's end of a migration, without I/O. Contract as for the sender: `streamOpened`, then any of
 * `streamBytes`, `streamClosed`, `chunkArrived`, `chunkFailed`, `handedOn`, `outputClosed`, `loaded`, `loadFailed`, `abort`;
 * `handleTimeout` no later than `nextTimeout()`. `now` is in milliseconds, monotonic.
 *
 *     new --streamOpened--> hello --HELLO, mark receiving--> receiving
 *     receiving --DONE, all chunks here and right, mark received, RECEIVED--> received
 *     receiving --the same with `loadsFirst`, mark received--> loading --loaded, RECEIVED--> received
 *     received --COMMITTED, mark running, TAKEN--> taking --all handed on--> finished (taken)
 *     received --stream lost--> await-source --streamOpened, HELLO--> received;  await-source --too long--> finished (aborted)
 *     taking --reader gone, mark failed--> finished (failed)
 *     new, hello, receiving, loading, received --ABORT, fault, reader gone, abort(), mark aborted--> finished (aborted)
 *
 * Until the mark `running` the VM cannot have been started: the last `holdBackBytes` of the stream have not left, or, with
 * `loadsFirst`, the reader waits to be told.
 */
export class Receiver {
  readonly #o: Required<ReceiverOptions>;
  readonly #channel: ControlChannel;
  readonly #incoming: IncomingStream;
  #state: State = 'new';
  #transfer: Uint8Array | undefined;
  #done: DoneMessage | undefined;
  #sha256: Uint8Array | undefined;
  #decideBy = Infinity;
  #taken = false;

  constructor(options: ReceiverOptions) {
    this.#o = {
      limits: defaultLimits,
      holdBackBytes: DEFAULT_HOLD_BACK_BYTES,
      loadsFirst: false,
      maxFetches: 256,
      liveness: defaultLiveness,
      missingHere: () => undefined,
      decisionTimeoutMs: 30_000,
      ...options,
    };
    this.#incoming = new IncomingStream(this.#o.loadsFirst ? { ...this.#o, holdBackBytes: 0 } : this.#o);
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

  stats(): IncomingStats {
    return this.#incoming.stats;
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
        this.abort('peer-lost', this.#o.missingHere() ?? reason, now);
    }
  }

  /** A fetched chunk; whoever fetched it has looked whether it is right. The bytes are not needed any more afterwards. */
  chunkArrived(sequence: number, ciphertext: Uint8Array, now: number): void {
    if (this.#state !== 'receiving') return;
    const outcome = this.#incoming.arrived(sequence, ciphertext);
    if (outcome === 'unasked') return;
    if (outcome === 'forged') {
      this.abort('integrity', `chunk ${sequence} is not what the source sealed`, now);
      return;
    }
    this.#acknowledge(now);
    this.#checkComplete(now);
  }

  chunkFailed(sequence: number, reason: string, now: number): void {
    if (this.#state !== 'receiving') return;
    const silentMs = this.#channel.silentMs(now);
    // Then the chunk is not what is missing.
    if (silentMs > 0) this.abort('peer-lost', unreached('source', silentMs, this.#o.missingHere()), now);
    else this.abort('fetch-failed', `chunk ${sequence}: ${reason}`, now);
  }

  /** The reader of the VM stream has taken this chunk and all before it. */
  handedOn(chunk: OrderedChunk, now: number): void {
    if (this.#state === 'finished') return;
    this.#incoming.handedOn(chunk);
    if (this.#state === 'taking') this.#checkHandedOn();
    else if (this.#state === 'receiving') this.#acknowledge(now);
  }

  /** The reader has loaded the VM and waits to be told to run it. */
  loaded(now: number): void {
    if (this.#state === 'loading') this.#sayReceived(now);
  }

  /** The reader could not load the VM. */
  loadFailed(reason: string, now: number): void {
    if (!this.abort('load-failed', reason, now)) this.outputClosed(reason, now);
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
    if (!this.#channel.handleTimeout(now)) return;
    this.#streamFault('peer-lost', unreached('source', this.#o.liveness.idleTimeoutMs, this.#o.missingHere()), now);
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
        if (message.type === 'pieces' && this.#done === undefined) return this.#pieces(message, now);
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
      this.#incoming.agree(agreeLimits(this.#o.limits, message.limits));
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

  #offer({ sequence, cid, tag, length }: OfferMessage, now: number): void {
    const piece = { length, chunk: { cid, tag, length, key: undefined }, layout: NO_BYTES };
    if (!this.#incoming.offer(sequence, piece)) this.#refuse(sequence, now);
  }

  #pieces({ sequence, list }: PiecesMessage, now: number): void {
    const pieces = parsePieceList(list);
    if (pieces === undefined) return this.#refuse(sequence, now);
    for (const [index, piece] of pieces.entries()) {
      if (!this.#incoming.offer(sequence + index, piece)) return this.#refuse(sequence + index, now);
    }
  }

  #refuse(sequence: number, now: number): void {
    this.abort('protocol', `the offer of chunk ${sequence} is out of order, exceeds the window or makes no sense`, now);
  }

  #acknowledge(now: number): void {
    const sequence = this.#incoming.acknowledge();
    if (sequence !== undefined) this.#channel.send({ type: 'ack', sequence }, now);
  }

  #checkComplete(now: number): void {
    const done = this.#done;
    if (done === undefined || this.#state !== 'receiving') return;
    const verdict = this.#incoming.judge(done);
    if (verdict.kind === 'incomplete') return;
    if (verdict.kind === 'wrong') {
      this.abort(verdict.code, verdict.reason, now);
    } else {
      this.#sha256 = verdict.sha256;
      if (this.#o.loadsFirst) {
        // First, because QEMU loads while the disk writes, and RECEIVED waits for both.
        this.#state = 'loading';
        this.#o.sink.onEvent({ kind: 'loading' });
      }
      if (!this.#o.sink.persist('received', '')) this.abort('state', 'the destination could not write its state file', now);
      else if (!this.#o.loadsFirst) this.#sayReceived(now);
    }
  }

  #sayReceived(now: number): void {
    const { bytes, chunks } = this.#done!;
    this.#state = 'received';
    this.#channel.send({ type: 'received', bytes, sha256: this.#sha256! }, now);
    this.#o.sink.onEvent({ kind: 'received', bytes, chunks });
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
    if (!this.#o.loadsFirst) this.#incoming.openUp();
    this.#checkHandedOn();
  }

  #checkHandedOn(): void {
    if (!this.#incoming.isHandedOn) return;
    const { bytes, chunks } = this.#incoming.stats;
    this.#finish({ kind: 'taken', bytes, chunks, sha256: this.#sha256! });
  }

  /** Nonsense or silence: fatal, except while the source may have given the VM up. */
  #streamFault(code: AbortCode, reason: string, now: number): void {
    if (this.#state === 'received' || this.#state === 'await-source') this.streamClosed(reason, now);
    else if (!this.abort(code, reason, now)) this.#channel.close();
  }

  /**
   * The mark comes before the ABORT: whoever reads ABORT may rely on it that this end never runs the VM. Where the mark cannot be
   * written and the source may have given the VM up, nothing is said: what is on disk here decides, and may even be `running`.
   */
  #finishAborted(abortion: Abortion, now: number): void {
    const isPromised = this.#transfer === undefined || this.#taken || this.#o.sink.persist('aborted', abortion.reason);
    const mayBeHandedOver = this.#state === 'received' || this.#state === 'await-source';
    const isUnwritten = !isPromised && mayBeHandedOver && abortion.by === 'here';
    if (abortion.by === 'here' && !isUnwritten) this.#channel.sendAbort(abortion.code, abortion.reason, now);
    this.#finish({ kind: 'aborted', ...abortion, ...(isUnwritten ? { isUnwritten } : {}) });
  }

  #finish(outcome: ReceiverOutcome): void {
    this.#state = 'finished';
    this.#channel.close();
    this.#incoming.clear();
    this.#o.sink.onEvent({ kind: 'finished', outcome });
  }
}
