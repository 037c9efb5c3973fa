import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { equalBytes, XiaError } from '../bytes/index.js';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const LEAST_SECRET_BYTES = 16;

/** Content that only its owner can read. */
export interface SealedContent {
  /** As long as the plaintext; what is published as a chunk. */
  readonly ciphertext: Uint8Array;
  /** 32 bytes that opening it takes beside the secret. They need not be hidden: without the secret they only tell equal content. */
  readonly seed: Uint8Array;
  /** 16 bytes, by which a change of the ciphertext is noticed. */
  readonly tag: Uint8Array;
}

/**
 * Seals content such that it can be recognised: for one owner equal content has an equal ciphertext, and so an equal CID, and for nobody else.
 * Key and nonce come from HMAC-SHA256(secret, plaintext), the seed (a synthetic nonce as in RFC 5297), by HKDF; AES-256-GCM.
 */
export class ContentSealer {
  readonly #macKey: Uint8Array;
  readonly #sealKey: Uint8Array;

  /**
   * @param secret the owner's, 16 random bytes or more
   * @throws XiaError `bad-argument` when it is shorter
   */
  constructor(secret: Uint8Array) {
    if (secret.length < LEAST_SECRET_BYTES) {
      throw new XiaError('bad-argument', `a secret has ${LEAST_SECRET_BYTES} bytes or more`, { bytes: secret.length });
    }
    this.#macKey = derive(secret, 'xia sealed content: seed', KEY_BYTES);
    this.#sealKey = derive(secret, 'xia sealed content: seal', KEY_BYTES);
  }

  seal(plaintext: Uint8Array): SealedContent {
    const seed = this.#seedOf(plaintext);
    const { key, nonce } = this.#keyOf(seed);
    const cipher = createCipheriv(ALGORITHM, key, nonce);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return { ciphertext, seed, tag: cipher.getAuthTag() };
  }

  /** The plaintext; undefined when the secret is another one, or something was changed. */
  open({ ciphertext, seed, tag }: SealedContent): Uint8Array | undefined {
    if (tag.length !== 16 || seed.length !== KEY_BYTES) return undefined;
    const { key, nonce } = this.#keyOf(seed);
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: 16 });
    decipher.setAuthTag(tag);
    const plaintext = decipher.update(ciphertext);
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return equalBytes(this.#seedOf(plaintext), seed) ? plaintext : undefined;
  }

  #seedOf(plaintext: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#macKey).update(plaintext).digest();
  }

  #keyOf(seed: Uint8Array): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
    const bytes = derive(this.#sealKey, seed, KEY_BYTES + NONCE_BYTES);
    return { key: bytes.subarray(0, KEY_BYTES), nonce: bytes.subarray(KEY_BYTES) };
  }
}

function derive(secret: Uint8Array, info: string | Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), info, length));
}
