import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { directOpener, loadDirectOpener, openChunk, sealChunk } from '../../../xia-core/src/io/index.js';

// The module that makes it possible is an optional dependency, and installed wherever tests run.
const opener = await loadDirectOpener();

describe('opening into memory that is there', () => {
  test('is there once it was loaded', () => {
    expect(directOpener()).toBe(opener);
  });

  test('gives what node:crypto gives, for any length', () => {
    for (const length of [0, 1, 15, 16, 17, 4096, 983_040]) {
      const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(length)];
      const sealed = sealChunk(key, nonce, plaintext);
      const memory = new Uint8Array(length + 2).fill(0xaa);
      expect(opener!(key, nonce, sealed, memory.subarray(1, length + 1))).toBe(true);
      expect(plaintext.equals(memory.subarray(1, length + 1))).toBe(true);
      expect([memory[0], memory[length + 1]]).toEqual([0xaa, 0xaa]);
      expect(plaintext.equals(openChunk(key, nonce, sealed)!)).toBe(true);
    }
  });

  test('refuses another key, nonce, tag, content or length', () => {
    const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(100)];
    const { ciphertext, tag } = sealChunk(key, nonce, plaintext);
    const into = new Uint8Array(100);
    const changed = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, at) => (at === 3 ? byte ^ 1 : byte));
    expect(opener!(changed(key), nonce, { ciphertext, tag }, into)).toBe(false);
    expect(opener!(key, changed(nonce), { ciphertext, tag }, into)).toBe(false);
    expect(opener!(key, nonce, { ciphertext, tag: changed(tag) }, into)).toBe(false);
    expect(opener!(key, nonce, { ciphertext: changed(ciphertext), tag }, into)).toBe(false);
    expect(opener!(key, nonce, { ciphertext, tag: tag.subarray(0, 12) }, into)).toBe(false);
    expect(opener!(key, nonce.subarray(0, 8), { ciphertext, tag }, into)).toBe(false);
    expect(opener!(key, nonce, { ciphertext, tag }, new Uint8Array(99))).toBe(false);
    expect(opener!(key, nonce, { ciphertext, tag }, into)).toBe(true);
  });
});
