import { createHash } from 'node:crypto';
import type { ChunkCipher, RunningHash } from '../../../migrate/src/protocol/index.js';

/** A cipher that hides nothing but notices a wrong byte, a wrong place and a wrong length. */
export const fakeCipher: ChunkCipher = {
  seal(sequence, plaintext) {
    const body = Buffer.concat([...plaintext]);
    return Buffer.concat([body, tag(sequence, body)]);
  },
  open(sequence, sealed) {
    const body = sealed.subarray(0, sealed.length - 16);
    return tag(sequence, body).equals(sealed.subarray(sealed.length - 16)) ? body : undefined;
  },
};

function tag(sequence: number, body: Uint8Array): Buffer {
  return createHash('md5').update(`${sequence}:`).update(body).digest();
}

export function sha256(): RunningHash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

export function cidOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest().subarray(0, 20);
}
