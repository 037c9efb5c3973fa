import { NextHeader, XipView } from '../wire/index.js';
import { PrincipalType, SID_BOOTSTRAP } from '../xid/index.js';

const view = new XipView();

/** Whether a packet is a message of mobility: a datagram to SID_BOOTSTRAP on this link and on no other. */
export function isForBootstrap(packet: Uint8Array): boolean {
  if (view.reset(packet) !== undefined || view.nextHeader !== NextHeader.TRANSPORT) return false;
  const sink = view.destinationCount - 1;
  if (view.nodeType(sink) !== PrincipalType.SID) return false;
  const offset = view.nodeIdOffset(sink);
  return SID_BOOTSTRAP.id.every((byte, index) => view.bytes[offset + index] === byte);
}
