import { EntryList, NONE } from './entry-list.js';
import type { EvictionPolicy } from './eviction-policy.js';
import { GhostList } from './ghost-list.js';

/** The small queue gets this part of the bytes: enough to see whether something is used again before it goes. */
const SMALL_PART = 0.1;
/** Uses that count at most: so often an entry may go round the main queue without another one. */
const MOST_USES = 3;
/** Identifiers that are remembered at least, where only a few large entries fit. */
const LEAST_GHOSTS = 16;

/**
 * S3-FIFO (Yang and others, SOSP 2023): a scan does not push out what is used again. What is new waits in a small queue and
 * goes from there unless it is used; what was used moves to the main queue, and so does what comes back soon after it went.
 * The queues share bytes, not entries, since chunks differ in size.
 */
export class S3FifoPolicy implements EvictionPolicy {
  readonly #small = new EntryList();
  readonly #main = new EntryList();
  readonly #ghosts = new GhostList();
  /** By entry. */
  readonly #ids: Uint8Array[] = [];
  readonly #bytes: number[] = [];
  readonly #uses: number[] = [];
  readonly #inMain: boolean[] = [];
  #smallBytes = 0;
  #mainBytes = 0;
  #entries = 0;
  /** The entry that the last `victim` found in the small queue: only what is evicted is remembered, not what expires. */
  #offered = NONE;

  inserted(entry: number, id: Uint8Array, bytes: number): void {
    this.#entries++;
    this.#ids[entry] = id;
    this.#bytes[entry] = bytes;
    this.#uses[entry] = 0;
    this.#offered = NONE;
    if (this.#ghosts.take(id)) this.#appendToMain(entry);
    else {
      this.#inMain[entry] = false;
      this.#small.append(entry);
      this.#smallBytes += bytes;
    }
  }

  used(entry: number): void {
    this.#uses[entry] = Math.min(MOST_USES, this.#uses[entry]! + 1);
  }

  removed(entry: number): void {
    this.#entries--;
    if (this.#inMain[entry]!) {
      this.#main.take(entry);
      this.#mainBytes -= this.#bytes[entry]!;
    } else {
      this.#takeFromSmall(entry);
      if (entry === this.#offered) this.#ghosts.add(this.#ids[entry]!, Math.max(LEAST_GHOSTS, this.#entries));
    }
    this.#offered = NONE;
  }

  victim(): number {
    for (;;) {
      const fromSmall = this.#small.head !== NONE && this.#smallBytes >= SMALL_PART * (this.#smallBytes + this.#mainBytes);
      const entry = fromSmall ? this.#small.head : this.#main.head;
      this.#offered = fromSmall ? entry : NONE;
      if (entry === NONE || this.#uses[entry] === 0) return entry;
      if (fromSmall) {
        this.#takeFromSmall(entry);
        this.#uses[entry] = 0;
        this.#appendToMain(entry);
      } else {
        this.#uses[entry] = this.#uses[entry]! - 1;
        this.#main.take(entry);
        this.#main.append(entry);
      }
    }
  }

  #appendToMain(entry: number): void {
    this.#inMain[entry] = true;
    this.#main.append(entry);
    this.#mainBytes += this.#bytes[entry]!;
  }

  #takeFromSmall(entry: number): void {
    this.#small.take(entry);
    this.#smallBytes -= this.#bytes[entry]!;
  }
}
