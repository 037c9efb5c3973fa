import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../xia-core/src/bytes/random.js';
import { simulate, type Fault, type Scenario } from './simulated-transfer.js';

const faultKinds = [
  'cut',
  'black-hole',
  'abort-source',
  'abort-destination',
  'output-closed',
  'fetch-fails',
  'corrupt-chunk',
  'crash-source',
  'crash-destination',
  'source-disk',
  'destination-disk',
] as const;

function scenario(seed: number, faultsAt: (random: SeededRandom) => readonly Fault[]): Scenario {
  const random = new SeededRandom(seed);
  const chunkBytes = 64 + random.below(600);
  const maxChunkBytes = chunkBytes + random.below(200);
  return {
    seed,
    input: random.bytes(4 + random.below(12_000)),
    limits: { windowBytes: Math.max(1024, maxChunkBytes) + random.below(4_000), windowChunks: 1 + random.below(12), maxChunkBytes },
    chunkBytes,
    holdBackBytes: random.below(2_000),
    faults: faultsAt(random),
  };
}

describe('a migration in virtual time', () => {
  it('moves every stream whole when nothing goes wrong', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const made = scenario(seed, () => []);
      const result = simulate(made);
      expect(result.violations, `seed ${seed}`).toEqual([]);
      expect(result.source?.kind, `seed ${seed}`).toBe('handed-over');
      expect(result.destination?.kind, `seed ${seed}`).toBe('taken');
      expect(Buffer.from(result.output).equals(made.input), `seed ${seed}`).toBe(true);
      expect(result.publishedAtEnd).toBe(0);
      expect(result.sourceMarks).toEqual(['handed-over']);
      expect(result.destinationMarks).toEqual(['receiving', 'received', 'running']);
    }
  });

  it('has one owner whatever goes wrong whenever', () => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 600; seed++) {
      // The moments around the commit deserve most of the attention: run once without a fault to learn when it is.
      const calm = simulate(scenario(seed, () => []));
      const made = scenario(seed, (random) => {
        const moment = () => (random.below(2) === 0 ? random.unit() * calm.finishedAtMs : calm.finishedAtMs - random.unit() * 120);
        return Array.from({ length: 1 + random.below(2) }, () => ({
          kind: faultKinds[random.below(faultKinds.length)]!,
          atMs: Math.max(0, moment()),
          heals: random.below(2) === 0,
        }));
      });
      const result = simulate(made);
      const story = `seed ${seed} ${JSON.stringify(made.faults)} ${JSON.stringify(result.source)} ${JSON.stringify(result.destination)}`;
      const crashed = (end: string) => made.faults.some((fault) => fault.kind === `crash-${end}`);
      const kinds = `${result.source?.kind ?? 'crashed'}/${result.destination?.kind ?? 'crashed'}`;
      seen.set(kinds, (seen.get(kinds) ?? 0) + 1);

      expect(result.violations, story).toEqual([]);
      expect(Buffer.from(result.output).equals(made.input.subarray(0, result.output.length)), story).toBe(true);
      if (!crashed('source')) expect(result.source, story).toBeDefined();
      // A destination to which nobody ever comes goes on waiting.
      const reached = result.source?.kind !== 'aborted' || result.source.reason !== 'nobody answers';
      const approached = (!crashed('source') && reached) || result.destinationMarks.length > 0;
      if (!crashed('destination') && approached) expect(result.destination, story).toBeDefined();
      if (!crashed('source')) expect(result.publishedAtEnd, story).toBe(0);
      if (result.destination?.kind === 'taken') {
        expect(result.output.length, story).toBe(made.input.length);
        expect(result.source?.kind ?? 'crashed', story).toMatch(/handed-over|in-doubt|crashed/);
      }
      if (result.source?.kind === 'handed-over') expect(result.destinationMarks, story).toContain('running');
      if (result.source?.kind === 'aborted') {
        expect(result.destinationMarks, story).not.toContain('running');
        expect(result.destination?.kind ?? 'crashed', story).toMatch(/aborted|crashed/);
      }
    }
    // The interesting endings all occur, or the faults miss the moments that matter.
    for (const kinds of ['handed-over/taken', 'aborted/aborted', 'in-doubt/taken', 'in-doubt/aborted']) {
      expect(seen.get(kinds) ?? 0, kinds).toBeGreaterThan(0);
    }
  });

  it('leaves the VM to the destination whose output is closed behind its word', () => {
    let failed = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const calm = simulate(scenario(seed, () => []));
      for (let backMs = 1; backMs <= 9; backMs += 2) {
        const made = scenario(seed, () => [{ kind: 'output-closed', atMs: calm.finishedAtMs - backMs, heals: false }]);
        const result = simulate(made);
        expect(result.violations).toEqual([]);
        if (result.destination?.kind === 'failed') expect(result.source?.kind).toBe('handed-over');
        if (result.destination?.kind === 'failed') failed += 1;
      }
    }
    expect(failed).toBeGreaterThan(2);
  });

  it('finishes the commit on a second stream when the first one breaks in it', () => {
    let resumed = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const calm = simulate(scenario(seed, () => []));
      for (let backMs = 1; backMs <= 60; backMs += 6) {
        const made = scenario(seed, () => [{ kind: 'cut', atMs: calm.finishedAtMs - backMs, heals: true }]);
        const result = simulate(made);
        expect(result.violations).toEqual([]);
        if (result.sourceMarks.includes('handed-over') && result.destination?.kind === 'taken' && result.source?.kind === 'handed-over')
          resumed += 1;
      }
    }
    expect(resumed).toBeGreaterThan(20);
  });
});
