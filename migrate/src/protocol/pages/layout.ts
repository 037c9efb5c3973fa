import {
  FLAG_CONTINUE,
  FLAG_PAGE,
  FLAG_ZERO,
  HEADER_BYTES,
  PAGE_BYTES,
  PAGE_RECORD_BYTES,
  writeHeader,
  ZERO_RECORD_BYTES,
} from './page-record.js';
import { ByteReader, pushVarint } from './varint.js';

/**
 * How a part of the stream is made of a content: steps, each a varint of `8 * count + step`, and what belongs to it.
 * Pages are those records that continue a block; others are literal.
 */
const Step = {
  /** `count` bytes that stand here. */
  LITERAL: 0,
  /** `count` bytes of the content. */
  CONTENT: 1,
  /** `count` records of pages one after the other, the first of which is named here (varint), with their bytes from the content. */
  PAGES: 2,
  /** The same of pages that are zero. */
  ZEROS: 3,
  /** As `PAGES`, beginning behind the last page of the step before. */
  MORE_PAGES: 4,
  MORE_ZEROS: 5,
} as const;

const STEPS = 8;

/** Writes a layout. */
export class LayoutBuilder {
  #bytes: number[] = [];
  #step: number = Step.LITERAL;
  #count = 0;
  #firstPage = 0;
  #isNamed = false;
  /** The page behind the last one; -1 when there is none. */
  #nextPage = -1;

  /** Bytes that it has so far, or a few less. */
  get bytes(): number {
    return this.#bytes.length;
  }

  /** Copies bytes into the layout. */
  literal(bytes: Uint8Array): void {
    this.#end();
    pushVarint(this.#bytes, bytes.length * STEPS + Step.LITERAL);
    for (const byte of bytes) this.#bytes.push(byte);
  }

  /** The next bytes of the content. */
  content(length: number): void {
    this.#end();
    pushVarint(this.#bytes, length * STEPS + Step.CONTENT);
  }

  /** A page of the same block as the record before, by its number; its bytes are the next ones of the content. */
  page(page: number): void {
    this.#record(page, Step.PAGES, Step.MORE_PAGES);
  }

  /** A zero page of the same block as the record before. */
  zero(page: number): void {
    this.#record(page, Step.ZEROS, Step.MORE_ZEROS);
  }

  /** The layout; the builder is empty afterwards. */
  take(): Uint8Array {
    this.#end();
    const layout = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    this.#nextPage = -1;
    return layout;
  }

  #record(page: number, named: number, more: number): void {
    const follows = page === this.#nextPage;
    if (this.#count === 0 || !follows || (this.#step !== named && this.#step !== more)) {
      this.#end();
      this.#isNamed = !follows;
      this.#step = follows ? more : named;
      this.#firstPage = page;
    }
    this.#count += 1;
    this.#nextPage = page + 1;
  }

  #end(): void {
    if (this.#count === 0) return;
    pushVarint(this.#bytes, this.#count * STEPS + this.#step);
    if (this.#isNamed) pushVarint(this.#bytes, this.#firstPage);
    this.#count = 0;
  }
}

/**
 * Makes a part of the stream.
 * @param out memory for it, as long as it must be; what was in it does not matter
 * @returns false when the layout makes no sense, gives another length, or leaves content over
 */
export function applyLayout(layout: Uint8Array, content: Uint8Array, out: Uint8Array): boolean {
  const reader = new ByteReader(layout);
  const { length } = out;
  let at = 0;
  let from = 0;
  let page = -1;
  const copy = (bytes: number) => {
    out.set(content.subarray(from, from + bytes), at);
    at += bytes;
    from += bytes;
  };
  while (!reader.isAtEnd) {
    const word = reader.varint();
    const step = word % STEPS;
    const count = Math.floor(word / STEPS);
    if (step === Step.PAGES || step === Step.ZEROS) page = reader.varint();
    // Nothing is made before it is known to fit: the count is a stranger's.
    if (reader.failed || count === 0 || count > length) return false;
    switch (step) {
      case Step.LITERAL:
        if (count > length - at) return false;
        out.set(reader.take(count), at);
        at += count;
        break;
      case Step.CONTENT:
        if (count > length - at || count > content.length - from) return false;
        copy(count);
        break;
      case Step.PAGES:
      case Step.MORE_PAGES:
        if (page < 0 || count * PAGE_RECORD_BYTES > length - at || count * PAGE_BYTES > content.length - from) return false;
        for (let i = 0; i < count; i++) {
          writeHeader(out, at, page++, FLAG_PAGE | FLAG_CONTINUE);
          at += PAGE_RECORD_BYTES - PAGE_BYTES;
          copy(PAGE_BYTES);
        }
        break;
      case Step.ZEROS:
      case Step.MORE_ZEROS:
        if (page < 0 || count * ZERO_RECORD_BYTES > length - at) return false;
        for (let i = 0; i < count; i++) {
          writeHeader(out, at, page++, FLAG_ZERO | FLAG_CONTINUE);
          out[at + HEADER_BYTES] = 0;
          at += ZERO_RECORD_BYTES;
        }
        break;
      default:
        return false;
    }
  }
  return !reader.failed && at === length && from === content.length;
}
