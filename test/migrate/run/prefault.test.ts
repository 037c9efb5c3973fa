import { describe, expect, it } from 'vitest';
import { prefaultAdvice } from '../../../migrate/src/run/prefault.js';

describe('prefaultAdvice', () => {
  it('names what the kernel gives page by page, and how to have it before', () => {
    const advice = prefaultAdvice([
      { id: 'ram0', size: 640e6, prealloc: false },
      { id: 'dimm1', size: 100e6, prealloc: true },
      { size: 60e6, prealloc: false },
    ]);
    expect(advice).toMatchObject({ isPrefaulted: false, untouchedBytes: 700e6, ids: ['ram0'] });
    expect(advice.advice?.what).toMatch(/^700 MB of its memory are not pre-faulted/);
    expect(advice.advice?.todo).toMatch(/--prefault touches them first \(up to 1 s.*-mem-prealloc/);
  });

  it('has nothing to say of memory that was touched, and promises nothing of none', () => {
    expect(prefaultAdvice([{ id: 'ram0', size: 640e6, prealloc: true }])).toEqual({
      isPrefaulted: true,
      untouchedBytes: 0,
      ids: [],
      advice: undefined,
    });
    expect(prefaultAdvice([])).toMatchObject({ isPrefaulted: false, advice: undefined });
  });
});
