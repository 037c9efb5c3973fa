import { XiaError } from 'xia-core';

const NEWLINE = 10;

/**
 * Cuts a byte stream into lines, holding at most one unfinished line of a bounded length.
 *
 * A line feed ends a line; a carriage return before it is dropped. Lines are UTF-8.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #pieces: Buffer[] = [];
  #pendingBytes = 0;

  /** @param maxLineBytes the longest line accepted, without its line end */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Takes the next piece of the stream and returns the lines that it completes.
   * @throws XiaError `qmp-error` when a line is longer than the bound; the splitter must not be used after that.
   */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(piece: Buffer): void {
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes > this.#maxLineBytes) {
      throw new XiaError('qmp-error', `QEMU sent a line longer than ${this.#maxLineBytes} bytes`, {
        maxLineBytes: this.#maxLineBytes,
      });
    }
    this.#pieces.push(piece);
  }

  #take(): string {
    const line = Buffer.concat(this.#pieces, this.#pendingBytes).toString('utf8');
    this.#pieces = [];
    this.#pendingBytes = 0;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  }
}
