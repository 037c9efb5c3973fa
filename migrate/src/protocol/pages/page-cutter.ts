import { ChunkCutter } from '../chunk-cutter.js';
import type { CutPiece, CutUrgency, StreamCutter } from '../stream-cutter.js';
import { LayoutBuilder } from './layout.js';
import { HEADER_BYTES, PAGE_BYTES } from './page-record.js';
import { RamParser, type RecordKind } from './ram-parser.js';

/**
 * Pages of one aligned region make one content, so that a page that changed costs no more than so many: 60 KiB, what the fetcher asks
 * for at once.
 */
const REGION_PAGES = 15;
/** A content with fewer pages takes in those of the next region, */
const FEW_PAGES = 12;
/** but never across a multiple of so many, from where on it does not matter how much there was before. */
const SUPER_REGION_PAGES = 16 * REGION_PAGES;
const MAX_CONTENT_BYTES = (FEW_PAGES - 1 + REGION_PAGES) * PAGE_BYTES;
/** Stream bytes of a group with all its zero pages at most. */
const MAX_GROUP_BYTES = 256 * 1024;
const MAX_LAYOUT_BYTES = 4096;
/** So many other bytes may lie in a layout, as those between two sections do. */
const MAX_LITERAL_BYTES = 64;
/** What a record adds to a layout at most: its header with the name of a block, and three varints. */
const MAX_RECORD_HEAD_BYTES = HEADER_BYTES + 256 + 3 * 8;
/** Bytes that no record of QEMU's exceeds. */
const MAX_RECORD_BYTES = 80 * 1024;
/** Blocks whose pages are told apart; those of further ones do not recur. */
const MAX_BLOCKS = 64;

const NO_BYTES = new Uint8Array(0);

/** The least that a peer must take in one piece for pages to be told apart. */
export const MIN_PAGE_CUTTER_CHUNK_BYTES = MAX_GROUP_BYTES + MAX_RECORD_BYTES;

/**
 * Cuts QEMU's stream where its pages are. A page that is sent for the first time lies in a group: the pages of one region of memory
 * are a content of their own, without what is around them, so that the same memory is the same content next time. Zero pages
 * are in the layouts of groups. Everything else goes in plain pieces: pages that are sent again, because nobody has had their content before;
 * the state of devices; and whatever is not understood.
 */
export class PageCutter implements StreamCutter {
  readonly #input = new ChunkCutter();
  readonly #parser = new RamParser();
  readonly #plainBytes: number;
  /** The content being gathered, of whichever kind. */
  readonly #content: Uint8Array;
  #contentBytes = 0;
  readonly #layout = new LayoutBuilder();
  /** Stream bytes of the open piece. */
  #length = 0;
  #kind: 'none' | 'plain' | 'group' = 'none';
  #isReady = false;
  /** Where the group's content began and where it ends so far. */
  #groupBlock = '';
  #superRegion = -1;
  #region = -1;
  /** The highest page of each block that was sent. */
  readonly #highest = new Map<string, number>();
  readonly #pages = { zero: 0, fresh: 0, again: 0 };

  /** @param chunkBytes bytes of a plain piece, at least `MIN_PAGE_CUTTER_CHUNK_BYTES` */
  constructor(chunkBytes: number) {
    this.#plainBytes = chunkBytes;
    this.#content = new Uint8Array(Math.max(chunkBytes, MAX_CONTENT_BYTES));
  }

  get bytes(): number {
    return this.#input.bytes + this.#length;
  }

  get wantsInput(): boolean {
    return !this.#isReady && this.#input.bytes < this.#plainBytes;
  }

  /** A group waits for the rest of its region, however long that takes: cut short, it would be another content. */
  get hasPartial(): boolean {
    return this.#isReady || this.#kind === 'plain';
  }

  /** Pages so far: zero, sent for the first time, sent again. */
  get pages(): { readonly zero: number; readonly fresh: number; readonly again: number } {
    return this.#pages;
  }

  push(input: Uint8Array): void {
    this.#input.push(input);
  }

  ready(urgency: CutUrgency): number {
    while (!this.#isReady) {
      const input = this.#input.peek();
      const kind = this.#parser.next(input, urgency === 'end');
      if (kind === 'more') {
        this.#isReady = this.#length > 0 && (urgency === 'end' || (urgency === 'idle' && this.#kind === 'plain'));
        break;
      }
      this.#add(kind, input);
    }
    return this.#isReady ? this.#length : 0;
  }

  take(): CutPiece {
    const recurs = this.#kind === 'group' && this.#contentBytes > 0;
    const layout = this.#kind === 'group' ? this.#layout.take() : NO_BYTES;
    const piece = { length: this.#length, content: this.#content.subarray(0, this.#contentBytes), layout, recurs };
    this.#length = 0;
    this.#contentBytes = 0;
    this.#kind = 'none';
    this.#superRegion = -1;
    this.#isReady = false;
    return piece;
  }

  clear(): void {
    this.#input.clear();
    this.take();
  }

  /** Adds the next record to the open piece, or makes that one ready, which leaves the record for the next one. */
  #add(kind: Exclude<RecordKind, 'more'>, input: Uint8Array): void {
    const parser = this.#parser;
    const { length } = parser;
    switch (kind) {
      case 'bytes':
        if (length <= MAX_LITERAL_BYTES && this.#kind !== 'plain' && !parser.isForeign) this.#literal(input, length);
        else this.#plain(input, length, true);
        return;
      case 'zero':
        if (this.#isFresh()) this.#zero(input, length);
        else this.#plain(input, length, false);
        break;
      case 'page':
        if (this.#isFresh()) this.#page(input, length);
        else this.#plain(input, length, false);
    }
    if (this.#isReady) return;
    if (kind === 'zero') this.#pages.zero++;
    else if (this.#kind === 'group') this.#pages.fresh++;
    else this.#pages.again++;
    const highest = this.#highest.get(parser.block) ?? -1;
    if (parser.page > highest && (highest >= 0 || this.#highest.size < MAX_BLOCKS)) this.#highest.set(parser.block, parser.page);
  }

  /** Whether the record's page was not sent before: memory is gone through from its lower end, again and again. */
  #isFresh(): boolean {
    const highest = this.#highest.get(this.#parser.block);
    return highest === undefined ? this.#highest.size < MAX_BLOCKS : this.#parser.page > highest;
  }

  #plain(input: Uint8Array, length: number, isDivisible: boolean): void {
    const room = this.#plainBytes - this.#contentBytes;
    if (this.#kind === 'group' || (length > room && (!isDivisible || room === 0))) {
      this.#isReady = true;
      return;
    }
    this.#kind = 'plain';
    const taken = Math.min(length, room);
    this.#append(input, 0, taken);
    this.#accept(taken);
  }

  #literal(input: Uint8Array, length: number): void {
    if (!this.#opensGroup(length)) return;
    this.#layout.literal(input.subarray(0, length));
    this.#accept(length);
  }

  #zero(input: Uint8Array, length: number): void {
    if (!this.#opensGroup(length)) return;
    if (this.#parser.isContinued) this.#layout.zero(this.#parser.page);
    else this.#layout.literal(input.subarray(0, length));
    this.#accept(length);
  }

  #page(input: Uint8Array, length: number): void {
    const { block, page, isContinued } = this.#parser;
    const region = Math.floor(page / REGION_PAGES);
    const superRegion = Math.floor(page / SUPER_REGION_PAGES);
    const belongs =
      this.#contentBytes === 0 ||
      (block === this.#groupBlock &&
        superRegion === this.#superRegion &&
        (region === this.#region || this.#contentBytes < FEW_PAGES * PAGE_BYTES));
    if (!belongs || !this.#opensGroup(length)) {
      this.#isReady = true;
      return;
    }
    this.#groupBlock = block;
    this.#superRegion = superRegion;
    this.#region = region;
    const head = length - PAGE_BYTES;
    if (isContinued) {
      this.#layout.page(page);
    } else {
      this.#layout.literal(input.subarray(0, head));
      this.#layout.content(PAGE_BYTES);
    }
    this.#append(input, head, length);
    this.#accept(length);
  }

  /** Whether there is an open group with room for so many stream bytes more; if not, what is open is ready. */
  #opensGroup(length: number): boolean {
    const isFull = this.#length + length > MAX_GROUP_BYTES || this.#layout.bytes + MAX_RECORD_HEAD_BYTES > MAX_LAYOUT_BYTES;
    if (this.#kind === 'plain' || (this.#kind === 'group' && isFull)) {
      this.#isReady = true;
      return false;
    }
    this.#kind = 'group';
    return true;
  }

  #append(input: Uint8Array, from: number, to: number): void {
    this.#content.set(input.subarray(from, to), this.#contentBytes);
    this.#contentBytes += to - from;
  }

  #accept(length: number): void {
    this.#parser.accept(length);
    this.#input.take(length);
    this.#length += length;
  }
}
