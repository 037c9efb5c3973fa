import { parseChunk, type ChunkResponse } from '../wire/index.js';

/**
 * Moves the data of segments that continue each other in their chunk together, over the headers between, so that they can be taken
 * in as one.
 * @param at where the first of these packets begins; each is `segmentBytes` long, the last one of the run shorter or equal
 * @param headerBytes before the header of the content, the same in all
 * @param first what the first segment says of itself
 * @returns bytes of data that lie in one piece now, from `first.dataOffset` on
 */
export function joinSegments(
  run: Uint8Array,
  at: number,
  segmentBytes: number,
  headerBytes: number,
  first: ChunkResponse & { readonly dataOffset: number },
): number {
  const headBytes = first.dataOffset - at;
  let joined = first.length;
  for (let next = at + segmentBytes; next + headBytes < run.length; next += segmentBytes) {
    const end = Math.min(next + segmentBytes, run.length);
    const segment = parseChunk(run, next + headerBytes, end);
    const isNext =
      segment.opcode === 'response' &&
      segment.dataOffset === next + headBytes &&
      segment.offset === first.offset + joined &&
      segment.chunkLength === first.chunkLength &&
      segment.ttlSeconds === first.ttlSeconds;
    if (!isNext) break;
    run.copyWithin(first.dataOffset + joined, segment.dataOffset, end);
    joined += segment.length;
  }
  return joined;
}
