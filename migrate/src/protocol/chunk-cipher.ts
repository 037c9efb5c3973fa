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

/** SHA-256 over what is put in, one after the other. */
export interface RunningHash {
  update(bytes: Uint8Array): void;
  /** The digest; the hash takes no more bytes afterwards. */
  digest(): Uint8Array;
}

/** Bytes of the key of one content. */
export const PIECE_KEY_BYTES = 44;
const RECORD_BYTES = 48;

/**
 * What stands for a chunk in the digest of a stream: its sequence and its length (48 bits each), its CID and its tag. CID and tag say what
 * the chunk is, the list of them that it is whole and in order; so the bytes themselves need not be hashed once more.
 */
export function chunkRecord(sequence: number, length: number, cid: Uint8Array, tag: Uint8Array): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  writeCount(record, 0, sequence);
  writeCount(record, 6, length);
  record.set(cid, 12);
  record.set(tag, 32);
  return record;
}

export const CHUNK_KEY_LABEL = 'xia migration chunks';
export const CHUNK_KEY_BYTES = 32;
const CHUNK_NONCE_BYTES = 12;

/** The nonce of a chunk. Sequence numbers stay below 2^48, so that the first six bytes are zero. */
export function chunkNonce(sequence: number): Uint8Array {
  const nonce = new Uint8Array(CHUNK_NONCE_BYTES);
  writeCount(nonce, CHUNK_NONCE_BYTES - COUNT_BYTES, sequence);
  return nonce;
}

const COUNT_BYTES = 6;

/** A number below 2^48, big-endian. */
function writeCount(bytes: Uint8Array, at: number, value: number): void {
  let rest = value;
  for (let i = at + COUNT_BYTES - 1; i >= at; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}
