import { equalBytes, RangeSet, toHex, type Gauge } from '../bytes/index.js';
import type { Answerer } from './answerers.js';
import type { ChunkFetch } from './chunk-fetch.js';

/** Liars that are remembered; the oldest goes. */
const MAX_LIARS = 64;

/** Nodes whose bytes made chunks wrong, by what they called themselves, and in how many chunks. */
export class LiarTable {
  readonly #chunks = new Map<string, number>();
  #highWater = 0;
  #evicted = 0;

  /** @param hid 20 bytes, or none when it is not known */
  note(hid: Uint8Array): void {
    if (hid.length === 0) return;
    const name = toHex(hid);
    const chunks = (this.#chunks.get(name) ?? 0) + 1;
    this.#chunks.delete(name);
    this.#chunks.set(name, chunks);
    if (this.#chunks.size > MAX_LIARS) {
      this.#chunks.delete(this.#chunks.keys().next().value!);
      this.#evicted++;
    }
    this.#highWater = Math.max(this.#highWater, this.#chunks.size);
  }

  /** Wrong chunks by the HID, in hex, that they came from. */
  get all(): ReadonlyMap<string, number> {
    return this.#chunks;
  }

  gauge(): Gauge {
    const used = this.#chunks.size;
    return { name: 'lying responders', unit: 'entries', used, highWater: this.#highWater, bound: MAX_LIARS, refused: this.#evicted };
  }
}

/** Of those who may have made a chunk wrong, who is left now that it is right. */
export function leftOfSuspects({ suspects, answerers }: ChunkFetch): readonly Uint8Array[] {
  return suspects.filter((hid) => !answerers.list.some((answerer) => equalBytes(answerer.hid, hid)));
}

/** Whether an answer came from a host that the chunk was to be asked of, and not from a cache. */
function isSource(chunk: ChunkFetch, { hid }: Answerer): boolean {
  return hid.length > 0 && chunk.sources.some((source) => source.isHost(hid));
}

/**
 * A whole chunk is wrong: decides what of it to keep and whom to ask for the rest. First what caches gave goes, and is asked of the
 * sources themselves; if that was not it, everything goes and each source is asked alone in turn, since whoever lies can call
 * itself what it likes.
 * @returns whether something is kept
 */
export function reconsider(chunk: ChunkFetch): boolean {
  const { sources, answerers } = chunk;
  const caches = answerers.list.filter((answerer) => !isSource(chunk, answerer));
  const isFirst = chunk.wrongContents === 1;
  chunk.pastCaches = true;
  if (isFirst && answerers.list.length > 1) chunk.suspects = (caches.length > 0 ? caches : answerers.list).map(({ hid }) => hid);
  if (isFirst && caches.length > 0) {
    if (caches.length === answerers.list.length) return false;
    const dropped = new RangeSet();
    for (const cache of caches) {
      for (const [start, end] of cache.ranges.ranges()) dropped.add(start, end);
      answerers.remove(cache);
    }
    chunk.distrust(dropped);
    return true;
  }
  if (sources.length > 1) {
    const turn = chunk.soloTurns++ % sources.length;
    for (const [i, source] of sources.entries()) source.excluded = i !== turn;
  }
  return false;
}
