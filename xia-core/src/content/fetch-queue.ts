import type { ChunkFetch } from './chunk-fetch.js';

/**
 * Whose turn it is to be asked for: lost ranges first, since a chunk is worth nothing before its last byte, then new
 * ranges, chunk after chunk in the order they came. Silent chunks wait aside, so that an unreachable host does not hold
 * up the others.
 */
export class FetchQueue {
  readonly #repair = new Set<ChunkFetch>();
  readonly #fresh = new Set<ChunkFetch>();
  readonly #silent = new Set<ChunkFetch>();

  /** Puts a chunk wherever it has something to ask for; it may be there already. */
  add(chunk: ChunkFetch): void {
    if (chunk.over || (chunk.lost.count === 0 && !chunk.hasFresh)) return;
    if (chunk.silent) {
      this.#silent.add(chunk);
      return;
    }
    this.#silent.delete(chunk);
    if (chunk.lost.count > 0) this.#repair.add(chunk);
    if (chunk.hasFresh) this.#fresh.add(chunk);
  }

  remove(chunk: ChunkFetch): void {
    this.#repair.delete(chunk);
    this.#fresh.delete(chunk);
    this.#silent.delete(chunk);
  }

  /**
   * The chunk to ask for a range of; it stays in the queue until it has none left.
   * @param outage nothing at all comes back: then those that were not tried yet go first, for they may be elsewhere
   */
  next(outage: boolean): ChunkFetch | undefined {
    if (outage) return this.#first(this.#fresh, freshable) ?? this.#first(this.#repair, repairable);
    return this.#first(this.#repair, repairable) ?? this.#first(this.#fresh, freshable);
  }

  /** Takes the next silent chunk out, to be asked for one small range. */
  takeSilent(): ChunkFetch | undefined {
    for (const chunk of this.#silent) {
      this.#silent.delete(chunk);
      if (chunk.silent && !chunk.over) return chunk;
      this.add(chunk);
    }
    return undefined;
  }

  #first(set: Set<ChunkFetch>, wanted: (chunk: ChunkFetch) => boolean): ChunkFetch | undefined {
    for (const chunk of set) {
      if (wanted(chunk) && !chunk.silent) return chunk;
      set.delete(chunk);
      if (chunk.silent) this.add(chunk);
    }
    return undefined;
  }
}

function repairable(chunk: ChunkFetch): boolean {
  return !chunk.over && chunk.lost.count > 0;
}

function freshable(chunk: ChunkFetch): boolean {
  return !chunk.over && chunk.hasFresh;
}
