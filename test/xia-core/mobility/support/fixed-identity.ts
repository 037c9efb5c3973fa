import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { Identity } from '../../../../xia-core/src/xid/index.js';

/** DER prefix of an Ed25519 PKCS#8 key (RFC 8410); the 32-byte seed follows it. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The identity whose Ed25519 seed is `number` in 32 big-endian bytes: the same in every run. */
export function fixedIdentity(number: number): Identity {
  const seed = Buffer.alloc(32);
  seed.writeUInt32BE(number, 28);
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(der.subarray(der.length - 32));
  const id = new Uint8Array(createHash('sha256').update(publicKey).digest().subarray(0, 20));
  return { publicKey, id, sign: (message) => new Uint8Array(sign(null, message, privateKey)) };
}
