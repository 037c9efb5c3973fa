import type { AbortCode } from './abort-code.js';
import { chunkRecord, type ChunkCipher, type RunningHash } from './chunk-cipher.js';
import { FetchWindow } from './fetch-window.js';
import { HoldBackQueue, type OrderedChunk } from './hold-back-queue.js';
import type { TransferLimits } from './limits.js';
import type { DoneMessage, OfferMessage } from './messages.js';
import { StreamEndWatch } from './qemu-stream-end.js';

/** Where chunks are asked for, and where they go. */
export interface ChunkSink {
  /** Fetch this chunk, which opens with this tag; answer later with `chunkArrived` or `chunkFailed`. */
  fetch(sequence: number, cid: Uint8Array, length: number, tag: Uint8Array): void;
  /** The next bytes of the VM stream, in order; answer with `handedOn(chunk)` when the reader has taken them. */
  emit(chunk: OrderedChunk): void;
}

export interface IncomingStreamOptions {
  readonly cipher: ChunkCipher;
  readonly hash: RunningHash;
  readonly sink: ChunkSink;
  readonly limits: TransferLimits;
  readonly holdBackBytes: number;
  readonly maxFetches: number;
}

export interface IncomingStats {
  readonly bytes: number;
  readonly chunks: number;
  readonly handedOnBytes: number;
  readonly windowBytes: number;
  readonly bufferedBytes: number;
  readonly maxBufferedBytes: number;
}

/** What is to be said of a stream that the source calls done. */
export type StreamVerdict =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'whole'; readonly sha256: Uint8Array }
  | { readonly kind: 'wrong'; readonly code: AbortCode; readonly reason: string };

/** The part of the agreed window that is free again before the source is told so. */
const ACK_AFTER = 1 / 16;

/**
 * The VM stream as it comes in: chunks are offered, fetched, opened, put in order and handed on, all but the end that is held
 * back. Says what may be acknowledged, and at the end whether the stream is what the source sent.
 */
export class IncomingStream {
  readonly #options: IncomingStreamOptions;
  readonly #window: FetchWindow;
  readonly #queue: HoldBackQueue;
  readonly #endWatch: StreamEndWatch;
  #plainBytesWaiting = 0;
  #maxBufferedBytes = 0;
  /** The limits that both ends keep to. */
  #agreed: TransferLimits;
  /** Of the window, free again without the source knowing it. */
  #unsaidBytes = 0;
  #unsaidChunks = 0;

  constructor(options: IncomingStreamOptions) {
    this.#options = options;
    this.#agreed = options.limits;
    this.#window = new FetchWindow(options.maxFetches);
    this.#queue = new HoldBackQueue(options.holdBackBytes, options.limits.maxChunkBytes);
    this.#endWatch = new StreamEndWatch(options.holdBackBytes);
  }

  get stats(): IncomingStats {
    return {
      bytes: this.#queue.receivedBytes,
      chunks: this.#window.offeredChunks,
      handedOnBytes: this.#queue.handedOnBytes,
      windowBytes: this.#window.outstandingBytes,
      bufferedBytes: this.#plainBytesWaiting + this.#queue.bytes,
      maxBufferedBytes: this.#maxBufferedBytes,
    };
  }

  /** All that came in was handed on. */
  get isHandedOn(): boolean {
    return this.#queue.isEmpty;
  }

  agree(limits: TransferLimits): void {
    this.#agreed = limits;
  }

  /** Returns false when the offer is out of order or exceeds the window; nothing of it is kept then. */
  offer({ sequence, cid, tag, length }: OfferMessage): boolean {
    const { limits } = this.#options;
    const fits =
      length > 0 &&
      length <= limits.maxChunkBytes &&
      this.#window.outstandingChunks < limits.windowChunks &&
      this.#window.outstandingBytes + length <= limits.windowBytes;
    if (sequence !== this.#window.nextOffer || !fits) return false;
    this.#window.offer(cid, tag, length);
    this.#startFetches();
    return true;
  }

  /** A fetched chunk. `unasked` is of no concern; `forged` is not what the source sealed. */
  arrived(sequence: number, ciphertext: Uint8Array): 'taken' | 'unasked' | 'forged' {
    const offered = this.#window.awaited(sequence);
    if (offered === undefined) return 'unasked';
    const { cipher, hash } = this.#options;
    const { tag, length } = offered;
    const plaintext = ciphertext.length === length ? cipher.open(sequence, { ciphertext, tag }) : undefined;
    if (plaintext === undefined) return 'forged';
    this.#window.arrived(sequence, plaintext);
    this.#plainBytesWaiting += plaintext.length;
    this.#maxBufferedBytes = Math.max(this.#maxBufferedBytes, this.#plainBytesWaiting + this.#queue.bytes);
    for (let turn = this.#window.takeTurn(); turn !== undefined; turn = this.#window.takeTurn()) {
      this.#plainBytesWaiting -= turn.plaintext.length;
      hash.update(chunkRecord(turn.sequence, turn.plaintext.length, turn.cid, turn.tag));
      this.#endWatch.push(turn.plaintext);
      this.#queue.push(turn.sequence, turn.plaintext);
    }
    this.#startFetches();
    this.#emit();
    return 'taken';
  }

  /** The reader has taken this chunk and all before it. */
  handedOn(chunk: OrderedChunk): void {
    this.#queue.handedOn(chunk);
  }

  /**
   * The sequence number up to which the source should hear an acknowledgement now, if any. Not for every chunk: a message
   * costs the two ends as much as a packet of a chunk.
   */
  acknowledge(): number | undefined {
    const sequence = this.#queue.acknowledge();
    if (sequence === undefined) return undefined;
    const freed = this.#window.acknowledge(sequence);
    this.#unsaidBytes += freed.bytes;
    this.#unsaidChunks += freed.chunks;
    const { windowBytes, windowChunks } = this.#agreed;
    if (this.#unsaidBytes < windowBytes * ACK_AFTER && this.#unsaidChunks < windowChunks * ACK_AFTER) return undefined;
    this.#unsaidBytes = 0;
    this.#unsaidChunks = 0;
    return sequence;
  }

  /** Compares what came in with what the source says it sent. After any verdict but `incomplete` it must not be asked again. */
  judge(done: DoneMessage): StreamVerdict {
    const { offeredChunks, isDrained } = this.#window;
    if (offeredChunks !== done.chunks) {
      return { kind: 'wrong', code: 'protocol', reason: `DONE says ${done.chunks} chunks, ${offeredChunks} were offered` };
    }
    if (!isDrained) return { kind: 'incomplete' };
    const sha256 = this.#options.hash.digest();
    if (this.#queue.receivedBytes !== done.bytes || !sha256.every((byte, index) => byte === done.sha256[index])) {
      return { kind: 'wrong', code: 'integrity', reason: 'the stream as a whole is not what the source sent' };
    }
    if (this.#endWatch.judge() === 'truncated') {
      return { kind: 'wrong', code: 'truncated', reason: "the stream's end marker is not within the held-back bytes" };
    }
    return { kind: 'whole', sha256 };
  }

  /** The VM is ours: the end goes out as well. */
  openUp(): void {
    this.#queue.openUp();
    this.#emit();
  }

  clear(): void {
    this.#window.clear();
    this.#queue.clear();
  }

  #startFetches(): void {
    for (let next = this.#window.startFetch(); next !== undefined; next = this.#window.startFetch()) {
      this.#options.sink.fetch(next.sequence, next.cid, next.length, next.tag);
    }
  }

  #emit(): void {
    for (let chunk = this.#queue.release(); chunk !== undefined; chunk = this.#queue.release()) this.#options.sink.emit(chunk);
  }
}
