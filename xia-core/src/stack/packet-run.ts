import { readU16BE } from '../bytes/index.js';
import { XIP_NODE_BYTES } from '../dag/index.js';
import { NextHeader, XIP_HEADER_BYTES, type XipView } from '../wire/index.js';

/** The first fields of a chunk's header, which say how many bytes the length field leaves out. */
const CHUNK_START_BYTES = 5;

/**
 * How many bytes from `at` on are packets whose headers equal that of the first one, so that whatever is decided about it holds for
 * all. Only the last one may be shorter, with a length field that says so. Each of them is one that `XipView.reset` finds good.
 * @param view of the first packet, which lies at `at` and is as long as the others; not yet written to
 */
export function alikeBytes(view: XipView, bytes: Uint8Array, at: number): number {
  const segmentBytes = view.bytes.length;
  const { headerBytes, payloadBytes } = view;
  // Padding belongs to nobody, so nothing is told by what follows it.
  if (view.packetBytes !== segmentBytes) return segmentBytes;
  const uncounted = payloadBytes - view.payloadLength;
  const hasChunk = view.nextHeader === NextHeader.CHUNK && payloadBytes >= CHUNK_START_BYTES;
  const comparedBytes = hasChunk ? headerBytes + CHUNK_START_BYTES : headerBytes;
  let end = at + segmentBytes;
  while (end < bytes.length) {
    const length = Math.min(segmentBytes, bytes.length - end);
    if (length < comparedBytes || readU16BE(bytes, end + 2) !== length - headerBytes - uncounted) break;
    if (!equalStarts(bytes, at, end, comparedBytes)) break;
    end += length;
  }
  return end - at;
}

/** Whether two packets begin with the same bytes, whatever their length fields say. */
function equalStarts(bytes: Uint8Array, one: number, other: number, length: number): boolean {
  if (bytes[one] !== bytes[other] || bytes[one + 1] !== bytes[other + 1]) return false;
  // From the end: what tells flows apart is in the last nodes.
  for (let index = length - 1; index >= 4; index--) if (bytes[one + index] !== bytes[other + index]) return false;
  return true;
}

/** Writes to the packets behind the first one what forwarding wrote to that: hop limit, node reached, visited marks. */
export function spreadMarks(view: XipView, bytes: Uint8Array, at: number, end: number): void {
  const segmentBytes = view.bytes.length;
  const marksEnd = at + XIP_HEADER_BYTES + XIP_NODE_BYTES * view.destinationCount;
  for (let next = at + segmentBytes; next < end; next += segmentBytes) bytes.copyWithin(next + 4, at + 4, marksEnd);
}
