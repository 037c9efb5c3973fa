import { createHash } from 'node:crypto';
import { equalBytes, type CryptoSuite, type Identity, type RandomSource } from 'xia-core';

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function mark(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const half = sha256(publicKey, message);
  return Uint8Array.from([...half, ...half]);
}

/**
 * Names and hashes as they are, signatures that are checked but could be forged: a simulated network holds no enemy that
 * was not put there, and real signatures would be most of its time.
 */
export const simCrypto: CryptoSuite = {
  hash: (data) => sha256(data).subarray(0, 20),
  sha256: (data) => sha256(data),
  verify: (publicKey, message, signature) => equalBytes(mark(publicKey, message), signature),
};

export function simIdentity(rng: RandomSource): Identity {
  const publicKey = rng.bytes(32);
  return { publicKey, id: simCrypto.hash(publicKey), sign: (message) => mark(publicKey, message) };
}
