/** Cuts a byte stream into lines, refusing a line that grows beyond a bound before it is complete. */
export class LineSplitter {
  readonly #maximumBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maximumBytes: number) {
    this.#maximumBytes = maximumBytes;
  }

  /** The complete lines that a piece of the stream ends, or `too-long`. */
  push(piece: Buffer): string[] | 'too-long' {
    const lines: string[] = [];
    let start = 0;
    for (let end = piece.indexOf(0x0a); end >= 0; end = piece.indexOf(0x0a, start)) {
      if (this.#bytes + end - start > this.#maximumBytes) return 'too-long';
      lines.push(Buffer.concat([...this.#parts, piece.subarray(start, end)]).toString('utf8'));
      this.#parts = [];
      this.#bytes = 0;
      start = end + 1;
    }
    const rest = piece.subarray(start);
    if (this.#bytes + rest.length > this.#maximumBytes) return 'too-long';
    if (rest.length > 0) this.#parts.push(Buffer.from(rest));
    this.#bytes += rest.length;
    return lines;
  }
}
