import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BROADCAST_HID,
  nobleHash,
  PrincipalTable,
  PrincipalType,
  SID_BOOTSTRAP,
  SID_NAME_SERVICE,
  SID_ROUTING,
  Xid,
  xidOf,
} from '../../../xia-core/src/xid/index.js';
import { contentId } from '../../../xia-core/src/io/index.js';

const id20 = fc.uint8Array({ minLength: 20, maxLength: 20 });

describe('Xid', () => {
  test('text there and back', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(PrincipalType), 0x50, 0xffff_fffe), id20, (type, id) => {
        const xid = Xid.of(type, id);
        const again = Xid.parse(xid.toString());
        expect(again.equals(xid)).toBe(true);
        expect(again.key).toBe(xid.key);
        expect(JSON.stringify(again)).toBe(JSON.stringify(xid.toString()));
      }),
    );
  });

  test('upper-case digits are read, lower-case ones printed', () => {
    expect(Xid.parse(`HID:${'AB'.repeat(20)}`).toString()).toBe(`HID:${'ab'.repeat(20)}`);
  });

  test('an IPv4 address is an id that looks like an IPv4 header', () => {
    expect(Xid.parse('IP:128.2.208.167').toString()).toBe('IP:4500000000010000fafa0000000000008002d0a7');
  });

  test.each([
    '',
    'HID',
    'hid:0000000000000000000000000000000000000000',
    'FOO:0000000000000000000000000000000000000000',
    '0x0:0000000000000000000000000000000000000000',
    '0xff:0000000000000000000000000000000000000000',
    'HID:00000000000000000000000000000000000000',
    'HID:000000000000000000000000000000000000000000',
    'HID:000000000000000000000000000000000000000g',
    'HID:0000000000000000000000000000000000000000:',
    ' HID:0000000000000000000000000000000000000000',
    'HID:1.2.3.4',
    'IP:1.2.3',
    'IP:1.2.3.256',
    'IP:1.2.3.4.5',
    'IP:1.2.3.-4',
  ])('%j is refused', (text) => {
    expect(() => Xid.parse(text)).toThrow(expect.objectContaining({ code: 'bad-xid', context: expect.objectContaining({ text }) }));
  });

  test('never anything but an Xid or a reason', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('AHID:0x1234.f ')) }), (text) => {
        const result = Xid.tryParse(text);
        expect(result instanceof Xid || result.reason.length > 0).toBe(true);
      }),
    );
  });

  test('another type or another id is another XID', () => {
    const zero = '00'.repeat(20);
    expect(Xid.of(0x10, zero).equals(Xid.of(0x11, zero))).toBe(false);
    expect(Xid.of(0x10, zero).equals(Xid.of(0x10, `${'00'.repeat(19)}01`))).toBe(false);
  });

  test('wrong arguments throw', () => {
    expect(() => new Xid(0x10, new Uint8Array(19))).toThrow(expect.objectContaining({ code: 'bad-xid' }));
    expect(() => new Xid(-1, new Uint8Array(20))).toThrow(expect.objectContaining({ code: 'bad-xid' }));
    expect(() => Xid.of(0x10, 'zz')).toThrow(expect.objectContaining({ code: 'bad-hex' }));
  });

  test('the well-known ones', () => {
    expect([BROADCAST_HID, SID_BOOTSTRAP, SID_ROUTING, SID_NAME_SERVICE].map(String)).toEqual([
      'HID:ffffffffffffffffffffffffffffffffffffffff',
      'SID:1110000000000000000000000000000000001111',
      'SID:1110000000000000000000000000000000001112',
      'SID:1110000000000000000000000000000000001113',
    ]);
  });
});

describe('PrincipalTable', () => {
  test('a new type is one entry', () => {
    const table = new PrincipalTable();
    table.add('FOO', 0x50);
    table.add('FOO', 0x50);
    expect([table.name(0x50), table.code('FOO'), table.code('0x50')]).toEqual(['FOO', 0x50, 0x50]);
    expect([table.name(0x51), table.code('BAR')]).toEqual(['0x51', undefined]);
  });

  test.each([
    ['HID', 0x50],
    ['FOO', 0x11],
    ['FOO', 0],
    ['FOO', 0xff],
    ['FOO', 2 ** 32],
    ['FOO', 1.5],
    ['foo', 0x50],
    ['F O', 0x50],
    ['', 0x50],
  ])('%j with code %d is refused', (name, code) => {
    expect(() => new PrincipalTable().add(name, code)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });
});

describe('hashes', () => {
  test('nobleHash is the first 20 bytes of what node:crypto says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (data) => {
        for (const algorithm of ['sha256', 'sha1'] as const) {
          const expected = createHash(algorithm).update(data).digest().subarray(0, 20);
          expect(nobleHash(data, algorithm)).toEqual(new Uint8Array(expected));
          expect(new Uint8Array(contentId(data, algorithm))).toEqual(new Uint8Array(expected));
        }
        expect(nobleHash(data)).toEqual(nobleHash(data, 'sha256'));
      }),
    );
  });

  test('sha1 gives the ids of the prototype', () => {
    const chunk = Uint8Array.from({ length: 3000 }, (_, i) => 65 + (i % 26));
    expect(new Xid(PrincipalType.CID, nobleHash(chunk, 'sha1')).toString()).toBe('CID:c38794ce9396881ea2aacff3ebc3d44ca3428b17');
    const key =
      'MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC1zl6EhUIMywb77saVcSWf5189inaBQGk7OgF22q9dW5BZN6EOc3M8M1CWDAG+7Ke15UiVtlCG26pAtQVJcxd71cMgo578cn2AKYibbuMt6xZiUKkP4L8g2liFvwJECgm48C/oFssIRdKT7BJhJ73kX+GNDnt4+scZhmrR1sYaSQIDAQAB';
    expect(Buffer.from(nobleHash(new TextEncoder().encode(key), 'sha1')).toString('hex')).toBe('159b6ccf6961dd4b01110b00d95179c83eca2a66');
  });

  test('xidOf names an identity', () => {
    const identity = { publicKey: new Uint8Array(32), id: new Uint8Array(20).fill(7), sign: () => new Uint8Array(64) };
    expect(xidOf(PrincipalType.AD, identity).toString()).toBe(`AD:${'07'.repeat(20)}`);
  });
});
