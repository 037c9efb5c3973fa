import { createHmac, hkdfSync } from 'node:crypto';
import { equalBytes, XiaError } from '../bytes/index.js';
import { openChunk, SEAL_KEY_BYTES, SEAL_NONCE_BYTES, sealChunk, type SealedBytes } from './chunk-seal.js';

const SEED_BYTES = 32;
const SECRET_ID_BYTES = 8;
const LEAST_SECRET_BYTES = 16;

/** Bytes of the key of one sealed chunk: AES key and nonce. */
export const CONTENT_KEY_BYTES = SEAL_KEY_BYTES + SEAL_NONCE_BYTES;

/** Content that only its owner can read, and whom the owner gives the key of just this content. */
export interface KeyedContent extends SealedBytes {
  /** `CONTENT_KEY_BYTES`, to be told in secret. It says nothing about the owner's secret or about other content. */
  readonly key: Uint8Array;
}

/** Opens content by its own key. Undefined when the key is another one, or something was changed. */
export function openWithKey({ key, ...sealed }: KeyedContent): Uint8Array | undefined {
  if (key.length !== CONTENT_KEY_BYTES) return undefined;
  return openChunk(key.subarray(0, SEAL_KEY_BYTES), key.subarray(SEAL_KEY_BYTES), sealed);
}

/** Content that only its owner can read. */
export interface SealedContent extends SealedBytes {
  /** 32 bytes that opening it takes beside the secret. They need not be hidden: without the secret they only tell equal content. */
  readonly seed: Uint8Array;
}

/**
 * Seals content such that it can be recognised: for one owner equal content has an equal ciphertext, and so an equal CID, and for nobody else.
 * Key and nonce come from HMAC-SHA256(secret, plaintext), the seed (a synthetic nonce as in RFC 5297), by HKDF; AES-256-GCM.
 */
export class ContentSealer {
  readonly #macKey: Uint8Array;
  readonly #sealKey: Uint8Array;
  readonly #markKey: Uint8Array;
  /** 8 bytes that tell one secret from another, and nothing about it. */
  readonly secretId: Uint8Array;

  /**
   * @param secret the owner's, 16 random bytes or more
   * @throws XiaError `bad-argument` when it is shorter
   */
  constructor(secret: Uint8Array) {
    if (secret.length < LEAST_SECRET_BYTES) {
      throw new XiaError('bad-argument', `a secret has ${LEAST_SECRET_BYTES} bytes or more`, { bytes: secret.length });
    }
    this.#macKey = derive(secret, 'xia sealed content: seed', SEED_BYTES);
    this.#sealKey = derive(secret, 'xia sealed content: seal', SEAL_KEY_BYTES);
    this.#markKey = derive(secret, 'xia sealed content: mark', SEED_BYTES);
    this.secretId = derive(secret, 'xia sealed content: id', SECRET_ID_BYTES);
  }

  seal(plaintext: Uint8Array): SealedContent {
    const seed = this.#seedOf(plaintext);
    const { key, nonce } = this.#keyOf(seed);
    return { ...sealChunk(key, nonce, plaintext), seed };
  }

  /** The same ciphertext as `seal` makes, for somebody who shall be able to open it without the secret. */
  sealWithKey(plaintext: Uint8Array): KeyedContent {
    const key = this.#keyBytesOf(this.#seedOf(plaintext));
    return { ...sealChunk(key.subarray(0, SEAL_KEY_BYTES), key.subarray(SEAL_KEY_BYTES), plaintext), key };
  }

  /** The plaintext; undefined when the secret is another one, or something was changed. */
  open(sealed: SealedContent): Uint8Array | undefined {
    if (sealed.seed.length !== SEED_BYTES) return undefined;
    const { key, nonce } = this.#keyOf(sealed.seed);
    const plaintext = openChunk(key, nonce, sealed);
    return plaintext !== undefined && equalBytes(this.#seedOf(plaintext), sealed.seed) ? plaintext : undefined;
  }

  /** 32 bytes that only the owner can make of a digest: says of content in many pieces what its hash would, and confirms no guess. */
  mark(digest: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#markKey).update(digest).digest();
  }

  #seedOf(plaintext: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#macKey).update(plaintext).digest();
  }

  #keyOf(seed: Uint8Array): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
    const bytes = this.#keyBytesOf(seed);
    return { key: bytes.subarray(0, SEAL_KEY_BYTES), nonce: bytes.subarray(SEAL_KEY_BYTES) };
  }

  #keyBytesOf(seed: Uint8Array): Uint8Array {
    return derive(this.#sealKey, seed, CONTENT_KEY_BYTES);
  }
}

function derive(secret: Uint8Array, info: string | Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(0), info, length));
}
