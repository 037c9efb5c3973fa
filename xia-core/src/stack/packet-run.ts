import { readU16BE } from '../bytes/index.js';
import { MAX_DAG_EDGES, XIP_NODE_BYTES } from '../dag/index.js';
import { isChunkResponseAt, NextHeader, XIP_HEADER_BYTES, type XipView } from '../wire/index.js';

/** The first fields of a chunk's header, which say how many bytes the length field leaves out. */
const CHUNK_START_BYTES = 5;
/** Where the fields that forwarding writes lie in the header, and the edges in a node. */
const HOP_LIMIT_AT = 4;
const LAST_AT = 7;
const EDGES_AT = 24;

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
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = at + segmentBytes;
  while (end < bytes.length) {
    const length = Math.min(segmentBytes, bytes.length - end);
    if (length < comparedBytes || readU16BE(bytes, end + 2) !== length - headerBytes - uncounted) break;
    if (!equalStarts(words, at, end, comparedBytes)) break;
    end += length;
  }
  return end - at;
}

/** Whether a packet carries a part of a chunk. */
export function isAnswer(view: XipView): boolean {
  return view.nextHeader === NextHeader.CHUNK && isChunkResponseAt(view.bytes, view.headerBytes);
}

/** Whether two packets begin with the same bytes, whatever their length fields say. At least the fixed header is compared. */
function equalStarts(words: DataView, one: number, other: number, length: number): boolean {
  if (words.getUint16(one) !== words.getUint16(other)) return false;
  let index = 4;
  for (; index + 4 <= length; index += 4) if (words.getUint32(one + index) !== words.getUint32(other + index)) return false;
  // What is left of a length that is no multiple of 4: compared again with what is before it.
  return index === length || words.getUint32(one + length - 4) === words.getUint32(other + length - 4);
}

/** Writes to the packets behind the first one what forwarding wrote to that: hop limit, node reached, visited marks. */
export function spreadMarks(view: XipView, bytes: Uint8Array, at: number, end: number): void {
  const segmentBytes = view.bytes.length;
  const nodesEnd = XIP_HEADER_BYTES + XIP_NODE_BYTES * view.destinationCount;
  for (let next = at + segmentBytes; next < end; next += segmentBytes) {
    bytes[next + HOP_LIMIT_AT] = bytes[at + HOP_LIMIT_AT]!;
    bytes[next + LAST_AT] = bytes[at + LAST_AT]!;
    for (let edge = XIP_HEADER_BYTES + EDGES_AT; edge < nodesEnd; edge += XIP_NODE_BYTES) {
      for (let slot = edge; slot < edge + MAX_DAG_EDGES; slot++) bytes[next + slot] = bytes[at + slot]!;
    }
  }
}

/** Writes the destination of the first packet of a run, which is that of the view, to those behind it, which had the same one. */
export function spreadDestination(view: XipView, run: Uint8Array): void {
  const end = XIP_HEADER_BYTES + view.destinationCount * XIP_NODE_BYTES;
  const packetBytes = view.bytes.length;
  for (let at = packetBytes; at < run.length; at += packetBytes) run.copyWithin(at + XIP_HEADER_BYTES, XIP_HEADER_BYTES, end);
}
