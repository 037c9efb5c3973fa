import type { ChunkCipher, ContentSealer, RunningHash } from './chunk-cipher.js';
import { agreeLimits, type TransferLimits } from './limits.js';
import type { ControlMessage } from './messages.js';
import { MIN_PAGE_CUTTER_CHUNK_BYTES, PageCutter } from './pages/page-cutter.js';
import { digestPiece, type OfferedChunk } from './piece-list.js';
import { PieceOffers } from './piece-offers.js';
import { SendWindow } from './send-window.js';
import { BlindCutter, type CutPiece, type CutUrgency, type StreamCutter } from './stream-cutter.js';

/** Pages of the guest: those that are zero, sent for the first time, and sent again. */
export interface PageFigures {
  readonly zero: number;
  readonly fresh: number;
  readonly again: number;
}

export interface OutgoingStreamOptions {
  readonly cipher: ChunkCipher;
  readonly hash: RunningHash;
  readonly contents: ContentSealer | undefined;
  readonly limits: TransferLimits;
  readonly chunkBytes: number;
  /** As in `SenderSink`. */
  readonly publish: (sequence: number, ciphertext: Uint8Array) => Uint8Array | undefined;
  readonly unpublish: (cid: Uint8Array) => void;
  /** Takes offers, in order. */
  readonly say: (offers: readonly ControlMessage[]) => void;
}

/** Offers wait for others as long as they are for less than one in so many parts of the window, */
const UNSAID_PARTS = 8;
/** and the destination, which has heard of more than one in so many, has enough to do and will acknowledge some. */
const SAID_PARTS = 4;

/**
 * The VM's stream on its way out: cut, sealed, published, offered within a window, and taken back when it is acknowledged. Without I/O; what
 * is sealed, published or said comes out by the functions of its options, from within `pump`.
 */
export class OutgoingStream {
  readonly #o: OutgoingStreamOptions;
  readonly #offers = new PieceOffers();
  /** Offers of single chunks that wait, and the bytes that they are for. */
  readonly #unsaid: ControlMessage[] = [];
  #unsaidBytes = 0;
  #window: SendWindow;
  #windowBytes: number;
  #windowChunks: number;
  #chunkBytes: number;
  #cutter: StreamCutter;
  #offeredBytes = 0;
  #sequence = 0;
  #bytes = 0;
  #acknowledgedChunks = 0;
  #maxWindowBytes = 0;

  constructor(options: OutgoingStreamOptions) {
    this.#o = options;
    const { limits, chunkBytes } = options;
    this.#window = new SendWindow(limits);
    this.#windowBytes = limits.windowBytes;
    this.#windowChunks = limits.windowChunks;
    this.#chunkBytes = chunkBytes;
    this.#cutter = new BlindCutter(chunkBytes);
  }

  /** Plain bytes in a chunk. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /** Bytes of the stream that are offered, or about to be. */
  get bytes(): number {
    return this.#bytes;
  }

  get chunks(): number {
    return this.#sequence;
  }

  /** Whether more input is welcome. */
  get wantsInput(): boolean {
    return this.#cutter.wantsInput;
  }

  /** Whether everything that was put in is offered. */
  get isEmpty(): boolean {
    return this.#cutter.bytes === 0;
  }

  /** Whether something waits for more input that is to leave without it; never while that would bring it no nearer. */
  get wantsFlush(): boolean {
    if (this.#isBusy) return false;
    const isPartial = this.#cutter.hasPartial && this.#window.hasRoom(Math.min(this.#cutter.bytes, this.#chunkBytes));
    return isPartial || !this.#offers.isEmpty;
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

  /** The destination has answered. Returns the limits that both keep to. Nothing was offered before. */
  agree(theirs: TransferLimits): TransferLimits {
    const limits = agreeLimits(this.#o.limits, theirs);
    this.#window = new SendWindow(limits);
    this.#windowBytes = limits.windowBytes;
    this.#windowChunks = limits.windowChunks;
    this.#chunkBytes = Math.min(this.#o.chunkBytes, limits.maxChunkBytes);
    this.#chooseCutter();
    return limits;
  }

  /** Copies the next input. */
  push(input: Uint8Array): void {
    this.#cutter.push(input);
  }

  /**
   * Cuts, seals, publishes and offers as much as the window takes.
   * @returns why it cannot go on, in words, when there is no room to publish
   */
  pump(wanted: CutUrgency): string | undefined {
    // A chunk that is not full would only wait there in place of here; what is acknowledged brings us here again.
    const urgency = wanted === 'idle' && this.#isBusy ? 'full' : wanted;
    let length = this.#cutter.ready(urgency);
    for (; length > 0 && this.#window.hasRoom(length); length = this.#cutter.ready(urgency)) {
      const piece = this.#cutter.take();
      if (!this.#offer(piece))
        return `no room for chunk ${this.#sequence - 1} of ${piece.content.length} bytes; a smaller window needs less`;
      if (this.#offers.isFull) this.#sayPieces();
    }
    // The destination acknowledges only what it has heard of.
    if (urgency !== 'full' || length > 0) this.#sayPieces();
    if (urgency !== 'full' || !this.#mayWait()) this.#sayChunks();
    return undefined;
  }

  /** Whether the destination can know of a chunk with this sequence number. */
  hasSaid(sequence: number): boolean {
    return sequence < this.#sequence - this.#unsaid.length;
  }

  /** The destination needs nothing any more up to and including `sequence`. */
  release(sequence: number): void {
    for (const chunk of this.#window.release(sequence)) {
      this.#acknowledgedChunks += 1;
      this.#unpublish(chunk.cid);
    }
  }

  /** Forgets everything, and takes back what was published. */
  clear(): void {
    this.#cutter.clear();
    for (const chunk of this.#window.clear()) this.#unpublish(chunk.cid);
  }

  /** Pages are told apart where the owner wants it, and pieces may be as large as that takes. */
  #chooseCutter(): void {
    const early = this.#cutter;
    const knowsPages = this.#o.contents !== undefined && this.#chunkBytes >= MIN_PAGE_CUTTER_CHUNK_BYTES;
    this.#cutter = knowsPages ? new PageCutter(this.#chunkBytes) : new BlindCutter(this.#chunkBytes);
    // Until here nothing was known of the stream, so that its pieces are their contents.
    while (early.ready('end') > 0) this.#cutter.push(early.take().content);
  }

  /** False when there is no room to publish it. */
  #offer(piece: CutPiece): boolean {
    const sequence = this.#sequence++;
    const { length, content, layout } = piece;
    const chunk = content.length === 0 ? undefined : this.#publish(sequence, piece);
    if (chunk === 'full') return false;
    digestPiece(this.#o.hash, sequence, { length, chunk, layout });
    this.#window.add({ sequence, cid: chunk?.cid, length });
    this.#maxWindowBytes = Math.max(this.#maxWindowBytes, this.#window.bytes);
    this.#bytes += length;
    this.#offeredBytes += content.length;
    if (this.#cutter instanceof PageCutter) {
      this.#offers.add(sequence, { length, layout, chunk });
    } else {
      this.#unsaid.push({ type: 'offer', sequence, cid: chunk!.cid, tag: chunk!.tag, length });
      this.#unsaidBytes += length;
    }
    return true;
  }

  #publish(sequence: number, { content, recurs }: CutPiece): OfferedChunk | 'full' {
    const { cipher, contents, publish } = this.#o;
    const keyed = recurs ? contents?.sealWithKey(content) : undefined;
    const { ciphertext, tag } = keyed ?? cipher.seal(sequence, content);
    const cid = publish(sequence, ciphertext);
    return cid === undefined ? 'full' : { cid, tag, length: content.length, key: keyed?.key };
  }

  #unpublish(cid: Uint8Array | undefined): void {
    if (cid !== undefined) this.#o.unpublish(cid);
  }

  #sayPieces(): void {
    if (!this.#offers.isEmpty) this.#o.say([this.#offers.take()]);
  }

  /** Whether the destination has enough to do with what it has heard of. */
  get #isBusy(): boolean {
    const saidBytes = this.#window.bytes - this.#unsaidBytes;
    const saidChunks = this.#window.chunks - this.#unsaid.length;
    return saidBytes >= this.#windowBytes / SAID_PARTS || saidChunks >= this.#windowChunks / SAID_PARTS;
  }

  /** Whether the offers that wait may wait for more of them. */
  #mayWait(): boolean {
    const isFew = this.#unsaidBytes < this.#windowBytes / UNSAID_PARTS && this.#unsaid.length < this.#windowChunks / UNSAID_PARTS;
    return isFew && this.#isBusy;
  }

  #sayChunks(): void {
    if (this.#unsaid.length === 0) return;
    this.#unsaidBytes = 0;
    this.#o.say(this.#unsaid.splice(0));
  }
}
