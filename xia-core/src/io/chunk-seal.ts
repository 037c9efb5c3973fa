import { createCipheriv, createDecipheriv } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';

/** Lengths that sealing needs, in bytes. */
export const SEAL_KEY_BYTES = 32;
export const SEAL_NONCE_BYTES = 12;
const SEAL_TAG_BYTES = 16;

/** A chunk that only the holders of its key can read. */
export interface SealedBytes {
  /** As long as the plaintext; what is published, so the CID is its hash. */
  readonly ciphertext: Uint8Array;
  /** 16 bytes, by which a change of the ciphertext is noticed. */
  readonly tag: Uint8Array;
}

/**
 * Seals one chunk by AES-256-GCM (NIST SP 800-38D). A nonce must never be used for two plaintexts under one key.
 * @param key `SEAL_KEY_BYTES`
 * @param nonce `SEAL_NONCE_BYTES`
 */
export function sealChunk(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): SealedBytes {
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: SEAL_TAG_BYTES });
  const ciphertext = cipher.update(plaintext);
  // A stream mode has nothing left to give at the end; it only makes, or checks, the tag.
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** The plaintext; undefined when key or nonce are others, or something was changed. */
export function openChunk(key: Uint8Array, nonce: Uint8Array, { ciphertext, tag }: SealedBytes): Buffer | undefined {
  if (tag.length !== SEAL_TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: SEAL_TAG_BYTES });
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    return undefined;
  }
}
