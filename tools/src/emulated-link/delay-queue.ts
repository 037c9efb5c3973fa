/** Packets by the time at which they are due; those of one time leave in the order in which they came. */
export class DelayQueue {
  /** A binary heap of slots: its root is due first. */
  readonly #heap: number[] = [];
  readonly #freeSlots: number[] = [];
  readonly #dueMs: number[] = [];
  readonly #order: number[] = [];
  readonly #packets: (Uint8Array | undefined)[] = [];
  #pushed = 0;

  get length(): number {
    return this.#heap.length;
  }

  /** When the first packet is due; `Infinity` when there is none. */
  get nextMs(): number {
    const root = this.#heap[0];
    return root === undefined ? Infinity : this.#dueMs[root]!;
  }

  push(packet: Uint8Array, dueMs: number): void {
    const slot = this.#freeSlots.pop() ?? this.#packets.length;
    this.#packets[slot] = packet;
    this.#dueMs[slot] = dueMs;
    this.#order[slot] = this.#pushed++;
    this.#siftUp(this.#heap.push(slot) - 1, slot);
  }

  /** Takes the first packet out; undefined when there is none. */
  pop(): Uint8Array | undefined {
    const root = this.#heap[0];
    if (root === undefined) return undefined;
    const packet = this.#packets[root];
    this.#packets[root] = undefined;
    this.#freeSlots.push(root);
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#siftDown(last);
    return packet;
  }

  #isBefore(one: number, other: number): boolean {
    const difference = this.#dueMs[one]! - this.#dueMs[other]!;
    return difference < 0 || (difference === 0 && this.#order[one]! < this.#order[other]!);
  }

  #siftUp(from: number, slot: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(slot, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = slot;
  }

  #siftDown(slot: number): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, slot)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = slot;
  }
}
