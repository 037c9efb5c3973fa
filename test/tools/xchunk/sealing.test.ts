import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contentDag, contentId, ContentSealer, Dag, PrincipalType, Xid } from 'xia-core';
import { formatManifest, parseManifest, type SealedManifest } from '../../../tools/src/xchunk/manifest.js';
import { publishFile } from '../../../tools/src/xchunk/publication.js';
import { readingOf } from '../../../tools/src/xchunk/reading.js';

const owner = () => new ContentSealer(new Uint8Array(32).fill(1));
const stranger = () => new ContentSealer(new Uint8Array(32).fill(2));
const content = Buffer.from(Array.from({ length: 2500 }, (_, index) => (index * 7) % 251));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const host = Dag.parse(`RE AD:${'1'.repeat(40)} HID:${'2'.repeat(40)}`);

/** What a publisher has: the manifest as `get` reads it, and the chunks by their addresses. */
function published(sealer: ContentSealer | undefined, bytes: Uint8Array = content) {
  const chunks = new Map<string, Uint8Array>();
  const manifest = publishFile('file', bytes, 1000, sealer, (chunk) => {
    const dag = contentDag(host.find(PrincipalType.AD), host.intent, new Xid(PrincipalType.CID, contentId(chunk)));
    chunks.set(dag.toString(), chunk);
    return dag;
  });
  return { manifest: parseManifest(formatManifest(manifest), 'm.json'), chunks };
}

const sealedOf = (manifest: ReturnType<typeof published>['manifest']) => manifest as SealedManifest;

describe('a sealed file', () => {
  it('is read with its secret, and shows nothing of itself', () => {
    const { manifest, chunks } = published(owner());
    const reading = readingOf(manifest, 'm.json', owner(), 'secret');
    const opened = manifest.chunks.map(({ dag }, index) => reading.open(index, chunks.get(dag.toString())!));
    expect(Buffer.compare(Buffer.concat(opened), content)).toBe(0);
    expect(reading.isWhole(sha256(content))).toBe(true);
    expect(reading.isWhole(sha256(content.subarray(1)))).toBe(false);
    for (const chunk of chunks.values()) expect(Buffer.from(chunk).includes(content.subarray(0, 20))).toBe(false);
    expect(formatManifest(manifest)).not.toContain(sha256(content).toString('hex'));
  });

  it('has the same addresses when the same owner seals it again, and other ones for anybody else', () => {
    const addresses = (sealer: ContentSealer | undefined) => [...published(sealer).chunks.keys()];
    expect(addresses(owner())).toEqual(addresses(owner()));
    const [mine, others] = [addresses(owner()), [...addresses(stranger()), ...addresses(undefined)]];
    expect(mine.filter((address) => others.includes(address))).toEqual([]);
    const longer = published(owner(), Buffer.concat([content.subarray(0, 2000), Buffer.from('changed')]));
    expect([...longer.chunks.keys()].slice(0, 2)).toEqual(mine.slice(0, 2));
  });

  it('says which secret is missing, or wrong, or not needed, before anything is fetched', () => {
    const { manifest } = published(owner());
    const error = (code: string, text: string) => expect.objectContaining({ code, message: expect.stringContaining(text) });
    expect(() => readingOf(manifest, 'm.json', undefined, undefined)).toThrow(error('usage', 'm.json is sealed: give --secret'));
    expect(() => readingOf(manifest, 'm.json', stranger(), 'other')).toThrow(error('bad-key', 'other: not the secret'));
    expect(() => readingOf(published(undefined).manifest, 'm.json', owner(), 'secret')).toThrow(error('usage', 'm.json is not sealed'));
  });

  it.each(['tag', 'seed'] as const)('is refused when the manifest has another %s', (field) => {
    const { manifest, chunks } = published(owner());
    const [first, ...rest] = sealedOf(manifest).chunks;
    const forged = { ...sealedOf(manifest), chunks: [{ ...first!, [field]: sealedOf(manifest).chunks[1]![field] }, ...rest] };
    const reading = readingOf(forged, 'm.json', owner(), 'secret');
    expect(() => reading.open(0, chunks.get(first!.dag.toString())!)).toThrow(expect.objectContaining({ code: 'refused' }));
  });

  it('is not whole when the manifest has its chunks in another order', () => {
    const { manifest, chunks } = published(owner());
    const [first, second, third] = sealedOf(manifest).chunks;
    const forged = { ...sealedOf(manifest), chunks: [second!, first!, third!] };
    const reading = readingOf(forged, 'm.json', owner(), 'secret');
    const opened = forged.chunks.map(({ dag }, index) => reading.open(index, chunks.get(dag.toString())!));
    expect(reading.isWhole(sha256(Buffer.concat(opened)))).toBe(false);
  });

  it.each([
    ['seed', 'chunks.0.seed: '],
    ['tag', 'chunks.0.tag: '],
    ['mark', 'sealed.mark: '],
    ['secretId', 'sealed.secretId: '],
  ])('has no manifest without %s', (field, message) => {
    const text = formatManifest(published(owner()).manifest).replace(new RegExp(`"${field}": "[0-9a-f]`), `"${field}": "`);
    expect(() => parseManifest(text, 'm.json')).toThrow(
      expect.objectContaining({ code: 'bad-config', message: expect.stringContaining(message) }),
    );
  });
});
