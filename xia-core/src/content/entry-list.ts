/** No entry. */
export const NONE = -1;

/** Entries in a doubly linked list over two arrays, the first to go at the head. */
export class EntryList {
  readonly #next: number[] = [];
  readonly #previous: number[] = [];
  #tail = NONE;
  head: number = NONE;

  append(entry: number): void {
    this.#next[entry] = NONE;
    this.#previous[entry] = this.#tail;
    if (this.#tail === NONE) this.head = entry;
    else this.#next[this.#tail] = entry;
    this.#tail = entry;
  }

  /** Moves an entry to where `append` puts it. */
  moveToTail(entry: number): void {
    if (entry === this.#tail) return;
    this.take(entry);
    this.append(entry);
  }

  take(entry: number): void {
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    if (previous === NONE) this.head = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#tail = previous;
    else this.#previous[next] = previous;
  }
}
