import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ChunkCutter } from '../../../migrate/src/protocol/chunk-cutter.js';

it('gives back what it was given, cut anywhere', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.integer({ min: 0, max: 50 }))), (steps) => {
      const cutter = new ChunkCutter();
      const given: number[] = [];
      const taken: number[] = [];
      for (const step of steps) {
        if (typeof step === 'number') {
          const expected = Math.min(step, cutter.bytes);
          const chunk = cutter.take(step);
          expect(chunk.length).toBe(expected);
          taken.push(...chunk);
        } else {
          const piece = Uint8Array.from(step);
          cutter.push(piece);
          // Its memory is the reader's again.
          piece.fill(0xee);
          given.push(...step);
        }
        expect(cutter.bytes).toBe(given.length - taken.length);
      }
      taken.push(...cutter.take(Infinity));
      expect(taken).toEqual(given);
    }),
  );
});
