import type { ChunkFetch, Flight } from './chunk-fetch.js';

/** So many repairs may come from the source before a near cache is believed to be gone. */
const MAX_SCORE = 8;
/** Repairs of one chunk in a row that it may not answer before it is believed to have lost that. */
const MAX_MISSES = 3;
/** To ask once too often costs next to nothing there. */
const MARGIN_MS = 4;

/** A cache on a path that answers what is asked for again: how far it is, and how sure that there is one. */
export class NearCache {
  /** The round trip to it. */
  #rttMs = 0;
  #score = 0;

  /** There is one, and it has all of a chunk that has come by it. */
  get isThere(): boolean {
    return this.#score > 0;
  }

  /** When it should have answered, ms after it was asked. */
  get hopeMs(): number {
    return 2 * this.#rttMs + MARGIN_MS;
  }

  /** Whether it is likely to answer what was lost of a chunk. What never began to come has not passed it either. */
  mayRepair({ chunk, source, probe }: Flight): boolean {
    return !probe && source.heard && this.isThere && (chunk.nearness === 'near' || chunk.nearness === 'unknown');
  }

  /** It answered. */
  answered(chunk: ChunkFetch, elapsedMs: number): void {
    chunk.nearness = 'near';
    chunk.nearMisses = 0;
    this.#rttMs = this.#score === 0 ? elapsedMs : Math.max(elapsedMs, (7 * this.#rttMs + elapsedMs) / 8);
    this.#score = Math.min(MAX_SCORE, this.#score + 2);
  }

  /** It did not answer in time. */
  missed(chunk: ChunkFetch): void {
    if (chunk.nearness === 'unknown' || ++chunk.nearMisses > MAX_MISSES) chunk.nearness = 'far';
  }

  /** The source answered what it might have answered: that counts once for each chunk. */
  passedOver(chunk: ChunkFetch): void {
    if (!this.isThere || chunk.nearness === 'repaired-far') return;
    chunk.nearness = 'repaired-far';
    this.#score--;
  }

  forget(): void {
    this.#score = 0;
  }
}
