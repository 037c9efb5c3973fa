import { XiaError } from 'xia-core';
import { describe, expect, it } from 'vitest';
import { repeat } from '../../../tools/src/bench-handover/repeat.js';

const { signal } = new AbortController();

describe('repeat', () => {
  it('has every round', async () => {
    expect(await repeat(3, signal, async (round) => round)).toEqual({ runs: [0, 1, 2], notes: [] });
  });

  it('ends with a round that fails, and tells why', async () => {
    const failing = async (round: number) => {
      if (round === 1) throw new XiaError('testbed-failed', 'gone\naway');
      return round;
    };
    expect(await repeat(3, signal, failing)).toEqual({ runs: [0, undefined], notes: ['round 2 of 3 failed: gone away'] });
  });

  it('hides neither an interruption nor a mistake of its own', async () => {
    await expect(
      repeat(1, signal, async () => {
        throw new TypeError('mistake');
      }),
    ).rejects.toThrow('mistake');
    await expect(repeat(1, AbortSignal.abort(new Error('stopped')), async (round) => round)).rejects.toThrow('stopped');
  });
});
