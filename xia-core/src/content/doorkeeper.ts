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

  /** Whether the chunk whose CID is at `offset` of some bytes was noted and not forgotten since. */
  knows(bytes: Uint8Array, offset: number): boolean {
    return this.#seen[placeOf(bytes, offset)] === markOf(bytes, offset);
  }

  /** Notes a chunk. */
  note(bytes: Uint8Array, offset: number): void {
    this.#seen[placeOf(bytes, offset)] = markOf(bytes, offset);
  }
}

function placeOf(bytes: Uint8Array, offset: number): number {
  return readU32BE(bytes, offset) % PLACES;
}

/** Never 0, which is an empty place. */
function markOf(bytes: Uint8Array, offset: number): number {
  return (readU32BE(bytes, offset + 4) | 1) >>> 0;
}
