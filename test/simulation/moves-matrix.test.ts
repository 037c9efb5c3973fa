import { describe, expect, it } from 'vitest';
import { matrixCases, playCase } from './moves-matrix.js';

describe('any VM on any host to any host, the name service anywhere, any application', () => {
  const hosts = [0, 1, 2, 3, 4, 5];
  const moves = hosts.flatMap((from) => hosts.filter((to) => to !== from).map((to) => [from, to] as const));

  it('is 30 moves with 7 places of the name service each', () => {
    expect(matrixCases.length).toBe(moves.length * 7);
  });

  it.each(moves.map(([from, to]) => [from + 1, to + 1]))('keeps everything when the VM goes from H%i to H%i', (from, to) => {
    for (const names of [...hosts, 'vm'] as const) {
      expect(playCase({ from: from - 1, to: to - 1, names }), `names at ${names === 'vm' ? 'the VM' : `H${names + 1}`}`).toBe(undefined);
    }
  });
});
