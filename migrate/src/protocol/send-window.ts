import type { TransferLimits } from './limits.js';

interface OfferedChunk {
  readonly sequence: number;
  /** Undefined for what is not published, but said in the offer. */
  readonly cid: Uint8Array | undefined;
  readonly length: number;
}

/** Chunks that are published and not acknowledged: a queue in sequence order, bounded in bytes and in chunks. */
export class SendWindow {
  readonly #limits: TransferLimits;
  readonly #offered: OfferedChunk[] = [];
  #bytes = 0;

  constructor(limits: TransferLimits) {
    this.#limits = limits;
  }

  /** Bytes outstanding. */
  get bytes(): number {
    return this.#bytes;
  }

  get chunks(): number {
    return this.#offered.length;
  }

  /** Whether a chunk of this many bytes may be offered now. */
  hasRoom(length: number): boolean {
    return this.#offered.length < this.#limits.windowChunks && this.#bytes + length <= this.#limits.windowBytes;
  }

  add(chunk: OfferedChunk): void {
    this.#offered.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Frees every chunk up to and including `sequence`; the freed ones in order. */
  release(sequence: number): OfferedChunk[] {
    let count = 0;
    while (count < this.#offered.length && this.#offered[count]!.sequence <= sequence) {
      this.#bytes -= this.#offered[count]!.length;
      count += 1;
    }
    return this.#offered.splice(0, count);
  }

  /** Frees everything. */
  clear(): OfferedChunk[] {
    this.#bytes = 0;
    return this.#offered.splice(0);
  }
}
