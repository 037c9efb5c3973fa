import type { Fences } from '../mobility/index.js';
import { NextHeader, XipView } from '../wire/index.js';
import { PrincipalType, SID_BOOTSTRAP } from '../xid/index.js';

const view = new XipView();

/**
 * Whether a packet, or a run of them, comes from a guest that was given away. A message of mobility by itself is let in: bindings are
 * refused where they are understood, so that somebody hears of them.
 * @param segmentBytes the length of the first packet of a run
 */
export function isFenced(fences: Fences, face: number, neighbour: number, bytes: Uint8Array, segmentBytes = bytes.length): boolean {
  if (fences.isEmpty || !fences.blocks(face, neighbour)) return false;
  return segmentBytes < bytes.length || !isForBootstrap(bytes);
}

function isForBootstrap(packet: Uint8Array): boolean {
  if (view.reset(packet) !== undefined || view.nextHeader !== NextHeader.TRANSPORT) return false;
  const sink = view.destinationCount - 1;
  if (view.nodeType(sink) !== PrincipalType.SID) return false;
  const offset = view.nodeIdOffset(sink);
  return SID_BOOTSTRAP.id.every((byte, index) => view.bytes[offset + index] === byte);
}
