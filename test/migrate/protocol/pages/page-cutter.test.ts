import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyLayout } from '../../../../migrate/src/protocol/pages/layout.js';
import { MIN_PAGE_CUTTER_CHUNK_BYTES, PageCutter } from '../../../../migrate/src/protocol/pages/page-cutter.js';
import type { CutUrgency } from '../../../../migrate/src/protocol/stream-cutter.js';
import { SeededRandom } from '../../../../xia-core/src/bytes/random.js';
import { qemuStream, type Page, type Section } from './qemu-stream.js';

const CHUNK_BYTES = MIN_PAGE_CUTTER_CHUNK_BYTES;

interface Cut {
  readonly length: number;
  readonly content: Uint8Array;
  readonly layout: Uint8Array;
  readonly recurs: boolean;
}

/** Cuts a stream that comes in pieces of at most so many bytes, now and then pausing. */
function cut(stream: Uint8Array, seed = 1, maxInput = 70_000): { pieces: Cut[]; cutter: PageCutter } {
  const random = new SeededRandom(seed);
  const cutter = new PageCutter(CHUNK_BYTES);
  const pieces: Cut[] = [];
  const drain = (urgency: CutUrgency) => {
    for (let length = cutter.ready(urgency); length > 0; length = cutter.ready(urgency)) {
      const piece = cutter.take();
      expect(piece.length).toBe(length);
      pieces.push({ ...piece, content: piece.content.slice() });
    }
  };
  for (let at = 0; at < stream.length;) {
    const input = stream.subarray(at, at + 1 + random.below(maxInput));
    cutter.push(input);
    at += input.length;
    drain(random.below(4) === 0 ? 'idle' : 'full');
    expect(cutter.wantsInput, 'a cutter with nothing ready must take more').toBe(true);
  }
  drain('end');
  expect(cutter.bytes).toBe(0);
  return { pieces, cutter };
}

function joined(pieces: readonly Cut[]): Buffer {
  const parts = pieces.map(({ layout, content, length }) => {
    if (layout.length === 0) return content;
    const part = new Uint8Array(length).fill(0xee);
    expect(applyLayout(layout, content, part)).toBe(true);
    return part;
  });
  return Buffer.concat(parts);
}

/** What stands for each content that recurs. */
const contentsOf = (pieces: readonly Cut[]) =>
  pieces.filter(({ recurs }) => recurs).map(({ content }) => createHash('md5').update(content).digest('hex'));

/** Pages from `first` on, contents beginning with the number of the page and one. */
const run = (first: number, count: number): Page[] =>
  Array.from({ length: count }, (_, index) => ({ page: first + index, content: first + index + 1 }));

const pageArbitrary = fc.record({
  block: fc.constantFrom('pc.ram', 'pc.ram', 'pc.ram', 'vga', ''),
  page: fc.oneof(fc.nat(600), fc.nat(2 ** 40)),
  content: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })),
  xbzrle: fc.boolean(),
});
const sectionArbitrary: fc.Arbitrary<Section> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(400), fc.nat(60)).map(([first, count]) => run(first, count)) },
  { weight: 3, arbitrary: fc.array(pageArbitrary, { maxLength: 20 }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((foreign) => ({ foreign })) },
  { weight: 1, arbitrary: fc.constantFrom(0x01, 0x04, 0x80, 0x0a, 0x18, 0x100, 0xfff).map((unknownFlag) => ({ unknownFlag })) },
);
const streamArbitrary = fc.array(sectionArbitrary, { maxLength: 8 }).map(qemuStream);

describe('PageCutter', () => {
  it('gives the stream back byte for byte, whatever it is and however it comes', () => {
    const spoilt = fc
      .tuple(streamArbitrary, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), fc.boolean())
      .map(([stream, changes, end, isCut]) => {
        const bytes = Uint8Array.from(stream);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return isCut ? bytes.subarray(0, end % bytes.length) : bytes;
      });
    const anything = fc.oneof(streamArbitrary, spoilt, fc.uint8Array({ maxLength: 5000 }));
    fc.assert(
      fc.property(anything, fc.integer({ min: 1 }), fc.constantFrom(3, 5_000, 400_000), (stream, seed, maxInput) => {
        const isLong = stream.length / maxInput > 2_000;
        const { pieces } = cut(stream, seed, isLong ? 5_000 : maxInput);
        expect(joined(pieces).equals(stream)).toBe(true);
        for (const { length, content, layout, recurs } of pieces) {
          expect(length).toBeLessThanOrEqual(CHUNK_BYTES);
          expect(content.length).toBeLessThanOrEqual(length);
          expect(layout.length).toBeLessThan(8_192);
          expect(recurs).toBe(layout.length > 0 && content.length > 0);
        }
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it('finds the same contents however the stream comes', () => {
    const stream = qemuStream([run(0, 500), run(500, 700), []]);
    const once = contentsOf(cut(stream).pieces);
    for (const seed of [2, 3]) expect(contentsOf(cut(stream, seed, 9_000).pieces)).toEqual(once);
    expect(once).toHaveLength(1200 / 15);
  });

  it('makes one new content of one page that changed', () => {
    const pages = run(0, 1024);
    const before = new Set(contentsOf(cut(qemuStream([pages])).pieces));
    const changed = pages.map((page) => (page.page === 333 ? { page: 333, content: 5_000 } : page));
    const after = contentsOf(cut(qemuStream([changed])).pieces);
    expect(after.filter((content) => !before.has(content))).toHaveLength(1);
  });

  it('knows contents again behind a page that is no longer zero, and where sections end elsewhere', () => {
    // One page in three has something in it.
    const sparse = Array.from({ length: 2048 }, (_, page) => ({ page, content: page % 3 === 0 ? page + 1 : 0 }));
    const before = contentsOf(cut(qemuStream([sparse])).pieces);
    const other = sparse.map((page) => (page.page === 700 ? { page: 700, content: 9_000 } : page));
    const after = contentsOf(cut(qemuStream([other.slice(0, 777), other.slice(777), []])).pieces);
    const known = new Set(before);
    const fresh = after.filter((content) => !known.has(content));
    expect(before.length).toBeGreaterThan(30);
    expect(fresh.length).toBeLessThanOrEqual(5);
  });

  it('says zero pages in a few bytes', () => {
    const zeros = Array.from({ length: 50_000 }, (_, page) => ({ page, content: 0 }));
    const { pieces, cutter } = cut(qemuStream([zeros, run(50_010, 15)]));
    const said = pieces.reduce((sum, { layout }) => sum + layout.length, 0);
    expect(said).toBeLessThan(200);
    expect(cutter.pages).toEqual({ zero: 50_000, fresh: 15, again: 0 });
  });

  it('takes pages that are sent again for new ones', () => {
    const { pieces, cutter } = cut(qemuStream([run(0, 160), run(32, 16), []]));
    expect(contentsOf(pieces)).toHaveLength(11);
    expect(cutter.pages).toEqual({ zero: 0, fresh: 160, again: 16 });
  });

  it('goes on behind what it does not know', () => {
    const foreign = new SeededRandom(7).bytes(3_000);
    const sections: Section[] = [
      run(0, 64),
      { foreign },
      run(64, 64),
      { unknownFlag: 0x80 },
      run(128, 64),
      [{ page: 1, content: 9, xbzrle: true }],
      run(192, 64),
    ];
    const { pieces, cutter } = cut(qemuStream(sections));
    expect(cutter.pages.fresh).toBe(256);
    expect(contentsOf(pieces).length).toBeLessThanOrEqual(18 + 4);
  });

  it('lets what is no stream of QEMU leave when it stops coming', () => {
    const cutter = new PageCutter(CHUNK_BYTES);
    cutter.push(Buffer.from('some other stream'));
    expect(cutter.ready('full')).toBe(0);
    expect(cutter.hasPartial).toBe(true);
    expect(cutter.ready('idle')).toBe(17);
    expect(Buffer.from(joined([cutter.take()])).toString()).toBe('some other stream');
  });

  it('does not let a group leave before it is whole', () => {
    const stream = qemuStream([run(0, 24)]);
    const cutter = new PageCutter(CHUNK_BYTES);
    cutter.push(stream.subarray(0, stream.length - 40_000));
    while (cutter.ready('idle') > 0) cutter.take();
    expect(cutter.bytes).toBeGreaterThan(4096);
    expect(cutter.hasPartial).toBe(false);
  });
});
