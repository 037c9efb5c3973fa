import type { ChunkCipher, KeyedChunk, SealedChunk } from '../protocol/index.js';

/** A fetched chunk that was opened already. */
interface OpenedChunk {
  readonly ciphertext: Uint8Array;
  readonly plaintext: Uint8Array;
}

/**
 * Opens each chunk once: when the fetcher asks whether what came is right. A tag that fits under the key of this transfer and the
 * chunk's own number says more of it than its hash does, so that need not be computed at this end.
 *
 * At most as many opened chunks wait here as are fetched at once.
 */
export class OpeningCipher implements ChunkCipher {
  readonly #cipher: ChunkCipher;
  readonly #opened = new Map<number, OpenedChunk>();

  constructor(cipher: ChunkCipher) {
    this.#cipher = cipher;
  }

  /** Whether this is what the source sealed as that chunk, under its own key if there is one. */
  verify(sequence: number, { key, ...sealed }: SealedChunk & { readonly key?: Uint8Array | undefined }): boolean {
    const plaintext = key === undefined ? this.#cipher.open(sequence, sealed) : this.#cipher.openKeyed({ ...sealed, key });
    if (plaintext === undefined) return false;
    this.#opened.set(sequence, { ciphertext: sealed.ciphertext, plaintext });
    return true;
  }

  seal(sequence: number, plaintext: Uint8Array): SealedChunk {
    return this.#cipher.seal(sequence, plaintext);
  }

  open(sequence: number, sealed: SealedChunk): Uint8Array | undefined {
    const opened = this.#opened.get(sequence);
    this.#opened.delete(sequence);
    return opened?.ciphertext === sealed.ciphertext ? opened.plaintext : this.#cipher.open(sequence, sealed);
  }

  openKeyed(sealed: KeyedChunk): Uint8Array | undefined {
    for (const [sequence, opened] of this.#opened) {
      if (opened.ciphertext !== sealed.ciphertext) continue;
      this.#opened.delete(sequence);
      return opened.plaintext;
    }
    return this.#cipher.openKeyed(sealed);
  }
}
