/**
 * Hides chunks from everybody but the two ends: AES-256-GCM with a key of this transfer alone, the nonce being the
 * chunk's sequence number as 12 big-endian bytes. A key is never used twice for one sequence number.
 */
export interface ChunkCipher {
  seal(sequence: number, plaintext: Uint8Array): SealedChunk;
  /** The plaintext, in memory of its own, or undefined when the tag does not match. */
  open(sequence: number, sealed: SealedChunk): Uint8Array | undefined;
  /** The same for what was sealed under a key of its own. */
  openKeyed(sealed: KeyedChunk): Uint8Array | undefined;
}

/** Seals what may come again such that equal contents have equal ciphertexts, under keys that only the owner can make. */
export interface ContentSealer {
  sealWithKey(plaintext: Uint8Array): KeyedChunk;
}

/** A chunk as it is published, as long as its plaintext, and the tag without which it is worth nothing. */
export interface SealedChunk {
  readonly ciphertext: Uint8Array;
  /** 16 bytes. They travel in the offer, so that nobody has to copy a chunk to put them behind it. */
  readonly tag: Uint8Array;
}

/** A chunk, and the key that opens it and no other. */
export interface KeyedChunk extends SealedChunk {
  /** 44 bytes. They travel in the offer, so that the destination needs no secret. */
  readonly key: Uint8Array;
}

/** SHA-256 over a stream. */
export interface RunningHash {
  update(bytes: Uint8Array): void;
  /** The digest; the hash takes no more bytes afterwards. */
  digest(): Uint8Array;
}

/** Bytes of the key of one content. */
export const PIECE_KEY_BYTES = 44;
export const CHUNK_KEY_LABEL = 'xia migration chunks';
export const CHUNK_KEY_BYTES = 32;
const CHUNK_NONCE_BYTES = 12;

/** The nonce of a chunk. Sequence numbers stay below 2^48, so that the first six bytes are zero. */
export function chunkNonce(sequence: number): Uint8Array {
  const nonce = new Uint8Array(CHUNK_NONCE_BYTES);
  let rest = sequence;
  for (let i = CHUNK_NONCE_BYTES - 1; i >= 6; i--) {
    nonce[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return nonce;
}
