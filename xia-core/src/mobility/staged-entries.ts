import type { Gauge } from '../bytes/index.js';
import type { BindingEntry } from './binding-entry.js';
import { sameHop, type Hop } from './links.js';

const MAX_BY_NEIGHBOUR = 64;

/** The entries of a table whose HIDs are said to be coming: few of them, and fewer by one neighbour. */
export class StagedEntries {
  readonly #entries = new Set<BindingEntry>();
  readonly #bound: number;
  #highWater = 0;
  #refused = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** Whether an entry may be staged by way of `hop`. What is staged there already may. */
  hasRoom(entry: BindingEntry | undefined, hop: Hop | undefined): boolean {
    if (entry?.staged !== undefined && sameHop(entry.staged.hop, hop)) return true;
    if (entry?.staged === undefined && this.#entries.size >= this.#bound) return this.refuse();
    let byNeighbour = 0;
    for (const { staged } of this.#entries) if (sameHop(staged?.hop, hop)) byNeighbour++;
    return byNeighbour < MAX_BY_NEIGHBOUR || this.refuse();
  }

  refuse(): false {
    this.#refused++;
    return false;
  }

  add(entry: BindingEntry): void {
    this.#entries.add(entry);
    this.#highWater = Math.max(this.#highWater, this.#entries.size);
  }

  delete(entry: BindingEntry): void {
    this.#entries.delete(entry);
  }

  gauge(): Gauge {
    const [used, highWater, bound, refused] = [this.#entries.size, this.#highWater, this.#bound, this.#refused];
    return { name: 'staged bindings', unit: 'entries', used, highWater, bound, refused };
  }
}
