import { createHash } from 'node:crypto';
import type { ChunkCipher, ContentSealer, RunningHash } from '../../../migrate/src/protocol/index.js';

/** A cipher that hides next to nothing but notices a wrong byte, a wrong place and a wrong length. */
export const fakeCipher: ChunkCipher = {
  seal(sequence, plaintext) {
    const ciphertext = hide(sequence, plaintext);
    return { ciphertext, tag: tagOf(sequence, ciphertext) };
  },
  open(sequence, { ciphertext, tag }) {
    return tagOf(sequence, ciphertext).equals(tag) ? hide(sequence, ciphertext) : undefined;
  },
  openKeyed({ ciphertext, tag, key }) {
    const place = key[0]!;
    return tagOf(place, ciphertext).equals(tag) ? hide(place, ciphertext) : undefined;
  },
};

/** Equal contents look the same, wherever they are. */
export const fakeContents: ContentSealer = {
  sealWithKey(plaintext) {
    const key = new Uint8Array(44).fill(0x55);
    const ciphertext = hide(0x55, plaintext);
    return { ciphertext, tag: tagOf(0x55, ciphertext), key };
  },
};

/** Equal chunks in two places must look different. */
function hide(sequence: number, bytes: Uint8Array): Uint8Array {
  const hidden = new Uint8Array(bytes);
  for (let at = 0; at < hidden.length; at++) hidden[at]! ^= sequence;
  return hidden;
}

function tagOf(sequence: number, body: Uint8Array): Buffer {
  return createHash('md5').update(`${sequence}:`).update(body).digest();
}

export function sha256(): RunningHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

export function cidOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest().subarray(0, 20);
}
