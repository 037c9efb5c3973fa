import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { directCipher, loadDirectCipher, openChunk, sealChunk } from '../../../xia-core/src/io/index.js';

// The module that makes it possible is an optional dependency, and installed wherever tests run.
const cipher = await loadDirectCipher();

describe('sealing and opening into memory that is there', () => {
  test('is there once it was loaded', () => {
    expect(directCipher()).toBe(cipher);
  });

  test('gives what node:crypto gives, for any length', () => {
    for (const length of [0, 1, 15, 16, 17, 4096, 983_040]) {
      const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(length)];
      const sealed = sealChunk(key, nonce, plaintext);
      const memory = new Uint8Array(length + 2).fill(0xaa);
      expect(cipher!.open(key, nonce, sealed, memory.subarray(1, length + 1))).toBe(true);
      expect(plaintext.equals(memory.subarray(1, length + 1))).toBe(true);
      expect([memory[0], memory[length + 1]]).toEqual([0xaa, 0xaa]);
      expect(plaintext.equals(openChunk(key, nonce, sealed)!)).toBe(true);
    }
  });

  test('seals what node:crypto opens, for any length, each time anew', () => {
    for (const length of [0, 1, 15, 16, 17, 4096, 983_040]) {
      const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(length)];
      const memory = new Uint8Array(length + 2).fill(0xaa);
      const ciphertext = memory.subarray(1, length + 1);
      const tag = cipher!.seal(key, nonce, plaintext, ciphertext)!;
      expect([memory[0], memory[length + 1]]).toEqual([0xaa, 0xaa]);
      expect(sealChunk(key, nonce, plaintext)).toEqual({ ciphertext: Buffer.from(ciphertext), tag: Buffer.from(tag) });
      expect(plaintext.equals(openChunk(key, nonce, { ciphertext, tag })!)).toBe(true);
    }
    const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(9)];
    expect(cipher!.seal(key, nonce, plaintext, new Uint8Array(8))).toBeUndefined();
    expect(cipher!.seal(key.subarray(1), nonce, plaintext, new Uint8Array(9))).toBeUndefined();
    expect(cipher!.seal(key, nonce.subarray(1), plaintext, new Uint8Array(9))).toBeUndefined();
  });

  test('refuses another key, nonce, tag, content or length', () => {
    const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(100)];
    const { ciphertext, tag } = sealChunk(key, nonce, plaintext);
    const into = new Uint8Array(100);
    const changed = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, at) => (at === 3 ? byte ^ 1 : byte));
    expect(cipher!.open(changed(key), nonce, { ciphertext, tag }, into)).toBe(false);
    expect(cipher!.open(key, changed(nonce), { ciphertext, tag }, into)).toBe(false);
    expect(cipher!.open(key, nonce, { ciphertext, tag: changed(tag) }, into)).toBe(false);
    expect(cipher!.open(key, nonce, { ciphertext: changed(ciphertext), tag }, into)).toBe(false);
    expect(cipher!.open(key, nonce, { ciphertext, tag: tag.subarray(0, 12) }, into)).toBe(false);
    expect(cipher!.open(key, nonce.subarray(0, 8), { ciphertext, tag }, into)).toBe(false);
    expect(cipher!.open(key, nonce, { ciphertext, tag }, new Uint8Array(99))).toBe(false);
    expect(cipher!.open(key, nonce, { ciphertext, tag }, into)).toBe(true);
  });
});
