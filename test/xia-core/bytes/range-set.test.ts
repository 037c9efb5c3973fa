import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RangeSet } from '../../../xia-core/src/bytes/index.js';

const BOUND = 40;
const range = fc.tuple(fc.nat(BOUND), fc.nat(BOUND));
const operation = fc.tuple(fc.constantFrom('add', 'add', 'remove', 'has', 'missing', 'clear'), range);

test('behaves like a plain set of integers', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const model = new Set<number>();
      const set = new RangeSet();
      const inside = (start: number, end: number) => Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i);
      for (const [name, [start, end]] of operations) {
        const numbers = inside(start, end);
        if (name === 'add') {
          const before = model.size;
          for (const n of numbers) model.add(n);
          expect(set.add(start, end)).toBe(model.size - before);
        } else if (name === 'remove') {
          for (const n of numbers) model.delete(n);
          set.remove(start, end);
        } else if (name === 'has') {
          expect(set.has(start, end)).toBe(numbers.every((n) => model.has(n)));
        } else if (name === 'missing') {
          const gaps = set.missing(start, end);
          expect(gaps.flatMap(([from, to]) => inside(from, to))).toEqual(numbers.filter((n) => !model.has(n)));
          for (const [from, to] of gaps) expect(from).toBeLessThan(to);
        } else if (operations.length > 40) {
          model.clear();
          set.clear();
        }
        const ranges = [...set.ranges()];
        expect(set.covered).toBe(model.size);
        expect(set.count).toBe(ranges.length);
        expect(ranges.flatMap(([from, to]) => inside(from, to))).toEqual([...model].toSorted((a, b) => a - b));
        for (let i = 1; i < ranges.length; i++) expect(ranges[i]![0]).toBeGreaterThan(ranges[i - 1]![1]);
      }
    }),
  );
});
