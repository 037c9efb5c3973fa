import { randomBytes } from 'node:crypto';
import { SEAL_KEY_BYTES, SEAL_NONCE_BYTES, sealChunk, type SealedBytes } from './chunk-seal.js';

/**
 * As `openChunk`, into memory that is there already. False when key or nonce are others, or something was changed; what lies in `into` is
 * worth nothing then.
 * @param into as long as the ciphertext, elsewhere
 */
export type OpenInto = (key: Uint8Array, nonce: Uint8Array, sealed: SealedBytes, into: Uint8Array) => boolean;

/** `EVP_CTRL_AEAD_SET_TAG` of OpenSSL. */
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

let loading: Promise<OpenInto | undefined> | undefined;
let loaded: OpenInto | undefined;

/**
 * Opens chunks by the same OpenSSL as Node, past Node, which makes and clears new memory for each: a migration would touch anew every byte
 * that it brings, and leave it to the garbage collector. Loaded once for the process.
 * @returns undefined (resolves) where that does not work: the module for it is an optional dependency, and a Node may have another library
 */
export function loadDirectOpener(): Promise<OpenInto | undefined> {
  loading ??= load().then(
    (opener) => (loaded = opener),
    () => undefined,
  );
  return loading;
}

/** What {@link loadDirectOpener} has loaded, as soon as it has. */
export function directOpener(): OpenInto | undefined {
  return loaded;
}

async function load(): Promise<OpenInto | undefined> {
  const { default: koffi } = await import('koffi');
  const own = koffi.load(null);
  const context = (own.func('uintptr_t EVP_CIPHER_CTX_new()') as () => number)();
  const cipher = (own.func('uintptr_t EVP_aes_256_gcm()') as () => number)();
  const reset = own.func('int EVP_CIPHER_CTX_reset(uintptr_t)') as ContextCall;
  const init = own.func('int EVP_DecryptInit_ex(uintptr_t, uintptr_t, uintptr_t, void *, void *)') as Init;
  const control = own.func('int EVP_CIPHER_CTX_ctrl(uintptr_t, int, int, void *)') as Control;
  const update = own.func('int EVP_DecryptUpdate(uintptr_t, void *, void *, void *, int)') as Update;
  const final = own.func('int EVP_DecryptFinal_ex(uintptr_t, void *, void *)') as Final;
  const written = new Uint8Array(4);
  const rest = new Uint8Array(32);
  const open: OpenInto = (key, nonce, { ciphertext, tag }, into) => {
    const { length } = ciphertext;
    const fits = key.length === SEAL_KEY_BYTES && nonce.length === SEAL_NONCE_BYTES && tag.length === TAG_BYTES;
    if (!fits || into.length !== length || length > MOST_BYTES) return false;
    const isOpen =
      init(context, cipher, NOTHING, key, nonce) === 1 &&
      control(context, SET_TAG, TAG_BYTES, tag) === 1 &&
      (length === 0 || update(context, into, written, ciphertext, length) === 1) &&
      final(context, rest, written) === 1;
    // The key is not to stay in memory.
    reset(context);
    return isOpen;
  };
  return context !== NOTHING && cipher !== NOTHING && isRight(open) ? open : undefined;
}

/** Whether it does what Node does. */
function isRight(open: OpenInto): boolean {
  const [key, nonce, plaintext] = [randomBytes(SEAL_KEY_BYTES), randomBytes(SEAL_NONCE_BYTES), randomBytes(1000)];
  const { ciphertext, tag } = sealChunk(key, nonce, plaintext);
  const into = new Uint8Array(plaintext.length);
  if (!open(key, nonce, { ciphertext, tag }, into) || !plaintext.equals(into)) return false;
  const changed = Uint8Array.from(tag, (byte, at) => (at === 0 ? byte ^ 1 : byte));
  return !open(key, nonce, { ciphertext, tag: changed }, into);
}
