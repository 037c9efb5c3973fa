/** What a request asks for; a length of 0 is everything from the offset on. */
export interface RequestedBytes {
  readonly offset: number;
  readonly length: number;
}

/** Bytes `[start, end)` of a chunk. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The bytes that a request means, within the chunk: a length of 0 asks for everything from the offset on, so that
 * offset 0 and length 0, all that the C++ prototype ever sends, is the whole chunk. Undefined when nothing of it exists.
 * @param maxBytes the most that one request is given
 */
export function requestedRange(offset: number, length: number, chunkLength: number, maxBytes: number): ByteRange | undefined {
  if (offset > chunkLength || (offset === chunkLength && chunkLength > 0)) return undefined;
  const asked = length === 0 ? chunkLength - offset : length;
  return { start: offset, end: Math.min(chunkLength, offset + Math.min(asked, maxBytes)) };
}
