import { describe, expect, it } from 'vitest';
import { bench, valueOf } from './quick-bench.js';

describe('npm run bench:handover -- --section scale', () => {
  it('--quick moves nodes from one router process to another', () => {
    const report = bench('scale');
    const value = (figure: string) => valueOf(report, 'at one router process', figure);
    expect([value('renewed'), value('at the first router'), value('at the second router'), value('was nowhere')]).toEqual([40, 32, 8, 0]);
    expect(valueOf(report, 'route flip', 'a binding')).toBeGreaterThan(0);
    expect(valueOf(report, 'route flip', 'a patch')).toBeGreaterThan(0);
  });
});
