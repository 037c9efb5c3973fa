import { Xid } from './xid.js';

/** The cryptography that names rest on, given to the state machines from outside. */
export interface CryptoSuite {
  /** 20 bytes: the id of `data`, its SHA-256 cut to 160 bits. */
  hash(data: Uint8Array): Uint8Array;
  /** All 32 bytes of the SHA-256 of `data`. */
  sha256(data: Uint8Array): Uint8Array;
  /** Whether `signature` (64 bytes) is the Ed25519 signature of `message` by `publicKey` (32 raw bytes). Never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

/** An Ed25519 key pair that can speak for its name. */
export interface Identity {
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array;
  /** 20 bytes, the hash of the public key. */
  readonly id: Uint8Array;
  /** The 64-byte Ed25519 signature of `message`. */
  sign(message: Uint8Array): Uint8Array;
}

/** The XID that `identity` proves, as a principal of `type`. */
export function xidOf(type: number, identity: Identity): Xid {
  return new Xid(type, identity.id);
}
