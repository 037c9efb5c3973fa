import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { ExitCode, ExitRequest, integerArgument, numberArgument, runMain } from 'xia-core';
import { missed, reportText } from '../bench-forwarding/report.js';
import { timestamp } from '../common/timestamp.js';
import { projectRoot, underlays, type Underlay } from '../xtestbed/index.js';
import { FULL_ROUNDS, runHandoverBench, sectionNames, type SectionName } from './run-handover-bench.js';

interface Options {
  readonly json?: true;
  readonly quick?: true;
  readonly check?: true;
  readonly rounds?: number;
  readonly section?: SectionName[];
  readonly downtimeLimit: number;
  readonly echoInterval: number;
  readonly links: Underlay;
  readonly runDir?: string;
}

/** `npm run bench:handover`. */
export function program(signal: AbortSignal): Command {
  return new Command('bench:handover')
    .description("Moves a real guest many times and measures what its clients notice beside QEMU's own downtime.")
    .option('--json', 'one JSON object on stdout, nothing else')
    .option('--quick', 'two moves and few machines: a minute or two, and figures that mean little')
    .option('--check', 'exit 1 when something is missed, or could not be measured')
    .option('--rounds <n>', `moves of the section handover (default: ${FULL_ROUNDS}, with --quick 2)`, integerArgument(1, 10_000))
    .addOption(new Option('--section <name...>', 'measure only these').choices(sectionNames))
    .option('--downtime-limit <ms>', "QEMU's downtime-limit", integerArgument(1, 10_000), 100)
    .option('--echo-interval <ms>', 'between two echoes of the client that watches', numberArgument(1, 1000), 1)
    .addOption(
      new Option('--links <kind>', 'how hosts and routers are linked, but for the section scale').choices(underlays).default('udp'),
    )
    .option('--run-dir <folder>', 'where logs go (default: runs/TIME-bench-handover)')
    .addHelpText('after', '\nExample:\n  npm run --silent bench:handover -- --json --section handover beacons > handover.json')
    .action(async (options: Options) => {
      const runDir = options.runDir ?? join(projectRoot, 'runs', `${timestamp()}-bench-handover`);
      await mkdir(runDir, { recursive: true });
      const report = await runHandoverBench({
        runDir,
        quick: options.quick === true,
        rounds: options.rounds,
        sections: options.section ?? sectionNames,
        downtimeLimitMs: options.downtimeLimit,
        echoIntervalMs: options.echoInterval,
        links: options.links,
        signal,
        onNote: (text) => {
          if (!options.json) process.stderr.write(`${text}\n`);
        },
      });
      await writeFile(join(runDir, 'handover.json'), `${JSON.stringify(report, null, 2)}\n`);
      process.stdout.write(`${options.json ? JSON.stringify(report) : reportText(report)}\n`);
      if (options.check && missed(report).length > 0) throw new ExitRequest(ExitCode.FAILED);
    });
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
