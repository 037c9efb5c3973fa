import {
  FLAG_CONTINUE,
  FLAG_END,
  FLAG_PAGE,
  FLAG_XBZRLE,
  FLAG_ZERO,
  HEADER_BYTES,
  PAGE_BYTES,
  readFlags,
  readPageNumber,
  readWord,
} from './page-record.js';

/** What comes next: `more` input is needed; `bytes` of no particular kind; a `page` with its 4096 bytes; a `zero` page. */
export type RecordKind = 'more' | 'bytes' | 'page' | 'zero';

type Place =
  /** Nothing was seen yet. */
  | 'head'
  /** It is not QEMU's. */
  | 'foreign'
  /** Somewhere that is not understood, before the next RAM section. */
  | 'elsewhere'
  /** At a record of a RAM section. */
  | 'records'
  /** Behind the last record of a section. */
  | 'footer';

const QEMU_MAGIC = 0x5145_564d;
const SECTION_START = 0x01;
const SECTION_PART = 0x02;
const SECTION_END = 0x03;
const SECTION_FOOTER = 0x7e;
const SECTION_WORD_BYTES = 5;
/** A footer and the header of the next section. */
const SEAM_BYTES = 2 * SECTION_WORD_BYTES;
/** Behind the section's number when "ram" begins: length and name, instance 0, version 4. */
const RAM_NAME = Uint8Array.of(3, 0x72, 0x61, 0x6d, 0, 0, 0, 0, 0, 0, 0, 4);
const START_BYTES = SECTION_WORD_BYTES + RAM_NAME.length;
const XBZRLE_HEADER_BYTES = 3;

/**
 * Finds the pages in a QEMU migration stream (QEMU migration/savevm.c, ram.c). It understands RAM sections and skips all else
 * by looking for the seam at which the next one begins; so what it does not know, or takes for something that it is not,
 * costs nothing but the recognition of some pages.
 *
 * Contract: `next` looks at what comes and changes nothing but what the getters say; `accept` goes on behind it.
 */
export class RamParser {
  #place: Place = 'head';
  #nextPlace: Place = 'head';
  /** The number that the sections of RAM go by, 4 bytes. */
  #number: Uint8Array | undefined;
  #foundNumber: Uint8Array | undefined;
  #length = 0;
  #page = 0;
  #isContinued = false;
  #block = '';
  #nextBlock = '';

  /** Bytes of what comes next. A page's own are the last 4096 of them. */
  get length(): number {
    return this.#length;
  }

  /** Number of the page within its block. */
  get page(): number {
    return this.#page;
  }

  /** Name of the block that the page is in. */
  get block(): string {
    return this.#nextBlock;
  }

  /** Whether the record is of the block of the record before, and does not name it. */
  get isContinued(): boolean {
    return this.#isContinued;
  }

  /** Whether the stream is not QEMU's at all. */
  get isForeign(): boolean {
    return this.#nextPlace === 'foreign';
  }

  /**
   * @param input what was not accepted yet
   * @param isLast nothing follows it
   */
  next(input: Uint8Array, isLast: boolean): RecordKind {
    this.#nextPlace = this.#place;
    this.#nextBlock = this.#block;
    this.#foundNumber = this.#number;
    const kind = this.#look(input);
    if (kind !== 'more' || !isLast || input.length === 0) return kind;
    this.#nextPlace = this.#place;
    return this.#bytes(input.length);
  }

  /** Goes on behind what `next` said; of `bytes` it may be a part. */
  accept(length = this.#length): void {
    if (length < this.#length && !this.isForeign) return;
    this.#place = this.#nextPlace;
    this.#block = this.#nextBlock;
    this.#number = this.#foundNumber;
  }

  #look(input: Uint8Array): RecordKind {
    switch (this.#place) {
      case 'head':
        if (input.length < 4) return 'more';
        if (readWord(input, 0) === QEMU_MAGIC) return this.#bytes(4, 'elsewhere');
        return this.#bytes(input.length, 'foreign');
      case 'foreign':
        return input.length === 0 ? 'more' : this.#bytes(input.length);
      case 'elsewhere':
        return this.#number === undefined ? this.#findStart(input) : this.#findPart(input);
      case 'footer':
        if (input.length < SEAM_BYTES) return 'more';
        return this.#isSeam(input, 0) ? this.#bytes(SEAM_BYTES, 'records') : this.#lost(input);
      case 'records':
        return input.length < HEADER_BYTES ? 'more' : this.#record(input);
    }
  }

  #bytes(length: number, next: Place = this.#place): RecordKind {
    this.#length = length;
    this.#nextPlace = next;
    return 'bytes';
  }

  /** Before the first RAM section: the header of the section that begins it. */
  #findStart(input: Uint8Array): RecordKind {
    const last = input.length - START_BYTES;
    for (let at = input.indexOf(SECTION_START); at >= 0 && at <= last; at = input.indexOf(SECTION_START, at + 1)) {
      if (!hasAt(input, at + SECTION_WORD_BYTES, RAM_NAME)) continue;
      if (at > 0) return this.#bytes(at);
      this.#foundNumber = input.slice(1, SECTION_WORD_BYTES);
      return this.#bytes(START_BYTES);
    }
    return this.#allBut(START_BYTES - 1, input);
  }

  /** The footer of some section, and the header of a part of RAM behind it. */
  #findPart(input: Uint8Array): RecordKind {
    const last = input.length - SEAM_BYTES;
    for (let at = input.indexOf(SECTION_FOOTER); at >= 0 && at <= last; at = input.indexOf(SECTION_FOOTER, at + 1)) {
      if (this.#isSeam(input, at)) return at > 0 ? this.#bytes(at) : this.#bytes(SEAM_BYTES, 'records');
    }
    return this.#allBut(SEAM_BYTES - 1, input);
  }

  #isSeam(input: Uint8Array, at: number): boolean {
    const header = at + SECTION_WORD_BYTES;
    if (input[at] !== SECTION_FOOTER || (input[header] !== SECTION_PART && input[header] !== SECTION_END)) return false;
    return hasAt(input, header + 1, this.#number!);
  }

  /** All but a last few bytes, with which something may begin. */
  #allBut(kept: number, input: Uint8Array): RecordKind {
    return input.length > kept ? this.#bytes(input.length - kept) : 'more';
  }

  #record(input: Uint8Array): RecordKind {
    const flags = readFlags(input, 0);
    if (flags === FLAG_END) return this.#bytes(HEADER_BYTES, 'footer');
    const what = flags & ~FLAG_CONTINUE;
    if (what !== FLAG_PAGE && what !== FLAG_ZERO && what !== FLAG_XBZRLE) return this.#lost(input);
    this.#isContinued = (flags & FLAG_CONTINUE) !== 0;
    let head = HEADER_BYTES;
    if (!this.#isContinued) {
      if (input.length <= HEADER_BYTES) return 'more';
      head += 1 + input[HEADER_BYTES]!;
      if (input.length < head) return 'more';
      this.#nextBlock = String.fromCharCode(...input.subarray(HEADER_BYTES + 1, head));
    }
    this.#page = readPageNumber(input, 0);
    if (what === FLAG_XBZRLE) return this.#difference(input, head);
    this.#length = head + (what === FLAG_PAGE ? PAGE_BYTES : 1);
    if (input.length < this.#length) return 'more';
    if (what === FLAG_PAGE) return 'page';
    return input[head] === 0 ? 'zero' : 'bytes';
  }

  #difference(input: Uint8Array, head: number): RecordKind {
    const body = head + XBZRLE_HEADER_BYTES;
    if (input.length < body) return 'more';
    const length = body + ((input[head + 1]! << 8) | input[head + 2]!);
    return input.length < length ? 'more' : this.#bytes(length);
  }

  /** Not a record that it knows: looks for the next section. */
  #lost(input: Uint8Array): RecordKind {
    this.#place = 'elsewhere';
    this.#nextPlace = 'elsewhere';
    return this.#findPart(input);
  }
}

function hasAt(input: Uint8Array, at: number, bytes: Uint8Array): boolean {
  return bytes.every((byte, index) => input[at + index] === byte);
}
