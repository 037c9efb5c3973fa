import { readU32BE } from '../bytes/index.js';

/**
 * When a chunk that comes by is kept:
 * - `always`: at once, so that the second request for it finds it here
 * - `second-request`: when it comes by for the second time, so that what is asked for only once costs nothing
 */
export const admissions = ['always', 'second-request'] as const;
export type Admission = (typeof admissions)[number];

/** A power of two: 256 KiB, for some ten thousand chunks between the first and the second time. */
const PLACES = 65_536;

/**
 * Knows which chunks have come by before, in memory of a fixed size. Each identifier has one place, where the latest is kept by 32
 * of its bits. A chunk that is forgotten, as another one took its place, counts as new once more; one that is mistaken
 * for another is kept a request too early. Neither does harm.
 */
export class Doorkeeper {
  readonly #seen = new Uint32Array(PLACES);

  /** Whether a chunk was noted and not forgotten since. */
  knows(id: Uint8Array): boolean {
    return this.#seen[placeOf(id)] === mark(id);
  }

  /** Notes a chunk. */
  note(id: Uint8Array): void {
    this.#seen[placeOf(id)] = mark(id);
  }
}

function placeOf(id: Uint8Array): number {
  return readU32BE(id, 0) % PLACES;
}

/** Never 0, which is an empty place. */
function mark(id: Uint8Array): number {
  return (readU32BE(id, 4) | 1) >>> 0;
}
