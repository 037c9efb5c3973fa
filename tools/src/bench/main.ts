import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { ExitCode, ExitRequest, integerArgument, numberArgument, runMain, XiaError } from 'xia-core';
import { timestamp } from '../common/timestamp.js';
import { GUEST_MEMORY_MB } from '../lab/index.js';
import { projectRoot, underlays, type Underlay } from '../xtestbed/index.js';
import { benchPage } from './bench-page.js';
import { isReached } from './bench-result.js';
import { benchTable } from './bench-table.js';
import { benchModes, memoryCases, usualModes, type BenchMode, type MemoryCase } from './modes.js';
import { runBench } from './run-bench.js';

interface Options {
  readonly json?: true;
  readonly guest: 'plain' | 'agent';
  readonly modes: readonly BenchMode[];
  readonly rounds: number;
  readonly warmUps: number;
  readonly memory: number;
  readonly memoryLoad: number;
  readonly dirtyRate: readonly number[];
  readonly destination: readonly MemoryCase[];
  readonly downtimeLimit: number;
  readonly links: Underlay;
  readonly quick?: true;
  readonly profile?: string;
  readonly check?: true;
  readonly runDir?: string;
}

/** What the guest's own kernel and programs need beside the load, in MB. */
const GUEST_OWN_MB = { plain: 100, agent: 190 } as const;
/** What `--quick` sets where nothing else is said: it shows that all of it works, and its figures mean little. */
const QUICK: Partial<Options> = { rounds: 1, warmUps: 0, memory: 256, memoryLoad: 60, dirtyRate: [0] };
const MAXIMUM_RATE = 1000;

const rateArgument = numberArgument(0, MAXIMUM_RATE);
/** Collects the values of an option that takes several; the first one replaces the default. */
function collected(): (text: string) => readonly number[] {
  const values: number[] = [];
  return (text) => {
    values.push(rateArgument(text));
    return values;
  };
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const { guest, memory, memoryLoad } = options;
  const room = Math.floor((memory * 1024 ** 2) / 1e6) - GUEST_OWN_MB[guest];
  if (memoryLoad > room)
    throw new XiaError('usage', `--memory-load ${memoryLoad}: a guest of ${memory} MB has room for ${Math.max(0, room)} MB`);
  const runDir = options.runDir ?? join(projectRoot, 'runs', `${timestamp()}-bench`);
  await mkdir(runDir, { recursive: true });
  const result = await runBench({
    runDir,
    guest,
    modes: benchModes.filter((mode) => options.modes.includes(mode)),
    rounds: options.rounds,
    warmUps: options.warmUps,
    memoryMb: memory,
    workloadBytes: memoryLoad * 1e6,
    dirtyMbPerSecond: options.dirtyRate,
    memoryCases: options.destination,
    downtimeLimitMs: options.downtimeLimit,
    links: options.links,
    profileFolder: options.profile,
    onNote: (text) => {
      if (!options.json) process.stdout.write(`${text}\n`);
    },
    signal,
  });
  await writeFile(join(runDir, 'bench.json'), `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(join(runDir, 'bench.html'), benchPage(result));
  const places = `result: ${join(runDir, 'bench.json')}\npage:   ${join(runDir, 'bench.html')}\n`;
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${benchTable(result)}\n${places}`);
  if (options.check && !isReached(result)) throw new ExitRequest(ExitCode.FAILED);
}

/** `npm run bench`. */
export function program(signal: AbortSignal): Command {
  const command: Command = new Command('bench')
    .description("Moves one guest by QEMU's own ways and over XIA, in turn, and prints medians and ratios.")
    .option('--json', 'one JSON object on stdout, nothing else')
    .addOption(
      new Option('--guest <kind>', 'plain: memory and nothing else; agent: runs our programs, watched by xping')
        .choices(['plain', 'agent'])
        .default('plain'),
    )
    .addOption(new Option('--modes <mode...>', 'what is measured').choices(benchModes).default(usualModes))
    .option('--rounds <n>', 'moves by each mode in each case', integerArgument(1, 100), 3)
    .option('--warm-ups <n>', 'moves over XIA before the first that is measured', integerArgument(0, 100), 6)
    .option('--memory <MB>', 'memory of the guest', integerArgument(128, 16_384), GUEST_MEMORY_MB)
    .option('--memory-load <MB>', 'memory of the guest that is filled with random bytes', integerArgument(0, 16_384), 300)
    .addOption(
      new Option('--dirty-rate <MB/s...>', 'how fast the guest rewrites them; a series for each, 0 is idle')
        .argParser(collected())
        .default([0, 4], '0 4'),
    )
    .addOption(
      new Option('--destination <case...>', "the destination's memory: untouched, or touched before the move (-mem-prealloc)")
        .choices(memoryCases)
        .default(memoryCases),
    )
    .option('--downtime-limit <ms>', "QEMU's downtime-limit, the same for all", integerArgument(1, 10_000), 300)
    .addOption(new Option('--links <kind>', 'how hosts and routers of XIA are linked').choices(underlays).default('unix'))
    .option('--quick', 'one small round that shows that all of it works; its figures mean little')
    .option('--profile <folder>', 'leave processor profiles of our processes there')
    .option('--check', 'exit 1 when a goal is missed or was not measured')
    .option('--run-dir <folder>', 'where logs and results go (default: runs/TIME-bench)')
    .addHelpText('after', '\nExample:\n  npm run --silent bench -- --json --rounds 5 > bench.json')
    .action(async (given: Options) => {
      const quick = given.quick
        ? Object.fromEntries(Object.entries(QUICK).filter(([name]) => command.getOptionValueSource(name) === 'default'))
        : {};
      await run({ ...given, ...quick }, signal);
    });
  return command;
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
