/** Events in the order of their time, and of their making where the time is equal. */
export class EventQueue {
  readonly #heap: Array<{ readonly at: number; readonly order: number; readonly run: (now: number) => void }> = [];
  #order = 0;
  now = 0;

  at(at: number, run: (now: number) => void): void {
    const heap = this.#heap;
    heap.push({ at: Math.max(at, this.now), order: this.#order++, run });
    let index = heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  /** Time of the next event, `Infinity` when there is none. */
  next(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  /** Runs the next event. */
  step(): void {
    const heap = this.#heap;
    const event = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      this.#sink();
    }
    this.now = event.at;
    event.run(this.now);
  }

  #sink(): void {
    const { length } = this.#heap;
    for (let index = 0; ;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) if (child < length && this.#before(child, least)) least = child;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a]!, this.#heap[b]!];
    return first.at === second.at ? first.order < second.order : first.at < second.at;
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
