import { describe, expect, it } from 'vitest';
import { timeFigures, under } from '../../../tools/src/bench-handover/figures.js';

describe('timeFigures', () => {
  it('have the median and the 99th percentile, and say when some are missing', () => {
    expect(timeFigures('gap', [3, 1, 2.3456])).toEqual([
      { name: 'gap, p50', value: 2.35, unit: 'ms' },
      { name: 'gap, p99', value: 3, unit: 'ms' },
    ]);
    expect(timeFigures('gap', [3, undefined]).map(({ unit }) => unit)).toEqual(['ms', 'ms, of 1 of 2']);
    expect(timeFigures('gap', []).map(({ value }) => value)).toEqual([undefined, undefined]);
  });
});

describe('under', () => {
  it('is reached below its bound, and only if every time was measured', () => {
    expect(under('gap', [1, 2, 30], 'p50', 3)).toEqual({ name: 'gap, p50', value: 2, wanted: '< 3', ok: true });
    expect(under('gap', [1, 2, 30], 'max', 3).ok).toBe(false);
    expect(under('gap', [1, 3, 30], 'p50', 3).ok).toBe(false);
    expect(under('gap', [1, 1, undefined], 'p50', 3)).toMatchObject({ value: undefined, ok: false });
    expect(under('gap', [], 'p50', 3).ok).toBe(false);
  });
});
