import { writeU16BE } from '../bytes/index.js';
import { CHUNK_RESPONSE_BYTES, encodeChunkResponseHeader, MAX_RUN_BYTES, MAX_RUN_SEGMENTS, setChunkResponseRange } from '../wire/index.js';
import type { StoredChunk } from './chunk-source.js';

/** How many packets of a size can leave together. */
export function runSegments(packetBytes: number): number {
  return Math.min(MAX_RUN_SEGMENTS, Math.floor(MAX_RUN_BYTES / packetBytes));
}

/** The headers of a segment that is a packet of its own; its data follows them elsewhere. @param header as in {@link responseRun} */
export function responseHead(header: Uint8Array, chunk: StoredChunk, start: number, end: number, ttlSeconds: number): Uint8Array {
  const head = new Uint8Array(header.length + CHUNK_RESPONSE_BYTES);
  head.set(header);
  writeU16BE(head, 2, end - start);
  const fields = { offset: start, length: end - start, chunkLength: chunk.bytes.length, ttlSeconds };
  encodeChunkResponseHeader(head, header.length, fields);
  return head;
}

/**
 * Writes segments of a chunk one after the other, each a whole packet, as they leave together. Their headers differ in a few bytes,
 * so the first one is copied.
 * @param header everything before the content header, with any payload length
 * @param segmentBytes of the chunk in each of them; the last one may have less
 * @returns the packets, in memory of their own
 */
export function responseRun(
  header: Uint8Array,
  chunk: StoredChunk,
  start: number,
  end: number,
  segmentBytes: number,
  ttlSeconds: number,
): Uint8Array {
  const headBytes = header.length + CHUNK_RESPONSE_BYTES;
  const run = new Uint8Array(end - start + headBytes * Math.ceil((end - start) / segmentBytes));
  run.set(header);
  encodeChunkResponseHeader(run, header.length, { offset: start, length: segmentBytes, chunkLength: chunk.bytes.length, ttlSeconds });
  let at = 0;
  for (let offset = start; offset < end; offset += segmentBytes) {
    const length = Math.min(segmentBytes, end - offset);
    if (at > 0) run.copyWithin(at, 0, headBytes);
    writeU16BE(run, at + 2, length);
    setChunkResponseRange(run, at + header.length, offset, length);
    run.set(chunk.bytes.subarray(offset, offset + length), at + headBytes);
    at += headBytes + length;
  }
  return run;
}
