import { describe, expect, it } from 'vitest';
import { Dag } from 'xia-core';
import { formatManifest, parseManifest } from '../../../tools/src/xchunk/manifest.js';

const dag = Dag.parse(`RE ( AD:${'1'.repeat(40)} HID:${'2'.repeat(40)} ) CID:${'3'.repeat(40)}`);
const manifest = {
  name: 'film.mp4',
  bytes: 7,
  sha256: 'ab'.repeat(32),
  chunks: [
    { dag, bytes: 5 },
    { dag, bytes: 2 },
  ],
};

describe('manifest', () => {
  it('reads what it wrote', () => {
    const read = parseManifest(formatManifest(manifest), 'm.json');
    expect(read).toMatchObject({ name: 'film.mp4', bytes: 7, sha256: manifest.sha256 });
    expect(read.chunks.map((chunk) => chunk.dag.toString())).toEqual([dag.toString(), dag.toString()]);
  });

  it.each([
    ['not JSON', 'm.json: not a manifest'],
    ['{}', 'm.json: name: '],
    [formatManifest({ ...manifest, bytes: 8 }), 'm.json: bytes: the chunks have 7 bytes together, not 8'],
    [formatManifest({ ...manifest, sha256: 'x' }), 'm.json: sha256: '],
    [formatManifest(manifest).replaceAll('CID:', 'SID:'), 'm.json: chunks.0.dag: not the address of a chunk'],
    [formatManifest(manifest).replace('"name"', '"title"'), 'm.json: '],
  ])('refuses %s', (text, message) => {
    expect(() => parseManifest(text, 'm.json')).toThrow(
      expect.objectContaining({ code: 'bad-config', message: expect.stringContaining(message) }),
    );
  });
});
