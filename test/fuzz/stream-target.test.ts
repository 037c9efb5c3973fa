import { describe, expect, it } from 'vitest';
import { failureText, runBatch } from './fuzz.js';
import { streamTarget } from './stream-target.js';

describe('two STREAM endpoints', () => {
  it('lose, repeat, invent and keep nothing, whatever applications and link do', () => {
    for (let batch = 0; batch < 10; batch++) {
      const { failure } = runBatch(streamTarget, 11, batch);
      expect(failure === undefined ? '' : failureText(failure)).toBe('');
    }
  });
});
