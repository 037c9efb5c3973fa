import { expect, test } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/index.js';

test('one seed gives one sequence, another seed another', () => {
  const draw = (seed: number) => {
    const random = new SeededRandom(seed);
    return [...random.bytes(9), random.below(1000), random.unit()];
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  expect(draw(0)).not.toEqual(draw(1));
});

test('below stays below and is even', () => {
  const random = new SeededRandom(7);
  const counts = [0, 0, 0];
  for (let i = 0; i < 30_000; i++) counts[random.below(3)]!++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  expect(random.below(1)).toBe(0);
  expect(random.below(2 ** 32)).toBeLessThan(2 ** 32);
});

test('unit is in [0, 1) with a mean of one half', () => {
  const random = new SeededRandom(3);
  let sum = 0;
  for (let i = 0; i < 20_000; i++) {
    const unit = random.unit();
    expect(unit >= 0 && unit < 1).toBe(true);
    sum += unit;
  }
  expect(sum / 20_000).toBeCloseTo(0.5, 1);
});
