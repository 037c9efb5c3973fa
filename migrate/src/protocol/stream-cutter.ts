import { ChunkCutter } from './chunk-cutter.js';

/** A part of the VM stream that is offered under one sequence number. */
export interface CutPiece {
  /** Bytes of the stream that it stands for. */
  readonly length: number;
  /** What is sealed and published. Empty when the layout says all; valid until the cutter is touched again. */
  readonly content: Uint8Array;
  /** How the stream's bytes are made of the content (`layout.ts`). Empty when they are the content. */
  readonly layout: Uint8Array;
  /** The same content may come again, in this transfer or in another one. */
  readonly recurs: boolean;
}

/** What has to leave: full pieces only; no input came for a while; the input is over. */
export type CutUrgency = 'full' | 'idle' | 'end';

/** Cuts the VM stream into pieces. Whatever it cuts, the pieces in order are the stream, byte for byte. */
export interface StreamCutter {
  /** Bytes taken in that are in no piece yet. */
  readonly bytes: number;
  /** Whether more input is welcome: false while pieces wait to be taken. */
  readonly wantsInput: boolean;
  /** Whether something waits that leaves only when no more input comes. */
  readonly hasPartial: boolean;
  /** Copies some input. */
  push(input: Uint8Array): void;
  /** Length of the next piece that may leave, or 0. Asked again, it says the same until `take` or `push`. */
  ready(urgency: CutUrgency): number;
  /** The piece that `ready` has just announced. */
  take(): CutPiece;
  /** Forgets everything. */
  clear(): void;
}

const NO_BYTES = new Uint8Array(0);

/** Cuts blindly, each piece as long as a chunk may be. */
export class BlindCutter implements StreamCutter {
  readonly #waiting = new ChunkCutter();
  readonly #chunkBytes: number;
  #ready = 0;

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  get bytes(): number {
    return this.#waiting.bytes;
  }

  get wantsInput(): boolean {
    return this.#waiting.bytes < this.#chunkBytes;
  }

  get hasPartial(): boolean {
    return this.#waiting.bytes > 0;
  }

  push(input: Uint8Array): void {
    this.#waiting.push(input);
  }

  ready(urgency: CutUrgency): number {
    const { bytes } = this.#waiting;
    if (bytes >= this.#chunkBytes) this.#ready = this.#chunkBytes;
    else this.#ready = urgency === 'full' ? 0 : bytes;
    return this.#ready;
  }

  take(): CutPiece {
    const content = this.#waiting.take(this.#ready);
    return { length: content.length, content, layout: NO_BYTES, recurs: false };
  }

  clear(): void {
    this.#waiting.clear();
  }
}
