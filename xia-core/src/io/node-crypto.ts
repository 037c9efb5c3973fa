import { createPublicKey, hash as hashOf, verify as verifySignature, type KeyObject } from 'node:crypto';
import type { CryptoSuite, IdHash } from '../xid/index.js';

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410); the 32 raw key bytes follow it. */
const ED25519_SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_CACHE_LIMIT = 1024;

const keyCache = new Map<string, KeyObject>();

/** Importing a key costs more than verifying with it, and the same few signers speak again and again. */
function publicKeyObject(raw: Uint8Array): KeyObject {
  const cacheKey = Buffer.from(raw).toString('latin1');
  const cached = keyCache.get(cacheKey);
  if (cached !== undefined) return cached;
  const key = createPublicKey({ key: Buffer.concat([ED25519_SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
  if (keyCache.size >= KEY_CACHE_LIMIT) {
    const oldest = keyCache.keys().next().value;
    if (oldest !== undefined) keyCache.delete(oldest);
  }
  keyCache.set(cacheKey, key);
  return key;
}

/** The 20-byte id of a chunk by one of the hashes, as `nobleHash`, faster. */
export function contentId(data: Uint8Array, algorithm: IdHash = 'sha256'): Uint8Array {
  return algorithm === 'sha256' ? nodeCrypto.hash(data) : hashOf('sha1', data, 'buffer');
}

/** The hashes and signature checks of XIA names, by `node:crypto` (several times the speed of portable code). */
export const nodeCrypto: CryptoSuite = {
  hash(data) {
    return hashOf('sha256', data, 'buffer').subarray(0, 20);
  },
  sha256(data) {
    return hashOf('sha256', data, 'buffer');
  },
  verify(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    return verifySignature(null, message, publicKeyObject(publicKey), signature);
  },
};
