import { parseArgs } from 'node:util';
import { codecTarget } from './codec-target.js';
import { engineTarget } from './engine-target.js';
import { failureText, runBatch } from './fuzz.js';
import { nodeTarget } from './node-target.js';
import { streamTarget } from './stream-target.js';
import type { Target } from './target.js';
import { textTarget } from './text-target.js';
import { Watchdog } from './watchdog.js';

const TARGETS: readonly Target[] = [engineTarget, codecTarget, textTarget, nodeTarget, streamTarget];
/** A batch takes a second or two, on a busy machine some more. */
const HANG_MS = 120_000;
/** What may be kept from batch to batch: caches of the code itself, and the garbage collector's own ideas. */
const GROWTH_BYTES = 16 * 1024 * 1024;

const USAGE = `usage: npm run fuzz -- [options]

  --seed N            where the random numbers begin; 1 by default
  --seconds S         run for so long
  --rounds R          run so many rounds instead, a round is some batches of each target; 1 by default
  --targets A,B       only these of: ${TARGETS.map(({ name }) => name).join(', ')}
  --replay T:SEED:B   run one batch again
  --replay T:HEX      run one input again
`;

/** Batches of each target in a round: as many packets for the quick ones as they are quick. */
const SHARES: Readonly<Record<string, number>> = { engine: 14, codec: 3, text: 1, node: 1, stream: 40 };

/** Bytes in use after a collection; needs --expose-gc. */
function usedBytes(): number {
  // Buffers are let go by the collection after that of their owners.
  for (let times = 0; times < 3; times++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function targetNamed(name: string): Target {
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new Error(`there is no target "${name}"`);
  return target;
}

/** @returns the exit code */
function replay(what: string): number {
  const [name = '', second = '', third] = what.split(':');
  const target = targetNamed(name);
  if (third === undefined) {
    target.replay(new Uint8Array(Buffer.from(second === '-' ? '' : second, 'hex')));
    process.stdout.write('that input does no harm by itself\n');
    return 0;
  }
  const { failure } = runBatch(target, Number(second), Number(third));
  process.stdout.write(failure === undefined ? 'that batch does no harm\n' : failureText(failure));
  return failure === undefined ? 0 : 1;
}

function main(): number {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      targets: { type: 'string' },
      replay: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.replay !== undefined) return replay(values.replay);
  const targets = values.targets === undefined ? TARGETS : values.targets.split(',').map(targetNamed);
  const seed = Number(values.seed);
  const until = values.seconds === undefined ? Infinity : performance.now() + 1000 * Number(values.seconds);
  const rounds = values.seconds === undefined ? Number(values.rounds) : Infinity;
  const watchdog = new Watchdog(HANG_MS);
  const cases: Record<string, number> = {};
  let warmBytes = Infinity;
  for (let round = 0; round < rounds && performance.now() < until; round++) {
    // After the first round nothing is used for the first time any more.
    if (round === 1) warmBytes = usedBytes();
    for (const target of targets) {
      for (let share = 0; share < SHARES[target.name]! && performance.now() < until; share++) {
        const batch = round * SHARES[target.name]! + share;
        watchdog.begins(`${target.name}:${seed}:${batch}`);
        const { failure } = runBatch(target, seed, batch);
        if (failure !== undefined) {
          process.stdout.write(failureText(failure));
          return 1;
        }
        cases[target.name] = (cases[target.name] ?? 0) + target.batch;
      }
    }
  }
  const grownBytes = warmBytes < Infinity ? usedBytes() - warmBytes : 0;
  const total = Object.values(cases).reduce((sum, count) => sum + count, 0);
  process.stdout.write(`${JSON.stringify({ seed, cases: total, ...cases, grownBytes, cpuSeconds: process.cpuUsage().user / 1e6 })}\n`);
  if (grownBytes <= GROWTH_BYTES) return 0;
  process.stdout.write(`FAILED: ${grownBytes} bytes more are in use than at the beginning\n`);
  return 1;
}

process.exitCode = main();
