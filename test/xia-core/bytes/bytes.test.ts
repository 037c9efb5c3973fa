import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  concatBytes,
  copyBytes,
  equalBytes,
  errorCodes,
  finishChecksum,
  fromHex,
  internetChecksum,
  readU16BE,
  readU16LE,
  readU32BE,
  readU32LE,
  readU48BE,
  sumWords,
  toHex,
  writeU16BE,
  writeU16LE,
  writeU32BE,
  writeU32LE,
  writeU48BE,
  XiaError,
} from '../../../xia-core/src/bytes/index.js';

describe('hex', () => {
  test('there and back, in either case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  test.each([
    ['0g', 1],
    ['abc', 3],
    ['00 0', 2],
    [':', 0],
    ['@`', 0],
  ])('%s is refused at %i', (text, position) => {
    expect(() => fromHex(text)).toThrow(expect.objectContaining({ code: 'bad-hex', context: { position } }));
  });
});

describe('bytes', () => {
  test('concatBytes and equalBytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        expect(equalBytes(concatBytes(...parts), new Uint8Array(Buffer.concat(parts)))).toBe(true);
      }),
    );
    expect(equalBytes(fromHex('00'), fromHex('0000'))).toBe(false);
    expect(equalBytes(fromHex('0001'), fromHex('0000'))).toBe(false);
  });

  test('copyBytes does not share the memory of a Buffer', () => {
    const buffer = Buffer.from('00010203', 'hex');
    const copy = copyBytes(buffer, 1, 2);
    buffer.fill(9);
    expect(copy).toEqual(new Uint8Array([1, 2]));
    expect(copyBytes(new Uint8Array([1, 2, 3]), 1)).toEqual(new Uint8Array([2, 3]));
  });

  test.each([
    ['u16 BE', readU16BE, writeU16BE, 2 ** 16],
    ['u16 LE', readU16LE, writeU16LE, 2 ** 16],
    ['u32 BE', readU32BE, writeU32BE, 2 ** 32],
    ['u32 LE', readU32LE, writeU32LE, 2 ** 32],
    ['u48 BE', readU48BE, writeU48BE, 2 ** 48],
  ])('%s there and back', (_name, read, write, bound) => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(5), (number, offset) => {
        const value = Math.abs(number) % bound;
        const bytes = new Uint8Array(16);
        write(bytes, offset, value);
        expect(read(bytes, offset)).toBe(value);
      }),
    );
  });

  test('byte orders', () => {
    const bytes = fromHex('0102030405060708');
    expect([readU16BE(bytes, 0), readU16LE(bytes, 0)]).toEqual([0x0102, 0x0201]);
    expect([readU32BE(bytes, 1), readU32LE(bytes, 1)]).toEqual([0x02030405, 0x05040302]);
    expect(readU48BE(bytes, 0)).toBe(0x010203040506);
  });
});

describe('internetChecksum', () => {
  test('the example of RFC 1071', () => {
    expect(internetChecksum(fromHex('0001f203f4f5f6f7'))).toBe(~0xddf2 & 0xffff);
  });

  test('a message with its checksum in place sums to zero, an odd one too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 300 }), (bytes) => {
        writeU16BE(bytes, 2, 0);
        writeU16BE(bytes, 2, internetChecksum(bytes));
        expect(internetChecksum(bytes)).toBe(0);
      }),
    );
  });

  test('a sum in parts is the sum of the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(16), (bytes, words) => {
        const cut = Math.min(words * 2, bytes.length & ~1);
        const sum = sumWords(bytes, cut, bytes.length, sumWords(bytes, 0, cut, 0));
        expect(finishChecksum(sum)).toBe(internetChecksum(bytes));
      }),
    );
  });
});

describe('XiaError', () => {
  test('carries a code, a context and a cause', () => {
    const cause = new Error('why');
    const error = new XiaError('bad-dag', 'no', { position: 3 }, { cause });
    expect(error).toMatchObject({ name: 'XiaError', code: 'bad-dag', message: 'no', context: { position: 3 }, cause });
  });

  test('the table of codes is sorted', () => {
    const codes = Object.keys(errorCodes);
    expect(codes).toEqual(codes.toSorted());
  });
});
