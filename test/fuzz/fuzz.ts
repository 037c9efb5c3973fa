import { SeededRandom } from 'xia-core';
import type { Runner, Target } from './target.js';

/** A case that went wrong, with all that is needed to see it again. */
export interface Failure {
  readonly target: string;
  readonly seed: number;
  readonly batch: number;
  readonly atCase: number;
  readonly hex: string;
  readonly reason: string;
}

/** The number that a batch's random numbers, and its network, begin with. */
function batchSeed(seed: number, batch: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ Math.imul(batch + 1, 0x85ebca6b)) >>> 0;
}

/** Runs one batch of cases. The same seed and batch run the same cases. */
export function runBatch(target: Target, seed: number, batch: number): { readonly runner: Runner; readonly failure?: Failure } {
  const from = batchSeed(seed, batch);
  const runner = target.start(new SeededRandom(from), from);
  const failure = (atCase: number, reason: string): { runner: Runner; failure: Failure } => ({
    runner,
    failure: { target: target.name, seed, batch, atCase, hex: Buffer.from(runner.last()).toString('hex'), reason },
  });
  let atCase = 0;
  try {
    for (; atCase < target.batch; atCase++) runner.step();
    const faults = runner.faults();
    return faults.length === 0 ? { runner } : failure(atCase, faults.join('\n'));
  } catch (error) {
    return failure(atCase, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** What people read of a failure. */
export function failureText({ target, seed, batch, atCase, hex, reason }: Failure): string {
  return `FAILED ${target}, seed ${seed}, batch ${batch}, case ${atCase}
${reason}
its last input: ${hex}
again, the whole batch:    npm run fuzz -- --replay ${target}:${seed}:${batch}
again, this input alone:   npm run fuzz -- --replay ${target}:${hex === '' ? '-' : hex}
`;
}
