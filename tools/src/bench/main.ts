import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { ExitCode, ExitRequest, integerArgument, numberArgument, runMain } from 'xia-core';
import { timestamp } from '../common/timestamp.js';
import { projectRoot } from '../xtestbed/index.js';
import { benchTable } from './bench-result.js';
import { runBench } from './run-bench.js';

interface Options {
  readonly json?: true;
  readonly rounds: number;
  readonly memoryLoad: number;
  readonly dirtyRate: number;
  readonly downtimeLimit: number;
  readonly prealloc?: true;
  readonly check?: true;
  readonly runDir?: string;
}

/** `npm run bench`. */
export function program(signal: AbortSignal): Command {
  return new Command('bench')
    .description("Moves one guest by QEMU's tcp:, by exec:socat and over XIA, in turn, and prints medians and ratios.")
    .option('--json', 'one JSON object on stdout, nothing else')
    .option('--rounds <n>', 'moves by each mode', integerArgument(1, 100), 3)
    .option('--memory-load <MB>', 'memory of the guest that is filled with incompressible data', integerArgument(0, 450), 300)
    .option('--dirty-rate <MB/s>', 'how fast the guest rewrites it', numberArgument(0, 1000), 4)
    .option('--downtime-limit <ms>', "QEMU's downtime-limit, the same for all", integerArgument(1, 10_000), 100)
    .option('--prealloc', "touch every destination's memory before the move, for all modes alike")
    .option('--check', 'exit 1 when a goal is missed')
    .option('--run-dir <folder>', 'where logs go (default: runs/TIME-bench)')
    .addHelpText('after', '\nExample:\n  npm run --silent bench -- --json --rounds 5 > bench.json')
    .action(async (options: Options) => {
      const runDir = options.runDir ?? join(projectRoot, 'runs', `${timestamp()}-bench`);
      await mkdir(runDir, { recursive: true });
      const result = await runBench({
        runDir,
        rounds: options.rounds,
        workloadBytes: options.memoryLoad * 1e6,
        dirtyBytesPerSecond: options.dirtyRate * 1e6,
        downtimeLimitMs: options.downtimeLimit,
        preallocate: options.prealloc === true,
        onNote: (text) => {
          if (!options.json) process.stdout.write(`${text}\n`);
        },
        signal,
      });
      await writeFile(join(runDir, 'bench.json'), `${JSON.stringify(result, null, 2)}\n`);
      process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${benchTable(result)}\nresult: ${join(runDir, 'bench.json')}\n`);
      if (options.check && result.goals.some(({ ok }) => !ok)) throw new ExitRequest(ExitCode.FAILED);
    });
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
