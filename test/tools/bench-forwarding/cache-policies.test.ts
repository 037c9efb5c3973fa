import { describe, expect, it } from 'vitest';
import { cachePolicySections } from '../../../tools/src/bench-forwarding/cache-section.js';

describe('the policies of a chunk cache', () => {
  it('s3-fifo finds more than the others where much is asked for once, and in loops', () => {
    for (const { figures } of cachePolicySections(8000, 200, 1)) {
      const [fifo, lru, s3] = ['fifo', 'lru', 's3-fifo'].map((policy) => figures.find(({ name }) => name === `${policy}, hits`)?.value);
      expect(s3).toBeGreaterThan(lru!);
      expect(lru).toBeGreaterThanOrEqual(fifo!);
    }
  });
});
