import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { XID_ID_BYTES } from './xid.js';

/** Hashes that an id can be made by. `sha1` exists for talking to the C++ prototype only. */
export type IdHash = 'sha256' | 'sha1';

/** The 20-byte id of `data` in portable code: the reference that faster implementations are tested against. */
export function nobleHash(data: Uint8Array, algorithm: IdHash = 'sha256'): Uint8Array {
  return algorithm === 'sha1' ? sha1(data) : sha256(data).slice(0, XID_ID_BYTES);
}
