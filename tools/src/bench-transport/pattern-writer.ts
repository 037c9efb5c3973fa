import type { Writable } from 'node:stream';
import type { Pattern } from './pattern.js';

/** What is written at a time; as much as a pipe or a file gives. */
const PIECE_BYTES = 256 * 1024;

/** Writes as much of the pattern to a stream as was ordered, with its back-pressure. */
export class PatternWriter {
  readonly #pattern: Pattern;
  #stream: Writable | undefined;
  #written = 0;
  #wanted = 0;

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
  }

  attach(stream: Writable): void {
    this.#stream = stream;
    stream.on('drain', this.#pump);
    this.#pump();
  }

  order(bytes: number): void {
    this.#wanted += bytes;
    this.#pump();
  }

  readonly #pump = (): void => {
    const stream = this.#stream;
    if (stream === undefined) return;
    while (this.#written < this.#wanted && !stream.writableNeedDrain) {
      const piece = this.#pattern.piece(this.#written, Math.min(PIECE_BYTES, this.#wanted - this.#written));
      this.#written += piece.length;
      stream.write(piece);
    }
  };
}
