import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { chunkNonce, SEAL_BYTES, type ChunkCipher, type RunningHash } from '../protocol/index.js';

const ALGORITHM = 'aes-256-gcm';

/** AES-256-GCM by `node:crypto` under the key of one transfer (32 bytes). */
export function chunkCipher(key: Uint8Array): ChunkCipher {
  return {
    seal(sequence, plaintext) {
      const cipher = createCipheriv(ALGORITHM, key, chunkNonce(sequence), { authTagLength: SEAL_BYTES });
      const parts = plaintext.map((piece) => cipher.update(piece));
      parts.push(cipher.final(), cipher.getAuthTag());
      return Buffer.concat(parts);
    },
    open(sequence, sealed) {
      const end = sealed.length - SEAL_BYTES;
      if (end < 0) return undefined;
      const decipher = createDecipheriv(ALGORITHM, key, chunkNonce(sequence), { authTagLength: SEAL_BYTES });
      decipher.setAuthTag(sealed.subarray(end));
      const plaintext = decipher.update(sealed.subarray(0, end));
      try {
        // A stream mode has nothing left to give here; it only checks the tag.
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
