import { randomBytes } from 'node:crypto';
import { openChunk, SEAL_KEY_BYTES, SEAL_NONCE_BYTES, sealChunk, type SealedBytes } from './chunk-seal.js';

/** AES-256-GCM as {@link sealChunk} and {@link openChunk}, into memory that is there already and as long as what is sealed or opened. */
export interface DirectCipher {
  /**
   * Seals a plaintext. Undefined when a length is wrong.
   * @param into becomes the ciphertext; elsewhere than the plaintext
   * @returns the tag
   */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, into: Uint8Array): Uint8Array | undefined;
  /**
   * Opens a chunk. False when key or nonce are others, or something was changed; what lies in `into` is worth nothing then.
   * @param into becomes the plaintext; elsewhere than the ciphertext
   */
  open(key: Uint8Array, nonce: Uint8Array, sealed: SealedBytes, into: Uint8Array): boolean;
}

/** `EVP_CTRL_AEAD_GET_TAG` and `EVP_CTRL_AEAD_SET_TAG` of OpenSSL. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;
const TAG_BYTES = 16;
const NOTHING = 0;
/** More than OpenSSL takes in one call is nobody's chunk. */
const MOST_BYTES = 2 ** 30;

type ContextCall = (context: number) => number;
type Init = (context: number, cipher: number, engine: number, key: Uint8Array, nonce: Uint8Array) => number;
type Control = (context: number, what: number, bytes: number, value: Uint8Array) => number;
type Update = (context: number, into: Uint8Array, written: Uint8Array, from: Uint8Array, bytes: number) => number;
type Final = (context: number, into: Uint8Array, written: Uint8Array) => number;

let loading: Promise<DirectCipher | undefined> | undefined;
let loaded: DirectCipher | undefined;

/**
 * Seals and opens chunks by the same OpenSSL as Node, past Node, which makes and clears new memory for each: a migration would touch anew every
 * byte that it brings, and leave it to the garbage collector. Loaded once for the process.
 * @returns undefined (resolves) where that does not work: the module for it is an optional dependency, and a Node may have another library
 */
export function loadDirectCipher(): Promise<DirectCipher | undefined> {
  loading ??= load().then(
    (cipher) => (loaded = cipher),
    () => undefined,
  );
  return loading;
}

/** What {@link loadDirectCipher} has loaded, as soon as it has. */
export function directCipher(): DirectCipher | undefined {
  return loaded;
}

async function load(): Promise<DirectCipher | undefined> {
  const { default: koffi } = await import('koffi');
  const own = koffi.load(null);
  const context = (own.func('uintptr_t EVP_CIPHER_CTX_new()') as () => number)();
  const algorithm = (own.func('uintptr_t EVP_aes_256_gcm()') as () => number)();
  const reset = own.func('int EVP_CIPHER_CTX_reset(uintptr_t)') as ContextCall;
  const control = own.func('int EVP_CIPHER_CTX_ctrl(uintptr_t, int, int, void *)') as Control;
  const [beginSeal, beginOpen] = ['Encrypt', 'Decrypt'].map(
    (what) => own.func(`int EVP_${what}Init_ex(uintptr_t, uintptr_t, uintptr_t, void *, void *)`) as Init,
  ) as [Init, Init];
  const [seal, open] = ['Encrypt', 'Decrypt'].map(
    (what) => own.func(`int EVP_${what}Update(uintptr_t, void *, void *, void *, int)`) as Update,
  ) as [Update, Update];
  const [endSeal, endOpen] = ['Encrypt', 'Decrypt'].map(
    (what) => own.func(`int EVP_${what}Final_ex(uintptr_t, void *, void *)`) as Final,
  ) as [Final, Final];
  const written = new Uint8Array(4);
  const rest = new Uint8Array(32);
  const cipher: DirectCipher = {
    seal(key, nonce, plaintext, into) {
      const { length } = plaintext;
      if (!isSealable(key, nonce, length, into)) return undefined;
      const tag = new Uint8Array(TAG_BYTES);
      const isSealed =
        beginSeal(context, algorithm, NOTHING, key, nonce) === 1 &&
        (length === 0 || seal(context, into, written, plaintext, length) === 1) &&
        endSeal(context, rest, written) === 1 &&
        control(context, GET_TAG, TAG_BYTES, tag) === 1;
      // The key is not to stay in memory.
      reset(context);
      return isSealed ? tag : undefined;
    },
    open(key, nonce, { ciphertext, tag }, into) {
      const { length } = ciphertext;
      if (!isSealable(key, nonce, length, into) || tag.length !== TAG_BYTES) return false;
      const isOpen =
        beginOpen(context, algorithm, NOTHING, key, nonce) === 1 &&
        control(context, SET_TAG, TAG_BYTES, tag) === 1 &&
        (length === 0 || open(context, into, written, ciphertext, length) === 1) &&
        endOpen(context, rest, written) === 1;
      reset(context);
      return isOpen;
    },
  };
  return context !== NOTHING && algorithm !== NOTHING && isRight(cipher) ? cipher : undefined;
}

function isSealable(key: Uint8Array, nonce: Uint8Array, length: number, into: Uint8Array): boolean {
  return key.length === SEAL_KEY_BYTES && nonce.length === SEAL_NONCE_BYTES && into.length === length && length <= MOST_BYTES;
}

/** Whether it does what Node does. */
function isRight(cipher: DirectCipher): boolean {
  const [key, nonce, plaintext] = [randomBytes(SEAL_KEY_BYTES), randomBytes(SEAL_NONCE_BYTES), randomBytes(1000)];
  const { ciphertext, tag } = sealChunk(key, nonce, plaintext);
  const into = new Uint8Array(plaintext.length);
  if (!cipher.open(key, nonce, { ciphertext, tag }, into) || !plaintext.equals(into)) return false;
  const changed = Uint8Array.from(tag, (byte, at) => (at === 0 ? byte ^ 1 : byte));
  if (cipher.open(key, nonce, { ciphertext, tag: changed }, into)) return false;
  const own = cipher.seal(key, nonce, plaintext, into);
  return own !== undefined && openChunk(key, nonce, { ciphertext: into, tag: own })?.compare(plaintext) === 0;
}
