import { createHash } from 'node:crypto';
import { openChunk, openWithKey, sealChunk } from 'xia-core';
import { chunkNonce, type ChunkCipher, type RunningHash } from '../protocol/index.js';

/** AES-256-GCM by `node:crypto` under the key of one transfer (32 bytes). */
export function chunkCipher(key: Uint8Array): ChunkCipher {
  return {
    seal: (sequence, plaintext) => sealChunk(key, chunkNonce(sequence), plaintext),
    open: (sequence, sealed) => openChunk(key, chunkNonce(sequence), sealed),
    openKeyed: openWithKey,
  };
}

/** SHA-256 by `node:crypto`. */
export function runningSha256(): RunningHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}
