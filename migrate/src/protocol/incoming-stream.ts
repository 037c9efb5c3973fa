import type { AbortCode } from './abort-code.js';
import type { ChunkCipher, RunningHash } from './chunk-cipher.js';
import { ContentMemory } from './content-memory.js';
import { FetchWindow } from './fetch-window.js';
import { HoldBackQueue, type OrderedChunk } from './hold-back-queue.js';
import { DEFAULT_HOLD_BACK_BYTES, type TransferLimits } from './limits.js';
import type { DoneMessage } from './messages.js';
import { applyLayout } from './pages/layout.js';
import { digestPiece, type OfferedChunk, type PieceOffer } from './piece-list.js';
import { PieceMemory } from './piece-memory.js';
import { StreamEndWatch } from './qemu-stream-end.js';

/** Where chunks are asked for, and where they go. */
export interface ChunkSink {
  /** Fetch this chunk, which opens with this tag, and key if it has one; answer later with `chunkArrived` or `chunkFailed`. */
  fetch(sequence: number, cid: Uint8Array, length: number, chunk: OfferedChunk): void;
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
  /** Bytes of contents that were fetched, and of those that were offered again while they were still here. */
  readonly fetchedBytes: number;
  readonly repeatedBytes: number;
}

/** What is to be said of a stream that the source calls done. */
export type StreamVerdict =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'whole'; readonly sha256: Uint8Array }
  | { readonly kind: 'wrong'; readonly code: AbortCode; readonly reason: string };

/** The part of the agreed window that is free again before the source is told so. */
const ACK_AFTER = 1 / 16;

const NO_BYTES = new Uint8Array(0);

/**
 * The VM stream as it comes in: chunks are offered, fetched, opened, put in order and handed on, all but the end that is held
 * back. Says what may be acknowledged, and at the end whether the stream is what the source sent.
 */
export class IncomingStream {
  readonly #options: IncomingStreamOptions;
  readonly #window: FetchWindow;
  readonly #queue: HoldBackQueue;
  readonly #endWatch: StreamEndWatch;
  readonly #memory = new ContentMemory();
  readonly #joined = new PieceMemory();
  /** Pieces in memory of ours, to be used again. */
  readonly #isJoined = new Set<Uint8Array>();
  #fetchedBytes = 0;
  #repeatedBytes = 0;
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
    // Where nothing is held back the marker must be there all the same: a stream without it was cut.
    this.#endWatch = new StreamEndWatch(options.holdBackBytes === 0 ? DEFAULT_HOLD_BACK_BYTES : options.holdBackBytes);
  }

  get stats(): IncomingStats {
    return {
      bytes: this.#queue.receivedBytes,
      chunks: this.#window.offeredChunks,
      handedOnBytes: this.#queue.handedOnBytes,
      windowBytes: this.#window.outstandingBytes,
      bufferedBytes: this.#plainBytesWaiting + this.#queue.bytes,
      maxBufferedBytes: this.#maxBufferedBytes,
      fetchedBytes: this.#fetchedBytes,
      repeatedBytes: this.#repeatedBytes,
    };
  }

  /** All that came in was handed on. */
  get isHandedOn(): boolean {
    return this.#queue.isEmpty;
  }

  agree(limits: TransferLimits): void {
    this.#agreed = limits;
  }

  /** Returns false when the offer is out of order, exceeds the window or makes no sense; nothing of it is kept then. */
  offer(sequence: number, piece: PieceOffer): boolean {
    const { limits } = this.#options;
    const { length, chunk, layout } = piece;
    const fits =
      length > 0 &&
      length <= limits.maxChunkBytes &&
      this.#window.outstandingChunks < limits.windowChunks &&
      this.#window.outstandingBytes + length <= limits.windowBytes;
    const content = chunk?.length ?? 0;
    const fills = layout.length > 0 ? content <= length && (chunk === undefined || content > 0) : content === length;
    if (sequence !== this.#window.nextOffer || !fits || !fills) return false;
    this.#window.offer(piece);
    return this.#goOn();
  }

  /** A fetched chunk. `unasked` is of no concern; `forged` is not what the source sealed. */
  arrived(sequence: number, ciphertext: Uint8Array): 'taken' | 'unasked' | 'forged' {
    const chunk = this.#window.awaited(sequence)?.chunk;
    if (chunk === undefined) return 'unasked';
    const content = ciphertext.length === chunk.length ? this.#open(sequence, ciphertext, chunk) : undefined;
    if (content === undefined) return 'forged';
    this.#fetchedBytes += content.length;
    const others = chunk.key === undefined ? [] : this.#memory.arrived(chunk.cid, content);
    this.#repeatedBytes += others.length * content.length;
    const isRight = [sequence, ...others].every((each) => this.#settle(each, content));
    return isRight && this.#goOn() ? 'taken' : 'forged';
  }

  /** The reader has taken this chunk and all before it. */
  handedOn(chunk: OrderedChunk): void {
    this.#queue.handedOn(chunk);
    if (this.#isJoined.delete(chunk.plaintext)) this.#joined.give(chunk.plaintext);
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
      return { kind: 'wrong', code: 'truncated', reason: "the stream's end marker is not within its last bytes" };
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
    this.#memory.clear();
    this.#isJoined.clear();
    this.#queue.clear();
  }

  #open(sequence: number, ciphertext: Uint8Array, { tag, key }: OfferedChunk): Uint8Array | undefined {
    const { cipher } = this.#options;
    return key === undefined ? cipher.open(sequence, { ciphertext, tag }) : cipher.openKeyed({ ciphertext, tag, key });
  }

  /** Puts a piece together. False when its layout does not fit the content. */
  #settle(sequence: number, content: Uint8Array): boolean {
    const { layout, length } = this.#window.awaited(sequence)!;
    const plaintext = layout.length === 0 ? content : this.#joined.take(length);
    if (layout.length > 0) {
      if (!applyLayout(layout, content, plaintext)) return false;
      this.#isJoined.add(plaintext);
    }
    this.#window.arrived(sequence, plaintext);
    this.#plainBytesWaiting += length;
    this.#maxBufferedBytes = Math.max(this.#maxBufferedBytes, this.#plainBytesWaiting + this.#queue.bytes);
    return true;
  }

  /** Fetches what may be fetched, and hands on what has its turn. False when something makes no sense. */
  #goOn(): boolean {
    for (let next = this.#window.startFetch(); next !== undefined; next = this.#window.startFetch()) {
      if (!this.#obtain(next.sequence, next.offer.chunk)) return false;
    }
    for (let turn = this.#window.takeTurn(); turn !== undefined; turn = this.#window.takeTurn()) {
      this.#plainBytesWaiting -= turn.plaintext.length;
      digestPiece(this.#options.hash, turn.sequence, turn.offer);
      this.#endWatch.push(turn.plaintext);
      this.#queue.push(turn.sequence, turn.plaintext);
    }
    this.#emit();
    return true;
  }

  #obtain(sequence: number, chunk: OfferedChunk | undefined): boolean {
    if (chunk === undefined) return this.#settle(sequence, NO_BYTES);
    if (chunk.key !== undefined) {
      const known = this.#memory.find(chunk.cid);
      if (known !== undefined) {
        this.#repeatedBytes += known.length;
        return this.#settle(sequence, known);
      }
      if (!this.#memory.want(chunk.cid, sequence)) return true;
    }
    this.#options.sink.fetch(sequence, chunk.cid, chunk.length, chunk);
    return true;
  }

  #emit(): void {
    for (let chunk = this.#queue.release(); chunk !== undefined; chunk = this.#queue.release()) this.#options.sink.emit(chunk);
  }
}
