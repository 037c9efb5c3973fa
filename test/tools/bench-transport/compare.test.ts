import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../tools/src/bench-transport/candidates.js';
import { compare, figuresOf, speedOf, speedRatio } from '../../../tools/src/bench-transport/compare.js';
import type { TransferRun } from '../../../tools/src/bench-transport/transfer.js';

const run = (gigabytesPerSecond: number): TransferRun => ({
  gigabytesPerSecond,
  cpuSecondsPerGigabyte: 3,
  cpuByProcess: { sender: 1, receiver: 2 },
});

function scripted(name: string, speeds: readonly (number | Error)[], order: string[] = []): Candidate {
  let round = 0;
  return {
    name,
    run: async () => {
      order.push(name);
      const speed = speeds[round++]!;
      if (speed instanceof Error) throw speed;
      return run(speed);
    },
  };
}

const { signal } = new AbortController();
const options = {
  signal,
  links: 'udp' as const,
  folder: '/nowhere',
  rounds: 3,
  size: { warmUpBytes: 0, bytes: 1 },
  peersFolder: '/nowhere',
  onNote: () => {},
};

describe('compare', () => {
  it('lets the candidates take turns, and takes medians of speeds and of the ratios of each round', async () => {
    const order: string[] = [];
    const comparison = await compare([scripted('a', [1, 4, 3], order), scripted('b', [2, 16, 3], order)], options);
    expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    expect([speedOf(comparison, 'a'), speedOf(comparison, 'b'), speedRatio(comparison, 'a', 'b')]).toEqual([3, 3, 0.5]);
    expect(figuresOf(comparison, 'a').map(({ name, value, unit }) => [name, value, unit])).toEqual([
      ['a', 3, 'GB/s'],
      ['a, CPU of all processes', 3, 's/GB'],
      ['  sender', 1, 's/GB'],
      ['  receiver', 2, 's/GB'],
    ]);
  });

  it('goes on without a run that failed, says why, and has no figure for what never ran', async () => {
    const failing = scripted('a', [new Error('no\nway'), 2, 4]);
    const never = scripted('never', [new Error('missing'), new Error('missing'), new Error('missing')]);
    const comparison = await compare([failing, scripted('b', [1, 1, 1]), never], options);
    expect([speedOf(comparison, 'a'), speedRatio(comparison, 'a', 'b')]).toEqual([3, 3]);
    expect([speedOf(comparison, 'never'), speedRatio(comparison, 'b', 'never')]).toEqual([undefined, undefined]);
    expect(comparison.notes).toEqual(['a: no way', 'never: missing']);
  });
});
