import { describe, expect, it } from 'vitest';
import { tellOwnership } from './ownership-world.js';

const SEEDS = 3000;
const SEEDS_A_TEST = 1000;

describe('at every moment at most one copy of the VM runs, and in the end exactly one', () => {
  const endings = new Map<string, number>();

  it.each(Array.from({ length: SEEDS / SEEDS_A_TEST }, (_, block) => block * SEEDS_A_TEST))(
    'whoever is killed at whichever step, once the advice is followed, seeds from %i',
    (first) => {
      for (let seed = first; seed < first + SEEDS_A_TEST; seed++) {
        const { source, destination, sent, received, violations, log } = tellOwnership(seed);
        const story = `seed ${seed}\n${log.join('\n')}`;
        expect(violations, story).toEqual([]);
        const running = [source, destination].filter(({ guest }) => guest === 'running');
        expect(
          running.map(({ role }) => role),
          story,
        ).toHaveLength(1);
        // What is written down says the same.
        const owner = running[0]!.role;
        expect(destination.record?.phase === 'running' ? 'destination' : 'source', story).toBe(owner);
        if (source.record !== undefined) expect(source.record.phase === 'gone' ? 'destination' : 'source', story).toBe(owner);
        const ending = `${sent?.kind ?? 'killed'}/${received?.kind ?? 'killed'}/${owner}`;
        endings.set(ending, (endings.get(ending) ?? 0) + 1);
      }
    },
  );

  it('and the endings that matter have all been there', () => {
    for (const ending of [
      'handed-over/taken/destination',
      'aborted/aborted/source',
      'killed/aborted/source',
      'killed/taken/destination',
      'in-doubt/killed/destination',
      'in-doubt/killed/source',
      'in-doubt/aborted/source',
      'killed/killed/source',
      'killed/killed/destination',
    ]) {
      expect(endings.get(ending) ?? 0, `${ending} of ${JSON.stringify([...endings])}`).toBeGreaterThan(0);
    }
  });
});
