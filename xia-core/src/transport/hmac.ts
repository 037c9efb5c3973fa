import { concatBytes } from '../bytes/index.js';
import type { CryptoSuite } from '../xid/index.js';

const BLOCK_BYTES = 64;
const INNER = 0x36;
const OUTER = 0x5c;

/**
 * HMAC-SHA-256 (RFC 2104), 32 bytes.
 * @param key at most 64 bytes
 */
export function hmacSha256(crypto: Pick<CryptoSuite, 'sha256'>, key: Uint8Array, message: Uint8Array): Uint8Array {
  return crypto.sha256(concatBytes(padded(key, OUTER), crypto.sha256(concatBytes(padded(key, INNER), message))));
}

function padded(key: Uint8Array, mask: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(mask);
  for (let i = 0; i < key.length; i++) block[i]! ^= key[i]!;
  return block;
}
