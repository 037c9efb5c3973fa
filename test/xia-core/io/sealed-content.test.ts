import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTENT_KEY_BYTES, ContentSealer, openWithKey } from '../../../xia-core/src/io/index.js';

const secret = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

describe('ContentSealer', () => {
  it('opens what it sealed, and seals equal content equally, for one owner', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (plaintext) => {
        const [one, again, other] = [secret(1), secret(1), secret(2)].map((key) => new ContentSealer(key));
        const sealed = one!.seal(plaintext);
        expect(same(again!.open(sealed)!, plaintext)).toBe(true);
        expect(same(again!.seal(plaintext).ciphertext, sealed.ciphertext)).toBe(true);
        expect(other!.open(sealed)).toBe(undefined);
        if (plaintext.length > 8) expect(same(other!.seal(plaintext).ciphertext, sealed.ciphertext)).toBe(false);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('notices any changed bit', () => {
    const sealer = new ContentSealer(secret(3));
    const sealed = sealer.seal(new Uint8Array(100).fill(7));
    for (const part of ['ciphertext', 'seed', 'tag'] as const) {
      for (let at = 0; at < sealed[part].length; at++) {
        const changed = Uint8Array.from(sealed[part]);
        changed[at]! ^= 1 << (at % 8);
        expect(sealer.open({ ...sealed, [part]: changed }), `${part} ${at}`).toBe(undefined);
      }
    }
    expect(sealer.open({ ...sealed, tag: sealed.tag.subarray(1) })).toBe(undefined);
  });

  it('seals the same with a key of the content, which opens it without the secret, and nothing else', () => {
    const sealer = new ContentSealer(secret(4));
    const [plaintext, other] = [new Uint8Array(100).fill(7), new Uint8Array(100).fill(8)];
    const keyed = sealer.sealWithKey(plaintext);
    expect(same(keyed.ciphertext, sealer.seal(plaintext).ciphertext)).toBe(true);
    expect(keyed.key).toHaveLength(CONTENT_KEY_BYTES);
    expect(same(openWithKey(keyed)!, plaintext)).toBe(true);
    expect(openWithKey({ ...sealer.sealWithKey(other), key: keyed.key })).toBe(undefined);
    expect(openWithKey({ ...keyed, key: keyed.key.subarray(1) })).toBe(undefined);
    expect(openWithKey({ ...keyed, tag: new Uint8Array(16) })).toBe(undefined);
  });

  it('takes no short secret', () => {
    expect(() => new ContentSealer(new Uint8Array(15))).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });
});
