import { createHash } from 'node:crypto';
import type { CryptoSuite, Identity } from '../../../../xia-core/src/xid/index.js';

/** Hashes in the place of signatures: anybody could forge them, and a simulation makes a hundred thousand a second. */
export const cheapCrypto: CryptoSuite = {
  hash: (data) => sha256(data).slice(0, 20),
  sha256,
  verify: (publicKey, message, signature) => Buffer.compare(cheapSignature(publicKey, message), signature) === 0,
};

export function cheapIdentity(number: number): Identity {
  const publicKey = sha256(Uint8Array.of(number >> 8, number));
  return { publicKey, id: sha256(publicKey).slice(0, 20), sign: (message) => cheapSignature(publicKey, message) };
}

function cheapSignature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(publicKey).update(message).digest());
}

function sha256(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(data).digest());
}
