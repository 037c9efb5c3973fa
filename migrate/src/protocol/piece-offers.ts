import type { ControlMessage } from './messages.js';
import { PieceListWriter, type PieceOffer } from './piece-list.js';

/** A message of so many bytes or pieces, or for so many bytes of the stream, does not wait for more. */
const BATCH_BYTES = 16 * 1024;
const BATCH_PIECES = 16;
const BATCH_STREAM_BYTES = 512 * 1024;

/** Offers that wait to be said together: a message for each costs more than what it says. */
export class PieceOffers {
  readonly #list = new PieceListWriter();
  #first = 0;
  #saidBytes = 0;

  /** Bytes of lists that were said. */
  get saidBytes(): number {
    return this.#saidBytes;
  }

  get isEmpty(): boolean {
    return this.#list.pieces === 0;
  }

  get isFull(): boolean {
    const { bytes, pieces, streamBytes } = this.#list;
    return bytes >= BATCH_BYTES || pieces >= BATCH_PIECES || streamBytes >= BATCH_STREAM_BYTES;
  }

  add(sequence: number, piece: PieceOffer): void {
    if (this.isEmpty) this.#first = sequence;
    this.#list.add(piece);
  }

  /** What is to be said; nothing waits any more afterwards. */
  take(): ControlMessage {
    this.#saidBytes += this.#list.bytes;
    return { type: 'pieces', sequence: this.#first, list: this.#list.take() };
  }
}
