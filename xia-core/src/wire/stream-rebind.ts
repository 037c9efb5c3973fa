import { writeU32BE, writeU48BE } from '../bytes/index.js';
import type { CryptoSuite, Identity } from '../xid/index.js';
import { STREAM_REBIND_FRAME_BYTES, StreamFrame, type StreamPacketView } from './stream.js';

const TAG = new TextEncoder().encode('xia:rebind:v1\0');
const NODE_BYTES = 28;

/** The connection that a REBIND speaks for, as its signer sees it. Both ids are signed, so it is worth nothing elsewhere. */
export interface RebindScope {
  /** Id that the receiver of the statement chose. */
  readonly receiverHigh: number;
  readonly receiverLow: number;
  /** Id that its signer chose. */
  readonly signerHigh: number;
  readonly signerLow: number;
}

/** The bytes under the signature: tag, receiver's id, signer's id, sequence, node count, address. */
function signedBytes(scope: RebindScope, sequence: number, address: Uint8Array): Uint8Array {
  const at = TAG.length;
  const bytes = new Uint8Array(at + 23 + address.length);
  bytes.set(TAG);
  writeU32BE(bytes, at, scope.receiverHigh);
  writeU32BE(bytes, at + 4, scope.receiverLow);
  writeU32BE(bytes, at + 8, scope.signerHigh);
  writeU32BE(bytes, at + 12, scope.signerLow);
  writeU48BE(bytes, at + 16, sequence);
  bytes[at + 22] = address.length / NODE_BYTES;
  bytes.set(address, at + 23);
  return bytes;
}

/**
 * The REBIND frame by which an end says where it is now.
 * @param address wire bytes of the new DAG, 28 per node
 * @param sequence greater than that of every earlier statement of this connection
 */
export function encodeRebind(scope: RebindScope, sequence: number, address: Uint8Array, identity: Identity): Uint8Array {
  const frame = new Uint8Array(STREAM_REBIND_FRAME_BYTES + address.length);
  frame[0] = StreamFrame.REBIND;
  writeU48BE(frame, 1, sequence);
  frame[7] = address.length / NODE_BYTES;
  frame.set(identity.publicKey, 8);
  frame.set(identity.sign(signedBytes(scope, sequence, address)), 40);
  frame.set(address, STREAM_REBIND_FRAME_BYTES);
  return frame;
}

/**
 * Checks the signature of the REBIND that `view` stands at.
 * @returns the signer's identifier (hash of its key), or undefined when the signature is not good
 */
export function verifyRebind(view: StreamPacketView, scope: RebindScope, crypto: CryptoSuite): Uint8Array | undefined {
  const publicKey = view.bytes.slice(view.keyStart, view.keyStart + 32);
  const signature = view.bytes.slice(view.signatureStart, view.signatureStart + 64);
  const address = view.bytes.subarray(view.addressStart, view.addressStart + NODE_BYTES * view.nodeCount);
  if (!crypto.verify(publicKey, signedBytes(scope, view.sequence, address), signature)) return undefined;
  return crypto.hash(publicKey);
}
