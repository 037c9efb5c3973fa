import { createHash } from 'node:crypto';
import { directCipher, loadDirectCipher, openChunk, openWithKey, sealChunk } from 'xia-core';
import { chunkNonce, type ChunkCipher, type RunningHash, type SealedChunk } from '../protocol/index.js';

/** Memory for what is sealed or opened, used over and over. */
export interface ChunkMemory {
  take(length: number): Uint8Array;
  give(bytes: Uint8Array): void;
}

/** So much must have been sealed or opened before it is worth loading what does it into memory that is there: it takes some 20 ms. */
const DIRECT_FROM_BYTES = 4 * 1024 * 1024;

/**
 * AES-256-GCM under the key of one transfer (32 bytes).
 * @param memory where ciphertexts of `seal` and plaintexts of `open` come from once there were many bytes, and where the machine allows it
 */
export function chunkCipher(key: Uint8Array, memory?: ChunkMemory): ChunkCipher {
  let bytesBefore = DIRECT_FROM_BYTES;
  /** What works into the memory, as soon as it is there. */
  const directly = (length: number) => {
    if (memory === undefined) return undefined;
    const cipher = directCipher();
    if (cipher !== undefined) return { cipher, memory };
    bytesBefore -= length;
    if (bytesBefore <= 0) void loadDirectCipher();
    return undefined;
  };
  return {
    seal(sequence: number, plaintext: Uint8Array) {
      const direct = directly(plaintext.length);
      if (direct === undefined) return sealChunk(key, chunkNonce(sequence), plaintext);
      const ciphertext = direct.memory.take(plaintext.length);
      const tag = direct.cipher.seal(key, chunkNonce(sequence), plaintext, ciphertext);
      if (tag !== undefined) return { ciphertext, tag };
      direct.memory.give(ciphertext);
      return sealChunk(key, chunkNonce(sequence), plaintext);
    },
    open(sequence: number, sealed: SealedChunk) {
      const direct = directly(sealed.ciphertext.length);
      if (direct === undefined) return openChunk(key, chunkNonce(sequence), sealed);
      const plaintext = direct.memory.take(sealed.ciphertext.length);
      if (direct.cipher.open(key, chunkNonce(sequence), sealed, plaintext)) return plaintext;
      direct.memory.give(plaintext);
      return undefined;
    },
    openKeyed: openWithKey,
  };
}

/** SHA-256 by `node:crypto`. */
export function runningSha256(): RunningHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}
