import { describe, expect, it } from 'vitest';
import { labFamilies, seedBlocks, simulateBlock } from './lab-families.js';

describe('transfers over links: clean', () => {
  it.each(seedBlocks)(
    `arrive byte by byte and end in order (${labFamilies.clean.join(', ')}), from seed %i on`,
    (firstSeed) => {
      const { runs, harmedRuns, failures } = simulateBlock('clean', firstSeed);
      expect(failures).toEqual([]);
      expect(runs).toBe(250);
      expect(harmedRuns).toBeLessThan(200);
    },
    120_000,
  );
});
