import type { PieceOffer } from './piece-list.js';

/** A piece that the source offered: waiting to be fetched, being fetched, or fetched and waiting for its turn. */
interface OfferedPiece {
  readonly offer: PieceOffer;
  plaintext: Uint8Array | undefined;
}

/**
 * The offers between the last acknowledged and the newest chunk, by sequence number. Bounded by the limits that both
 * ends agreed on, which `offer` checks before it keeps anything.
 */
export class FetchWindow {
  readonly #maxFetches: number;
  readonly #chunks = new Map<number, OfferedPiece>();
  readonly #lengths = new Map<number, number>();
  #nextOffer = 0;
  #nextFetch = 0;
  #nextTurn = 0;
  #inFlight = 0;
  #outstandingBytes = 0;
  #acknowledged = 0;

  constructor(maxFetches: number) {
    this.#maxFetches = maxFetches;
  }

  /** Bytes of chunks offered and not acknowledged. */
  get outstandingBytes(): number {
    return this.#outstandingBytes;
  }

  get outstandingChunks(): number {
    return this.#lengths.size;
  }

  get offeredChunks(): number {
    return this.#nextOffer;
  }

  /** True when every offered chunk has had its turn. */
  get isDrained(): boolean {
    return this.#nextTurn === this.#nextOffer;
  }

  /** Sequence number that the next offer must carry. */
  get nextOffer(): number {
    return this.#nextOffer;
  }

  offer(offer: PieceOffer): void {
    this.#chunks.set(this.#nextOffer, { offer, plaintext: undefined });
    this.#lengths.set(this.#nextOffer, offer.length);
    this.#outstandingBytes += offer.length;
    this.#nextOffer += 1;
  }

  /** The next chunk to fetch, or undefined when there is none or enough are on their way. */
  startFetch(): { readonly sequence: number; readonly offer: PieceOffer } | undefined {
    if (this.#inFlight >= this.#maxFetches || this.#nextFetch === this.#nextOffer) return undefined;
    const sequence = this.#nextFetch++;
    this.#inFlight += 1;
    return { sequence, offer: this.#chunks.get(sequence)!.offer };
  }

  /** What was offered, of a chunk being fetched; undefined for any other. */
  awaited(sequence: number): PieceOffer | undefined {
    const chunk = this.#chunks.get(sequence);
    return chunk === undefined || chunk.plaintext !== undefined || sequence >= this.#nextFetch ? undefined : chunk.offer;
  }

  arrived(sequence: number, plaintext: Uint8Array): void {
    this.#chunks.get(sequence)!.plaintext = plaintext;
    this.#inFlight -= 1;
  }

  /** The chunk whose turn it is, once it is here. */
  takeTurn(): { sequence: number; plaintext: Uint8Array; offer: PieceOffer } | undefined {
    const chunk = this.#chunks.get(this.#nextTurn);
    if (chunk?.plaintext === undefined) return undefined;
    const sequence = this.#nextTurn++;
    this.#chunks.delete(sequence);
    return { sequence, plaintext: chunk.plaintext, offer: chunk.offer };
  }

  /** Up to and including this sequence number nothing counts against the window any more. Says how much that frees. */
  acknowledge(sequence: number): { readonly bytes: number; readonly chunks: number } {
    const before = { bytes: this.#outstandingBytes, chunks: this.#lengths.size };
    for (; this.#acknowledged <= sequence; this.#acknowledged++) {
      this.#outstandingBytes -= this.#lengths.get(this.#acknowledged) ?? 0;
      this.#lengths.delete(this.#acknowledged);
    }
    return { bytes: before.bytes - this.#outstandingBytes, chunks: before.chunks - this.#lengths.size };
  }

  clear(): void {
    this.#chunks.clear();
    this.#lengths.clear();
  }
}
