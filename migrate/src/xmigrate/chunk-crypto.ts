import { createHash } from 'node:crypto';
import { directOpener, loadDirectOpener, openChunk, openWithKey, sealChunk } from 'xia-core';
import { chunkNonce, type ChunkCipher, type RunningHash, type SealedChunk } from '../protocol/index.js';

/** Memory for what is opened, used over and over. */
export interface ChunkMemory {
  take(length: number): Uint8Array;
  give(bytes: Uint8Array): void;
}

/** So much must have been opened before it is worth loading what opens into memory that is there: it takes some 20 ms. */
const DIRECT_FROM_BYTES = 4 * 1024 * 1024;

/**
 * AES-256-GCM under the key of one transfer (32 bytes).
 * @param memory where the plaintexts of `open` come from once many bytes were opened, and where the machine allows it
 */
export function chunkCipher(key: Uint8Array, memory?: ChunkMemory): ChunkCipher {
  const seal = (sequence: number, plaintext: Uint8Array) => sealChunk(key, chunkNonce(sequence), plaintext);
  if (memory !== undefined) return { seal, open: openerInto(key, memory), openKeyed: openWithKey };
  return { seal, open: (sequence, sealed) => openChunk(key, chunkNonce(sequence), sealed), openKeyed: openWithKey };
}

function openerInto(key: Uint8Array, memory: ChunkMemory): ChunkCipher['open'] {
  let toOpenBefore = DIRECT_FROM_BYTES;
  return (sequence: number, sealed: SealedChunk) => {
    const { length } = sealed.ciphertext;
    const directly = directOpener();
    if (directly === undefined) {
      toOpenBefore -= length;
      if (toOpenBefore <= 0) void loadDirectOpener();
      return openChunk(key, chunkNonce(sequence), sealed);
    }
    const plaintext = memory.take(length);
    if (directly(key, chunkNonce(sequence), sealed, plaintext)) return plaintext;
    memory.give(plaintext);
    return undefined;
  };
}

/** SHA-256 by `node:crypto`. */
export function runningSha256(): RunningHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}
