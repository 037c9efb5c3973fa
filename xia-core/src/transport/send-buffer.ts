import { RangeSet } from '../bytes/index.js';
import type { BufferBudget } from './buffer-budget.js';
import { ChunkSlab } from './chunk-slab.js';

/**
 * The sending half of a byte stream: what was written and not yet acknowledged, and which parts of it have to go out.
 *
 * Larger writes are kept by reference, never copied here: whoever writes gives the bytes away. Offsets count from the
 * start of the stream. Nothing is proportional to what is outstanding, except where packets were lost.
 */
export class SendBuffer {
  readonly #startBytes: number;
  readonly #mostBytes: number;
  readonly #budget: BufferBudget;
  #capacityBytes: number;
  /** Taken from the budget. */
  #takenBytes = 0;
  #chunks: Uint8Array[] = [];
  /** Stream offset of each chunk, parallel to the chunks. */
  #starts: number[] = [];
  /** Chunks before this index are acknowledged; the arrays are cut now and then. */
  #first = 0;
  /** Where the search for the next new byte found its chunk. */
  #hint = 0;
  readonly #slab = new ChunkSlab();
  /** First offset that is not acknowledged, first that was never sent, end of what was written. */
  #base = 0;
  #next = 0;
  #end = 0;
  readonly #acked = new RangeSet();
  readonly #lost = new RangeSet();
  #finished = false;
  #finOutstanding = false;
  #finAcked = false;

  /** The range chosen by {@link choose}. */
  offset = 0;
  length = 0;
  fin = false;
  /** The chosen range was sent before. */
  again = false;

  /**
   * @param startBytes what it may always hold
   * @param mostBytes what it may hold for a fast and long path
   * @param budget pays for what it holds beyond `startBytes`
   */
  constructor(startBytes: number, mostBytes: number, budget: BufferBudget) {
    this.#startBytes = Math.min(startBytes, mostBytes);
    this.#mostBytes = mostBytes;
    this.#budget = budget;
    this.#capacityBytes = this.#startBytes;
  }

  /** The congestion window: twice that much is held, so that a window can be on its way and the next one at hand. */
  fit(windowBytes: number): void {
    this.#capacityBytes = Math.max(this.#startBytes, Math.min(this.#mostBytes, Math.floor(2 * windowBytes)));
  }

  /** Bytes that {@link write} would take now. */
  get room(): number {
    if (this.#finished) return 0;
    const held = this.heldBytes;
    const affordable = Math.max(0, this.#startBytes - held) + this.#budget.freeBytes;
    return Math.max(0, Math.min(this.#capacityBytes - held, affordable));
  }

  /** So much is free again that it is worth telling: a quarter of what it can hold now. */
  get hasMuchRoom(): boolean {
    const { room } = this;
    return room * 4 >= room + this.heldBytes;
  }

  /** Bytes written and not acknowledged. */
  get heldBytes(): number {
    return this.#end - this.#base;
  }

  /** First offset that was never sent. */
  get nextOffset(): number {
    return this.#next;
  }

  get endOffset(): number {
    return this.#end;
  }

  /** {@link finish} was called. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Everything that was written and the end of it are acknowledged. */
  get complete(): boolean {
    return this.#finAcked && this.#base === this.#end;
  }

  /** There are bytes, or an end, that never went out. */
  get hasNew(): boolean {
    return this.#next < this.#end || (this.#finished && !this.#finOutstanding && !this.#finAcked);
  }

  /** All bytes went out at least once, and there will be no more. */
  get allSent(): boolean {
    return this.#finished && this.#next === this.#end;
  }

  /** Something reported lost waits to go out again. */
  get hasLost(): boolean {
    return this.#lost.count > 0;
  }

  /** Takes as much of `bytes` as there is room for and returns how much that was. */
  write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    if (taken === 0) return 0;
    const part = taken === bytes.length ? bytes : bytes.subarray(0, taken);
    if (this.#slab.append(this.#chunks, part)) this.#starts.push(this.#end);
    this.#end += taken;
    this.#settleBudget();
    return taken;
  }

  /** No more will be written; the end goes out with the last bytes. */
  finish(): void {
    this.#finished = true;
  }

  /**
   * Chooses what to send next: lost parts first, then new bytes below `limit`.
   * @param maxBytes room in the packet, 1 at least
   * @param limit credit of the peer, as a stream offset
   * @returns false when there is nothing to send
   */
  choose(maxBytes: number, limit: number): boolean {
    if (this.#lost.count > 0) {
      for (const [start, end] of this.#lost.ranges()) {
        this.#set(start, Math.min(end - start, maxBytes), true);
        return true;
      }
    }
    const sendable = Math.min(this.#end, limit) - this.#next;
    if (sendable > 0) {
      this.#set(this.#next, Math.min(sendable, maxBytes), false);
      return true;
    }
    if (this.#finished && !this.#finOutstanding && !this.#finAcked && this.#next === this.#end) {
      this.#set(this.#end, 0, false);
      return true;
    }
    return false;
  }

  /** The chosen range is on its way: appends its bytes to `pieces`, by reference. */
  take(pieces: Uint8Array[]): void {
    const end = this.offset + this.length;
    if (this.again) this.#lost.remove(this.offset, end);
    if (end > this.#next) this.#next = end;
    if (this.fin) this.#finOutstanding = true;
    let left = this.length;
    if (left === 0) return;
    let index = this.#chunkAt(this.offset);
    let skip = this.offset - this.#starts[index]!;
    while (left > 0) {
      const chunk = this.#chunks[index]!;
      const size = Math.min(chunk.length - skip, left);
      pieces.push(size === chunk.length ? chunk : chunk.subarray(skip, skip + size));
      left -= size;
      skip = 0;
      index++;
    }
    if (!this.again) this.#hint = index - 1;
  }

  /** `length` bytes from `offset` on have arrived; with `fin` the end too. */
  acknowledge(offset: number, length: number, fin: boolean): void {
    if (fin) {
      this.#finAcked = true;
      this.#finOutstanding = true;
    }
    const end = offset + length;
    if (length === 0 || end <= this.#base) return;
    if (this.#lost.count > 0) this.#lost.remove(offset, end);
    if (offset > this.#base) {
      this.#acked.add(offset, end);
      return;
    }
    this.#base = end;
    if (this.#acked.count > 0) this.#absorb();
    this.#settleBudget();
    this.#release();
  }

  /** A packet with this range was lost: what is not acknowledged by now goes out again. */
  lose(offset: number, length: number, fin: boolean): void {
    if (fin && !this.#finAcked) this.#finOutstanding = false;
    const start = Math.max(offset, this.#base);
    const end = offset + length;
    if (start >= end) return;
    if (this.#acked.count === 0) {
      this.#lost.add(start, end);
      return;
    }
    for (const [from, to] of this.#acked.missing(start, end)) this.#lost.add(from, to);
  }

  /** Drops everything; the stream was given up. */
  clear(): void {
    this.#chunks = [];
    this.#starts = [];
    this.#first = 0;
    this.#hint = 0;
    this.#slab.release();
    this.#acked.clear();
    this.#lost.clear();
    this.#base = this.#next = this.#end;
    this.#settleBudget();
    this.#finished = true;
    this.#finOutstanding = true;
  }

  #settleBudget(): void {
    const owedBytes = Math.max(0, this.heldBytes - this.#startBytes);
    if (owedBytes === this.#takenBytes) return;
    this.#budget.take(owedBytes - this.#takenBytes);
    this.#takenBytes = owedBytes;
  }

  #set(offset: number, length: number, again: boolean): void {
    this.offset = offset;
    this.length = length;
    this.again = again;
    this.fin = this.#finished && !this.#finAcked && offset + length === this.#end;
  }

  #chunkAt(offset: number): number {
    const starts = this.#starts;
    for (let i = Math.max(this.#hint, this.#first); i < starts.length && i < this.#hint + 2; i++) {
      if (starts[i]! <= offset && offset < starts[i]! + this.#chunks[i]!.length) return i;
    }
    let low = this.#first;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Acknowledged islands that the base has reached. */
  #absorb(): void {
    let reached = this.#base;
    for (const [start, end] of this.#acked.ranges()) {
      if (start > reached) break;
      reached = Math.max(reached, end);
    }
    this.#base = reached;
    this.#acked.remove(0, reached);
  }

  #release(): void {
    const chunks = this.#chunks;
    while (this.#first < chunks.length && this.#starts[this.#first]! + chunks[this.#first]!.length <= this.#base) {
      chunks[this.#first] = EMPTY;
      this.#first++;
    }
    if (this.#first === chunks.length) {
      this.#slab.release();
      chunks.length = this.#starts.length = this.#first = this.#hint = 0;
      return;
    }
    if (this.#first < 256 || this.#first * 2 < chunks.length) return;
    chunks.splice(0, this.#first);
    this.#starts.splice(0, this.#first);
    this.#hint = Math.max(0, this.#hint - this.#first);
    this.#first = 0;
  }
}

const EMPTY = new Uint8Array(0);
