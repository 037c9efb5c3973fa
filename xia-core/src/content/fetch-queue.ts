import type { ChunkFetch, ChunkPath } from './chunk-fetch.js';

/**
 * Whose turn it is to be asked for on one path: lost ranges first, since a chunk is worth nothing before its last byte, then
 * new ranges, chunk after chunk in the order they came. Chunks of which this path is silent wait aside, so that an
 * unreachable host does not hold up the others; they are not asked for here at all while another source answers.
 */
export class FetchQueue {
  readonly #path: ChunkPath;
  readonly #repair = new Set<ChunkFetch>();
  readonly #fresh = new Set<ChunkFetch>();
  readonly #silent = new Set<ChunkFetch>();

  constructor(path: ChunkPath) {
    this.#path = path;
  }

  /** Chunks that may be asked for, about. */
  get size(): number {
    return Math.max(this.#repair.size, this.#fresh.size);
  }

  /** Puts a chunk wherever it has something to ask for; it may be there already. */
  add(chunk: ChunkFetch): void {
    if (chunk.over || (chunk.lost.count === 0 && !chunk.hasFresh)) return;
    const source = chunk.sourceOn(this.#path);
    if (source === undefined || source.excluded) return;
    if (source.silent) {
      if (!chunk.hasOtherThan(source)) this.#silent.add(chunk);
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
   * @param accepts passes over a chunk for now when it says no
   */
  next(outage: boolean, accepts: (chunk: ChunkFetch) => boolean): ChunkFetch | undefined {
    if (outage) return this.#first(this.#fresh, freshable, accepts) ?? this.#first(this.#repair, repairable, accepts);
    return this.#first(this.#repair, repairable, accepts) ?? this.#first(this.#fresh, freshable, accepts);
  }

  /** Takes the next silent chunk out, to be asked for one small range. */
  takeSilent(): ChunkFetch | undefined {
    for (const chunk of this.#silent) {
      this.#silent.delete(chunk);
      if (!chunk.over && this.#isSilent(chunk)) return chunk;
      this.add(chunk);
    }
    return undefined;
  }

  #first(set: Set<ChunkFetch>, wanted: (chunk: ChunkFetch) => boolean, accepts: (chunk: ChunkFetch) => boolean): ChunkFetch | undefined {
    for (const chunk of set) {
      if (!wanted(chunk) || this.#isSilent(chunk)) {
        set.delete(chunk);
        this.add(chunk);
      } else if (accepts(chunk)) return chunk;
    }
    return undefined;
  }

  /** Whether nothing is to be asked for here but by probes, or nothing at all. */
  #isSilent(chunk: ChunkFetch): boolean {
    const source = chunk.sourceOn(this.#path);
    return source === undefined || source.excluded || source.silent;
  }
}

function repairable(chunk: ChunkFetch): boolean {
  return !chunk.over && chunk.lost.count > 0;
}

function freshable(chunk: ChunkFetch): boolean {
  return !chunk.over && chunk.hasFresh;
}
