import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMessage, parseMessage, printable, safeName } from '../../../tools/src/xcat/file-message.js';
import { PieceReader } from '../../../tools/src/xcat/piece-reader.js';

describe('messages around a file', () => {
  it.each([
    { kind: 'offer', name: 'film.mp4', bytes: 7 },
    { kind: 'accept' },
    { kind: 'sum', sha256: 'ab'.repeat(32) },
    { kind: 'stored' },
    { kind: 'refuse', reason: 'it exists already' },
  ] as const)('are read as they were written: $kind', (message) => {
    expect(parseMessage(formatMessage(message).trimEnd())).toEqual({ xcat: 1, ...message });
  });

  it.each([
    '',
    'hello',
    '{}',
    '{"xcat":2,"kind":"accept"}',
    '{"xcat":1,"kind":"offer","name":"a","bytes":-1}',
    '{"xcat":1,"kind":"sum","sha256":"x"}',
  ])('are told from what is none: %s', (line) => expect(parseMessage(line)).toBeUndefined());
});

describe('the name of a file of a peer', () => {
  it.each([
    ['film.mp4', 'film.mp4'],
    ['/etc/passwd', 'passwd'],
    ['../../.ssh/authorized_keys', 'authorized_keys'],
    ['C:\\windows\\win.ini', 'win.ini'],
    ['.bashrc', 'bashrc'],
    ['a\u0000b\u001b[2Jc\n', 'a_b_[2Jc_'],
    ['exe\u202egnp.txt', 'exe_gnp.txt'],
  ])('%j becomes %j', (name, safe) => expect(safeName(name)).toBe(safe));

  it.each(['', '/', '..', '../..', '. .', 'x'.repeat(256)])('%j is refused', (name) => {
    expect(() => safeName(name)).toThrow(expect.objectContaining({ code: 'refused' }));
  });

  it('never leads out of the folder, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
        let safe = '';
        try {
          safe = safeName(name);
        } catch {
          return;
        }
        expect(safe).not.toMatch(/[/\0]|^\.|^$/);
      }),
    );
  });

  it('and its reasons cannot drive a terminal', () => expect(printable('a\u001b[2J\r\nb')).toBe('a?[2J??b'));
});

describe('PieceReader', () => {
  async function* pieces(...texts: readonly string[]): AsyncGenerator<Buffer> {
    for (const text of texts) yield Buffer.from(text);
  }

  it('gives lines and bytes by turns, wherever the pieces are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(30), { maxLength: 6 }), async (cuts) => {
        const text = 'first\nsecond\n0123456789third\n';
        const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).toSorted((a, b) => a - b), text.length];
        const reader = new PieceReader(pieces(...at.slice(1).map((end, index) => text.slice(at[index], end))));
        expect(await reader.line(10)).toBe('first');
        expect(await reader.line(10)).toBe('second');
        let bytes = '';
        while (bytes.length < 10) bytes += (await reader.some(10 - bytes.length))!.toString();
        expect(bytes).toBe('0123456789');
        expect(await reader.line(10)).toBe('third');
        expect(await reader.line(10)).toBeUndefined();
        expect(await reader.some(1)).toBeUndefined();
      }),
    );
  });

  it('keeps no more of a line than it may have', async () => {
    await expect(new PieceReader(pieces('0123', '456789a')).line(10)).rejects.toMatchObject({ code: 'refused' });
  });
});
