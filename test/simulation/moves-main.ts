import { parseArgs } from 'node:util';
import { moveStyles } from './moves-plan.js';
import { replayLine, runMoves, type MovesResult } from './moves-run.js';
import { traceMoves } from './moves-trace.js';

const USAGE = `usage: npm run simulate:moves -- [options]

Random networks in virtual time in which VMs move. After every change of a way it is looked whether packets for a VM could go in
a circle; at the end everybody has to reach it by every address that it has had. Exit code 1 when something was wrong.

  --seed N     only this one
  --from N     the first seed; 1 by default
  --seeds N    how many; 2000 by default
  --trace      a line for each change of a way, and for everything that mobility tells
`;

/** @throws Error when it is none */
function count(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`"${text}" is not a number`);
  return Number(text);
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

function summarise(results: readonly MovesResult[], cpuMs: number): void {
  const sum = (of: (result: MovesResult) => number) => results.reduce((total, result) => total + of(result), 0);
  for (const style of moveStyles) {
    const those = results.filter(({ plan }) => plan.style === style);
    const settled = those.map(({ settledMs }) => settledMs).toSorted((a, b) => a - b);
    const [median, worst] = [settled[settled.length >> 1] ?? Number.NaN, settled.at(-1) ?? Number.NaN];
    write(
      `${style.padEnd(8)} ${String(those.length).padStart(6)} runs, settled after ${median.toFixed(0)} ms, at worst ${worst.toFixed(0)} ms`,
    );
  }
  const moves = sum(({ plan }) => plan.steps.length);
  const changes = sum((result) => result.changes);
  write(`${results.length} runs, ${moves} moves, ${changes} changes of a way, ${(cpuMs / results.length).toFixed(1)} ms of CPU a run`);
}

/** @returns the exit code */
function main(): number {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      from: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '2000' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const first = count(values.seed ?? values.from);
  const seeds = values.seed === undefined ? count(values.seeds) : 1;
  const begun = process.cpuUsage();
  const results = Array.from({ length: seeds }, (_, index) => {
    const result = runMoves(first + index, (world) => values.trace && traceMoves(world, write));
    const { plan, fault } = result;
    if (fault !== undefined) write(`FAILED: seed ${plan.seed}, ${plan.style}, ways ${plan.ways}: ${fault}\n  ${replayLine(plan.seed)}`);
    return result;
  });
  const { user, system } = process.cpuUsage(begun);
  summarise(results, (user + system) / 1000);
  return results.every(({ fault }) => fault === undefined) ? 0 : 1;
}

process.exitCode = main();
