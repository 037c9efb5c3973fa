import { describe, expect, it } from 'vitest';
import type { ChunkCipher } from '../../../migrate/src/protocol/index.js';
import { OpeningCipher } from '../../../migrate/src/xmigrate/opening-cipher.js';
import { fakeCipher } from '../protocol/fake-crypto.js';

function counting(): { cipher: ChunkCipher; opened: number[] } {
  const opened: number[] = [];
  const open: ChunkCipher['open'] = (sequence, sealed) => {
    opened.push(sequence);
    return fakeCipher.open(sequence, sealed);
  };
  return { cipher: { ...fakeCipher, open }, opened };
}

describe('OpeningCipher', () => {
  const plain = [Buffer.from('first'), Buffer.from('second')];
  const sealed = plain.map((bytes, sequence) => fakeCipher.seal(sequence, bytes));

  it('opens what was verified no second time, in any order', () => {
    const { cipher, opened } = counting();
    const opening = new OpeningCipher(cipher);
    for (const sequence of [1, 0]) expect(opening.verify(sequence, sealed[sequence]!)).toBe(true);
    for (const sequence of [0, 1]) expect(Buffer.from(opening.open(sequence, sealed[sequence]!)!)).toEqual(plain[sequence]);
    expect(opened).toEqual([1, 0]);
  });

  it('refuses other bytes, another tag and another place, and opens what it never verified itself', () => {
    const { cipher, opened } = counting();
    const opening = new OpeningCipher(cipher);
    const other = Uint8Array.from(sealed[0]!.ciphertext, (byte) => byte ^ 1);
    expect(opening.verify(0, { ciphertext: other, tag: sealed[0]!.tag })).toBe(false);
    expect(opening.verify(0, { ciphertext: sealed[0]!.ciphertext, tag: sealed[1]!.tag })).toBe(false);
    expect(opening.verify(1, sealed[0]!)).toBe(false);
    expect(opening.verify(0, sealed[0]!)).toBe(true);
    // Equal bytes elsewhere in memory may have been changed since.
    expect(opening.open(0, { ciphertext: other, tag: sealed[0]!.tag })).toBeUndefined();
    expect(Buffer.from(opening.open(0, sealed[0]!)!)).toEqual(plain[0]);
    expect(opened).toEqual([0, 0, 1, 0, 0, 0]);
  });
});
