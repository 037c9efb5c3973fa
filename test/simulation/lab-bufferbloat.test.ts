import { describe, expect, it } from 'vitest';
import { labFamilies, seedBlocks, simulateBlock } from './lab-families.js';

describe('transfers over links: bufferbloat', () => {
  it.each(seedBlocks)(
    `arrive byte by byte and end in order (${labFamilies.bufferbloat.join(', ')}), from seed %i on`,
    (firstSeed) => {
      const { runs, harmedRuns, failures } = simulateBlock('bufferbloat', firstSeed);
      expect(failures).toEqual([]);
      expect(runs).toBe(250);
      expect(harmedRuns).toBeGreaterThan(60);
    },
    120_000,
  );
});
