import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyLayout as applyLayoutTo, LayoutBuilder } from '../../../../migrate/src/protocol/pages/layout.js';
import { ByteReader, MAX_VARINT, pushVarint } from '../../../../migrate/src/protocol/pages/varint.js';
import { PieceListWriter, parsePieceList, type PieceOffer } from '../../../../migrate/src/protocol/piece-list.js';

/** In memory that is not empty, as it is when it was used before. */
function applyLayout(layout: Uint8Array, content: Uint8Array, length: number): Uint8Array | undefined {
  const out = new Uint8Array(length).fill(0xee);
  return applyLayoutTo(layout, content, out) ? out : undefined;
}

describe('a layout', () => {
  it('has an effect that can be written down', () => {
    const builder = new LayoutBuilder();
    builder.literal(Uint8Array.of(1, 2));
    builder.content(3);
    builder.zero(0x12345);
    builder.zero(0x12346);
    const expected = '0102aabbcc000000001234502200000000001234602200';
    expect(Buffer.from(applyLayout(builder.take(), Uint8Array.of(0xaa, 0xbb, 0xcc), 23)!).toString('hex')).toBe(expected);
    builder.page(2 ** 50);
    const record = applyLayout(builder.take(), new Uint8Array(4096).fill(5), 4104)!;
    expect(Buffer.from(record.subarray(0, 9)).toString('hex')).toBe('400000000000002805');
  });

  it('is refused when it is not exactly right, and never throws', () => {
    const outcomes = { made: 0, refused: 0 };
    const steps = fc.array(fc.tuple(fc.nat(9), fc.oneof(fc.nat(4), fc.nat(70_000), fc.constant(MAX_VARINT / 16)), fc.nat(3)), {
      maxLength: 6,
    });
    const plausible = steps.map((list) => {
      const bytes: number[] = [];
      for (const [step, count, extra] of list) {
        pushVarint(bytes, Math.floor(count) * 8 + step);
        for (let i = 0; i < extra; i++) bytes.push(i);
      }
      return Uint8Array.from(bytes);
    });
    fc.assert(
      fc.property(
        fc.oneof(plausible, fc.uint8Array({ maxLength: 40 })),
        fc.uint8Array({ maxLength: 20 }),
        fc.oneof(fc.nat(30), fc.nat(20_000)),
        (layout, content, length) => {
          const made = applyLayout(layout, content, length);
          if (made !== undefined) expect(made.length).toBe(length);
          outcomes[made === undefined ? 'refused' : 'made']++;
        },
      ),
      { numRuns: 3_000, seed: 1 },
    );
    expect(outcomes.refused).toBeGreaterThan(1_000);
    expect(outcomes.made).toBeGreaterThan(0);
  });

  it('is right for one length and one length of content only', () => {
    const step = fc.tuple(fc.constantFrom('literal' as const, 'content' as const, 'page' as const, 'zero' as const), fc.nat(3));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        const builder = new LayoutBuilder();
        let [length, content, page] = [0, 0, 5];
        for (const [what, skipped] of steps) {
          if (what === 'literal') builder.literal(new Uint8Array(skipped + 1));
          else if (what === 'content') builder.content(skipped + 1);
          else builder[what]((page += 1 + (skipped >> 1)));
          length += { literal: skipped + 1, content: skipped + 1, page: 4104, zero: 9 }[what];
          content += { literal: 0, content: skipped + 1, page: 4096, zero: 0 }[what];
        }
        const layout = builder.take();
        const made = (more: number, moreContent: number) => applyLayout(layout, new Uint8Array(content + moreContent), length + more);
        expect(made(0, 0)?.length).toBe(length);
        for (const [more, moreContent] of [
          [1, 0],
          [-1, 0],
          [0, 1],
          [1, 1],
        ] as const)
          expect(made(more, moreContent)).toBe(undefined);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('must use its content up', () => {
    const builder = new LayoutBuilder();
    builder.content(3);
    expect(applyLayout(builder.take(), new Uint8Array(4), 3)).toBe(undefined);
  });
});

describe('a list of pieces', () => {
  const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const chunk = fc.record({ cid: bytesOf(20), tag: bytesOf(16), length: fc.nat(2 ** 21), key: fc.option(bytesOf(44), { nil: undefined }) });
  const piece: fc.Arbitrary<PieceOffer> = fc
    .record({ length: fc.nat(2 ** 48), chunk: fc.option(chunk, { nil: undefined }), layout: fc.uint8Array({ maxLength: 300 }) })
    .filter((made) => made.chunk !== undefined || made.layout.length > 0);

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 20 }), (pieces) => {
        const writer = new PieceListWriter();
        for (const each of pieces) writer.add(each);
        expect(writer.pieces).toBe(pieces.length);
        const read = parsePieceList(writer.take())!;
        expect(read.map(plain)).toEqual(pieces.map(plain));
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it('is refused when it ends early, is empty or says nothing', () => {
    const writer = new PieceListWriter();
    writer.add({
      length: 5,
      layout: Uint8Array.of(1),
      chunk: { cid: new Uint8Array(20), tag: new Uint8Array(16), length: 5, key: undefined },
    });
    const list = writer.take();
    for (let length = 0; length < list.length; length++) expect(parsePieceList(list.subarray(0, length)), String(length)).toBe(undefined);
    expect(parsePieceList(Uint8Array.of(0, 5, 0))).toBe(undefined);
    expect(parsePieceList(Uint8Array.of(2, 5, 0))).toBe(undefined);
    expect(parsePieceList(Uint8Array.of(4, 5, 1, 1))).toBe(undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parsePieceList(bytes)),
      { numRuns: 1_000, seed: 1 },
    );
  });

  it('knows numbers up to what a double holds exactly', () => {
    for (const value of [0, 127, 128, 2 ** 31, 2 ** 32, 2 ** 48 + 1, 2 ** 53 - 1].filter((each) => each < 2 ** 56)) {
      const bytes: number[] = [];
      pushVarint(bytes, value);
      const reader = new ByteReader(Uint8Array.from(bytes));
      expect([reader.varint(), reader.failed, reader.isAtEnd]).toEqual([value, false, true]);
    }
    expect(new ByteReader(new Uint8Array(9).fill(0xff)).varint()).toBe(0);
  });
});

const plain = ({ length, chunk, layout }: PieceOffer) => [
  length,
  [...layout],
  chunk && [[...chunk.cid], [...chunk.tag], chunk.length, chunk.key && [...chunk.key]],
];
