interface Entry<K> {
  key: K;
  atMs: number;
  /** Order of setting, so that equal deadlines fire in the order they were set. */
  turn: number;
  index: number;
}

/** Deadlines by key in a binary heap: setting, moving and cancelling are O(log n). Time is whatever the caller counts. */
export class TimerQueue<K> {
  readonly #heap: Array<Entry<K>> = [];
  readonly #entries = new Map<K, Entry<K>>();
  #turn = 0;

  /** How many deadlines are set. */
  get size(): number {
    return this.#heap.length;
  }

  /** Sets the deadline of `key`, in place of an earlier one. */
  set(key: K, atMs: number): void {
    this.cancel(key);
    const entry: Entry<K> = { key, atMs, turn: this.#turn++, index: this.#heap.length };
    this.#entries.set(key, entry);
    this.#heap.push(entry);
    this.#rise(entry);
  }

  /** Forgets the deadline of `key`, if there is one. */
  cancel(key: K): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#take(entry);
  }

  /** The earliest deadline, `Infinity` when none is set. */
  next(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  /** Removes and returns the key of the earliest deadline that is not after `now`. Call until it returns undefined. */
  popDue(now: number): K | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > now) return undefined;
    this.#take(first);
    return first.key;
  }

  #take(entry: Entry<K>): void {
    this.#entries.delete(entry.key);
    const tail = this.#heap.pop()!;
    if (tail === entry) return;
    this.#heap[entry.index] = tail;
    tail.index = entry.index;
    this.#rise(tail);
    this.#sink(tail);
  }

  #rise(entry: Entry<K>): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1]!;
      if (!before(entry, parent)) return;
      this.#swap(entry, parent);
    }
  }

  #sink(entry: Entry<K>): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1];
      if (left === undefined) return;
      const right = this.#heap[2 * entry.index + 2];
      const child = right !== undefined && before(right, left) ? right : left;
      if (!before(child, entry)) return;
      this.#swap(child, entry);
    }
  }

  #swap(a: Entry<K>, b: Entry<K>): void {
    const index = a.index;
    a.index = b.index;
    b.index = index;
    this.#heap[a.index] = a;
    this.#heap[b.index] = b;
  }
}

function before<K>(a: Entry<K>, b: Entry<K>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.turn < b.turn);
}
