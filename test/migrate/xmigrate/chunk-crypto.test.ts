import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { loadDirectCipher } from 'xia-core';
import { chunkCipher } from '../../../migrate/src/xmigrate/chunk-crypto.js';
import { CiphertextMemory, LentMemory } from '../../../migrate/src/xmigrate/chunk-memory.js';

/** A store of memory that counts what is out, and spoils what comes back. */
function store() {
  const out = new Set<Uint8Array>();
  return {
    out,
    lend: (length: number) => {
      const bytes = new Uint8Array(length);
      out.add(bytes);
      return bytes;
    },
    recycle: (bytes: Uint8Array) => {
      expect(out.delete(bytes)).toBe(true);
      bytes.fill(0xee);
    },
  };
}

describe('chunks opened into memory that is used again', () => {
  const key = randomBytes(32);

  it('are what was sealed, each in memory of its own until that is given back', async () => {
    await loadDirectCipher();
    const fetcher = store();
    const memory = new LentMemory(fetcher);
    const cipher = chunkCipher(key, memory);
    const plain = [0, 1, 2].map((sequence) => randomBytes(5000 + sequence));
    const opened = plain.map((bytes, sequence) => cipher.open(sequence, chunkCipher(key).seal(sequence, bytes))!);
    for (const [at, bytes] of plain.entries()) expect(bytes.equals(opened[at]!)).toBe(true);
    expect(fetcher.out.size).toBe(3);
    for (const bytes of opened) memory.give(bytes);
    expect(fetcher.out.size).toBe(0);
  });

  it('keep no memory when they are not what was sealed', async () => {
    await loadDirectCipher();
    const fetcher = store();
    const cipher = chunkCipher(key, new LentMemory(fetcher));
    const sealed = chunkCipher(key).seal(7, randomBytes(100));
    expect(cipher.open(8, sealed)).toBeUndefined();
    expect(cipher.open(7, { ...sealed, ciphertext: sealed.ciphertext.slice(1) })).toBeUndefined();
    expect(fetcher.out.size).toBe(0);
  });

  it('leave memory alone that came from elsewhere, and what was given back already', () => {
    const fetcher = store();
    const memory = new LentMemory(fetcher);
    memory.give(new Uint8Array(5));
    const bytes = memory.take(9);
    memory.give(bytes);
    memory.give(bytes);
    expect(fetcher.out.size).toBe(0);
  });
});

describe('chunks sealed into memory that is used again', () => {
  const key = randomBytes(32);

  it('can be opened by anybody with the key, and are in use until some later ones are taken back', async () => {
    await loadDirectCipher();
    const publisher = store();
    const memory = new CiphertextMemory(publisher);
    const cipher = chunkCipher(key, memory);
    const chunks = Array.from({ length: 20 }, (_, sequence) => {
      const plain = randomBytes(3000 + sequence);
      const sealed = cipher.seal(sequence, plain);
      expect(plain.equals(chunkCipher(key).open(sequence, sealed)!)).toBe(true);
      const cid = randomBytes(20);
      memory.published(cid, sealed.ciphertext);
      return { cid, sealed };
    });
    expect(publisher.out.size).toBe(20);
    for (const [at, { cid }] of chunks.entries()) {
      memory.unpublished(cid);
      memory.unpublished(cid);
      expect(publisher.out.size).toBe(20 - Math.max(0, at + 1 - 8));
    }
  });

  it('leave memory alone that came from elsewhere, and give back what was not published', () => {
    const publisher = store();
    const memory = new CiphertextMemory(publisher);
    memory.published(randomBytes(20), new Uint8Array(5));
    const refused = memory.take(7);
    memory.give(refused);
    memory.give(refused);
    expect(publisher.out.size).toBe(0);
  });
});
