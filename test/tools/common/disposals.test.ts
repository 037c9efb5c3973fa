import { describe, expect, it } from 'vitest';
import { Disposals } from '../../../tools/src/common/disposals.js';

describe('Disposals', () => {
  it('ends everything in reverse order, also when one fails, and passes the first failure on', async () => {
    const ended: string[] = [];
    const thing = (name: string, fails = false): AsyncDisposable => ({
      [Symbol.asyncDispose]: async () => {
        ended.push(name);
        if (fails) throw new Error(name);
      },
    });
    const disposals = new Disposals();
    const first = thing('first');
    expect(disposals.use(first)).toBe(first);
    disposals.use(thing('second', true));
    disposals.use(thing('third', true));
    await expect(disposals[Symbol.asyncDispose]()).rejects.toThrow('third');
    expect(ended).toEqual(['third', 'second', 'first']);
    await disposals[Symbol.asyncDispose]();
    expect(ended).toHaveLength(3);
  });
});
