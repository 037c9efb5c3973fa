import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { chunkNonce, TAG_BYTES, type ChunkCipher, type RunningHash } from '../protocol/index.js';

const ALGORITHM = 'aes-256-gcm';

/** AES-256-GCM by `node:crypto` under the key of one transfer (32 bytes). */
export function chunkCipher(key: Uint8Array): ChunkCipher {
  return {
    seal(sequence, plaintext) {
      const cipher = createCipheriv(ALGORITHM, key, chunkNonce(sequence), { authTagLength: TAG_BYTES });
      const ciphertext = cipher.update(plaintext);
      // A stream mode has nothing left to give at the end; it only makes, or checks, the tag.
      cipher.final();
      return { ciphertext, tag: cipher.getAuthTag() };
    },
    open(sequence, { ciphertext, tag }) {
      if (tag.length !== TAG_BYTES) return undefined;
      const decipher = createDecipheriv(ALGORITHM, key, chunkNonce(sequence), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(tag);
      const plaintext = decipher.update(ciphertext);
      try {
        decipher.final();
        return plaintext;
      } catch {
        return undefined;
      }
    },
  };
}

/** SHA-256 by `node:crypto`. */
export function runningSha256(): RunningHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}
