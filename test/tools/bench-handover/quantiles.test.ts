import { describe, expect, it } from 'vitest';
import { quantile, spreadOf } from '../../../tools/src/bench-handover/quantiles.js';

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

describe('quantile', () => {
  it.each([
    [hundred, 0.5, 50],
    [hundred, 0.99, 99],
    [hundred, 1, 100],
    [hundred, 0, 1],
    [[3, 1, 2], 0.99, 3],
    [[7], 0.5, 7],
    [[], 0.5, undefined],
  ])('of %j at %d is %d', (values, share, expected) => {
    expect(quantile(values, share)).toBe(expected);
  });
});

describe('spreadOf', () => {
  it('leaves out what was not measured', () => {
    expect(spreadOf([4, undefined, 1, 9])).toEqual({ count: 3, p50: 4, p99: 9, min: 1, max: 9 });
    expect(spreadOf([undefined])).toBeUndefined();
  });
});
