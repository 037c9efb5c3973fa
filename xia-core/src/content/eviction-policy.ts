/**
 * Decides which entry of a full cache goes first. Entries are known by small numbers, which the cache gives out again
 * once an entry was removed. Every operation is O(1).
 */
export interface EvictionPolicy {
  inserted(entry: number): void;
  used(entry: number): void;
  removed(entry: number): void;
  /** The entry to go next, or -1 when there is none. It stays until `removed`. */
  victim(): number;
}

const NONE = -1;

/** Entries in a doubly linked list over two arrays, the first to go at the head. */
class EntryList {
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

  take(entry: number): void {
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    if (previous === NONE) this.head = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#tail = previous;
    else this.#previous[next] = previous;
  }
}

/** First in, first out: use does not matter. */
export class FifoPolicy implements EvictionPolicy {
  protected readonly list = new EntryList();

  inserted(entry: number): void {
    this.list.append(entry);
  }

  used(_entry: number): void {}

  removed(entry: number): void {
    this.list.take(entry);
  }

  victim(): number {
    return this.list.head;
  }
}

/** Least recently used goes first. */
export class LruPolicy extends FifoPolicy {
  override used(entry: number): void {
    this.list.take(entry);
    this.list.append(entry);
  }
}

/** Hands every entry over to another policy, in the order in which they would have gone. O(n). */
export function handOver(from: EvictionPolicy, to: EvictionPolicy): void {
  for (let entry = from.victim(); entry !== NONE; entry = from.victim()) {
    from.removed(entry);
    to.inserted(entry);
  }
}

/** The policies by the name that a configuration gives them. */
export const evictionPolicies = {
  fifo: (): EvictionPolicy => new FifoPolicy(),
  lru: (): EvictionPolicy => new LruPolicy(),
} as const;
export type EvictionPolicyName = keyof typeof evictionPolicies;
