import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter } from '../../../migrate/src/qemu/line-splitter.js';

describe('LineSplitter', () => {
  test('gives the same lines however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(200)), (texts, cuts) => {
        const lines = texts.map((text) => text.replaceAll(/[\r\n]/g, ' '));
        const stream = Buffer.from(lines.map((line) => `${line}\r\n`).join(''));
        const splitter = new LineSplitter(100_000);
        const seen: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          seen.push(...splitter.push(stream.subarray(at, at + cut)));
          at += cut;
        }
        seen.push(...splitter.push(stream.subarray(at)));
        expect(seen).toEqual(lines);
      }),
    );
  });

  test('refuses a line that grows beyond the bound, also without its end', () => {
    const splitter = new LineSplitter(10);
    expect(splitter.push(Buffer.from('0123456789\nabc'))).toEqual(['0123456789']);
    expect(() => splitter.push(Buffer.from('defghijk'))).toThrow(expect.objectContaining({ code: 'qmp-error' }));
  });
});
