import { XiaError } from 'xia-core';

const NEWLINE = 10;

/** Takes lines and bytes by turns from what comes in. */
export class PieceReader {
  readonly #incoming: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(incoming: AsyncIterable<Buffer>) {
    this.#incoming = incoming[Symbol.asyncIterator]();
  }

  /**
   * The next line without its end; undefined when the stream ends before one.
   * @throws XiaError `refused` for a line beyond `limitBytes`
   */
  async line(limitBytes: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(NEWLINE);
      if (end >= 0 && end <= limitBytes) {
        const line = this.#rest.toString('utf8', 0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      if (this.#rest.length > limitBytes) throw new XiaError('refused', 'the other end does not transfer a file: give --file to both');
      if (!(await this.#more())) return undefined;
    }
  }

  /** The next bytes, at least one and at most `limitBytes`; undefined when there are none any more. */
  async some(limitBytes: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) if (!(await this.#more())) return undefined;
    const bytes = this.#rest.subarray(0, limitBytes);
    this.#rest = this.#rest.subarray(bytes.length);
    return bytes;
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const next = await this.#incoming.next();
    if (next.done === true) {
      this.#ended = true;
      return false;
    }
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
    return true;
  }
}
