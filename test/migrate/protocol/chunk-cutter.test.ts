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
          const pieces = cutter.take(step);
          expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(expected);
          for (const piece of pieces) taken.push(...piece);
        } else {
          cutter.push(step);
          given.push(...step);
        }
        expect(cutter.bytes).toBe(given.length - taken.length);
      }
      for (const piece of cutter.take(Infinity)) taken.push(...piece);
      expect(taken).toEqual(given);
    }),
  );
});
