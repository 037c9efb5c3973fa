import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { ExitCode, ExitRequest, integerArgument, numberArgument, runMain } from 'xia-core';
import { timestamp } from '../common/timestamp.js';
import { projectRoot } from '../xtestbed/index.js';
import { resultTable } from './console.js';
import { runDemo } from './run-demo.js';
import { scenarios } from './scenarios.js';

interface Options {
  readonly scenario: string;
  readonly runDir?: string;
  readonly memoryLoad: number;
  readonly dirtyRate: number;
  readonly downtimeLimit: number;
  readonly oldAddressAfter: number;
  readonly prealloc: boolean;
  readonly quiet?: true;
}

/** `npm run demo`. */
export function program(signal: AbortSignal): Command {
  return new Command('demo')
    .description('Moves a running QEMU virtual machine to another administrative domain over XIA while three clients talk to it.')
    .addOption(new Option('--scenario <name>', 'what to do').choices(scenarios.map(({ name }) => name)).default('inter-ad'))
    .option('--run-dir <folder>', 'where logs and the report go (default: runs/TIME-SCENARIO)')
    .option('--memory-load <MB>', 'memory of the guest that is filled with incompressible data', integerArgument(0, 450), 300)
    .option('--dirty-rate <MB/s>', 'how fast the guest rewrites it', numberArgument(0, 1000), 4)
    .option('--downtime-limit <ms>', "QEMU's downtime-limit", integerArgument(1, 10_000), 100)
    .option('--old-address-after <ms>', "when the VM's old address is tried, after the move", integerArgument(0, 600_000), 10_000)
    .option('--no-prealloc', "let the destination's memory be touched during the migration instead of before")
    .option('-q, --quiet', 'only the result')
    .addHelpText('after', '\nExample:\n  npm run demo -- --scenario ping-pong')
    .action(async (options: Options) => {
      const scenario = scenarios.find(({ name }) => name === options.scenario);
      if (scenario === undefined) throw new Error('unreachable: commander checks the choices');
      const runDir = options.runDir ?? join(projectRoot, 'runs', `${timestamp()}-${scenario.name}`);
      await mkdir(runDir, { recursive: true });
      const report = await runDemo({
        scenario,
        runDir,
        workloadBytes: options.memoryLoad * 1e6,
        dirtyBytesPerSecond: options.dirtyRate * 1e6,
        downtimeLimitMs: options.downtimeLimit,
        oldAddressAfterMs: options.oldAddressAfter,
        preallocate: options.prealloc,
        quiet: options.quiet === true,
        signal,
      });
      process.stdout.write(`${resultTable(report)}picture: ${join(runDir, 'report.html')}\nreport: ${join(runDir, 'report.json')}\n`);
      if (report.checks.some(({ ok }) => !ok)) throw new ExitRequest(ExitCode.FAILED);
    });
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
