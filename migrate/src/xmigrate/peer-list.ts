import { Xid, XiaError } from 'xia-core';
import type { ControlStream } from './transfer-ports.js';

/** Whether the holder of an identity is on a list; without a list, anybody is. */
export function isAllowed(list: readonly Xid[] | undefined, peer: Xid | undefined): boolean {
  return list === undefined || list.some((hid) => peer !== undefined && hid.equals(peer));
}

/**
 * The list that counts: the parent's, where there is one, or that of the command line.
 * @throws XiaError `bad-xid`
 */
export function allowedPeers(own: readonly Xid[] | undefined, parents: readonly string[] | undefined): readonly Xid[] | undefined {
  return parents === undefined ? own : parents.map((text) => Xid.parse(text));
}

/**
 * Hands the stream through if whoever answers on it may have the VM, and its key with it.
 * @throws XiaError `refused`
 */
export function checkedPeer<Stream extends ControlStream>(stream: Stream, list: readonly Xid[] | undefined): Stream {
  if (isAllowed(list, stream.peerHid)) return stream;
  const hid = stream.peerHid?.toString() ?? 'nobody known';
  stream.destroy();
  throw new XiaError('refused', `${hid} answers, which is not on the list of destinations`, { hid });
}
