import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../../xia-core/src/io/node-crypto.js';
import { packBody, unpackBody } from '../../../xia-core/src/wire/msgpack.js';
import {
  MAX_STATEMENT_BYTES,
  STATEMENT_HEADER_BYTES,
  StatementKind,
  openStatement,
  sealStatement,
} from '../../../xia-core/src/wire/statement.js';
import { fixedIdentity } from '../mobility/support/fixed-identity.js';

const alice = fixedIdentity(1);
const mallory = fixedIdentity(2);
const schema = v.strictObject({ text: v.string(), count: v.number() });
const body = { text: 'hello', count: 7 };

const open = (bytes: Uint8Array, kind: StatementKind = StatementKind.BINDING) => openStatement(bytes, kind, nodeCrypto, schema);
const refusal = (bytes: Uint8Array, kind?: StatementKind) => {
  const opened = open(bytes, kind);
  return opened.ok ? 'accepted' : opened.reason;
};

describe('a signed statement', () => {
  const bytes = sealStatement(StatementKind.BINDING, body, alice);

  it('gives the body and the id of its signer back', () => {
    const opened = open(bytes);
    expect(opened).toEqual({ ok: true, value: body, signerId: nodeCrypto.hash(alice.publicKey) });
  });

  it('is the same bytes for the same key and body', () => {
    expect(sealStatement(StatementKind.BINDING, body, alice)).toEqual(bytes);
  });

  it('is refused as another kind, even with the kind byte changed', () => {
    expect(refusal(bytes, StatementKind.BEACON)).toBe('wrong-kind');
    const renamed = bytes.slice();
    renamed[0] = StatementKind.BEACON;
    expect(refusal(renamed, StatementKind.BEACON)).toBe('bad-signature');
  });

  it('is refused in another version', () => {
    const next = bytes.slice();
    next[1] = 2;
    expect(refusal(next)).toBe('wrong-version');
  });

  it('is refused under the key of somebody else', () => {
    const stolen = bytes.slice();
    stolen.set(mallory.publicKey, 2);
    expect(refusal(stolen)).toBe('bad-signature');
  });

  it('is refused with any bit changed, at any cut, and with bytes added', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = bytes.slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(open(changed).ok).toBe(false);
      }),
    );
    for (let length = 0; length < bytes.length; length++) expect(open(bytes.subarray(0, length)).ok).toBe(false);
    expect(refusal(Uint8Array.of(...bytes, 0))).toBe('bad-body');
    expect(refusal(bytes.subarray(0, STATEMENT_HEADER_BYTES))).toBe('truncated');
    expect(refusal(new Uint8Array(MAX_STATEMENT_BYTES + 1))).toBe('oversized');
  });

  it('is refused with a key that the schema does not know, or without one that it needs', () => {
    expect(refusal(sealStatement(StatementKind.BINDING, { ...body, more: 1 }, alice))).toBe('unknown-key');
    expect(refusal(sealStatement(StatementKind.BINDING, { text: 'hello' }, alice))).toBe('bad-body');
    expect(refusal(sealStatement(StatementKind.BINDING, { text: 1, count: 7 }, alice))).toBe('bad-body');
  });

  it('is not made when it would be too large to be taken', () => {
    const big = { text: 'x'.repeat(MAX_STATEMENT_BYTES), count: 1 };
    expect(() => sealStatement(StatementKind.BINDING, big, alice)).toThrow(expect.objectContaining({ code: 'too-large' }));
  });
});

describe('the msgpack body', () => {
  it('round-trips plain maps', () => {
    const value = fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean(), fc.array(fc.maxSafeInteger()), fc.constant(null)),
    );
    fc.assert(
      fc.property(value, (map) => {
        expect(unpackBody(packBody({ ...map }))).toEqual({ ok: true, value: { ...map } });
      }),
    );
  });

  it.each([
    ['nothing', [], 'truncated'],
    ['a number', [0x01], 'bad-body'],
    ['a list', [0x90], 'bad-body'],
    ['a map that ends early', [0x81, 0xa1, 0x61], 'truncated'],
    ['a list of four billion', [0x81, 0xa1, 0x61, 0xdd, 0xff, 0xff, 0xff, 0xff], 'truncated'],
    ['a text of four billion', [0x81, 0xa1, 0x61, 0xdb, 0xff, 0xff, 0xff, 0xff], 'truncated'],
    ['an extension', [0x81, 0xa1, 0x61, 0xd4, 0x72, 0x40], 'bad-body'],
    ['the unused token', [0x81, 0xa1, 0x61, 0xc1], 'bad-body'],
    ['a second value behind', [0x80, 0x80], 'bad-body'],
    ['deep nesting', [0x81, 0xa1, 0x61, ...Array.from({ length: 40 }, () => 0x91), 0x01], 'bad-body'],
  ])('refuses %s', (_name, bytes, reason) => {
    expect(unpackBody(Uint8Array.from(bytes))).toEqual({ ok: false, reason });
  });

  it('takes any bytes without throwing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof unpackBody(bytes).ok === 'boolean'));
  });
});
