import { equalBytes } from '../bytes/index.js';
import { Dag } from '../dag/index.js';
import type { StreamPacketView } from '../wire/stream.js';
import { encodeRebind, verifyRebind } from '../wire/stream-rebind.js';
import { PrincipalType, type CryptoSuite, type Identity } from '../xid/index.js';
import type { ConnectionIds } from './connection-ids.js';

/** The REBIND frame that tells the peer of a connection where we are. */
export function stateAddress(ids: ConnectionIds, sequence: number, address: Dag, identity: Identity): Uint8Array {
  const scope = {
    receiverHigh: ids.peerHigh,
    receiverLow: ids.peerLow,
    signerHigh: ids.localHigh,
    signerLow: ids.localLow,
  };
  return encodeRebind(scope, sequence, address.wire, identity);
}

/**
 * The address in the REBIND that `view` stands at, if the key of the host at `known` has signed it for this connection,
 * and it is another way to the same service of the same host.
 */
export function verifiedAddress(view: StreamPacketView, ids: ConnectionIds, known: Dag, crypto: CryptoSuite): Dag | undefined {
  const hid = known.find(PrincipalType.HID);
  if (hid === undefined) return undefined;
  const scope = {
    receiverHigh: ids.localHigh,
    receiverLow: ids.localLow,
    signerHigh: ids.peerHigh,
    signerLow: ids.peerLow,
  };
  const signer = verifyRebind(view, scope, crypto);
  if (signer === undefined || !equalBytes(signer, hid.id)) return undefined;
  const dag = Dag.tryFromWire(view.bytes, view.addressStart, view.nodeCount);
  if (!(dag instanceof Dag) || !dag.intent.equals(known.intent)) return undefined;
  return dag.find(PrincipalType.HID)?.equals(hid) === true ? dag : undefined;
}
