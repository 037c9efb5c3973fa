import { writeU16BE } from '../bytes/index.js';
import { CHUNK_RESPONSE_BYTES, MAX_RUN_BYTES, MAX_RUN_SEGMENTS, setChunkResponseRange } from '../wire/index.js';
import type { StoredChunk } from './chunk-source.js';

/** How many packets of a size can leave together. */
export function runSegments(packetBytes: number): number {
  return Math.min(MAX_RUN_SEGMENTS, Math.floor(MAX_RUN_BYTES / packetBytes));
}

/**
 * The headers of a segment that is a packet of its own; its data follows them elsewhere.
 * @param head as in {@link responseRun}
 */
export function responseHead(head: Uint8Array, start: number, end: number): Uint8Array {
  const own = head.slice();
  setRange(own, 0, head.length, start, end - start);
  return own;
}

/**
 * Writes segments of a chunk one after the other, each a whole packet, as they leave together. Their headers differ in a few bytes,
 * so the first one is copied.
 * @param head everything before the data, with any range and payload length
 * @param segmentBytes of the chunk in each of them; the last one may have less
 * @returns the packets, in memory of their own
 */
export function responseRun(head: Uint8Array, chunk: StoredChunk, start: number, end: number, segmentBytes: number): Uint8Array {
  const headBytes = head.length;
  const run = new Uint8Array(end - start + headBytes * Math.ceil((end - start) / segmentBytes));
  let at = 0;
  for (let offset = start; offset < end; offset += segmentBytes) {
    const length = Math.min(segmentBytes, end - offset);
    run.set(head, at);
    setRange(run, at, headBytes, offset, length);
    run.set(chunk.bytes.subarray(offset, offset + length), at + headBytes);
    at += headBytes + length;
  }
  return run;
}

/** Says in a packet at `at` which bytes of the chunk it carries. */
function setRange(packet: Uint8Array, at: number, headBytes: number, offset: number, length: number): void {
  writeU16BE(packet, at + 2, length);
  setChunkResponseRange(packet, at + headBytes - CHUNK_RESPONSE_BYTES, offset, length);
}
