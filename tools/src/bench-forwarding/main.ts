import { Command, Option } from 'commander';
import { ExitCode, ExitRequest, runMain } from 'xia-core';
import { missed, reportText } from './report.js';
import { runForwardingBench, sectionNames, type SectionName } from './run-forwarding-bench.js';

interface Options {
  readonly json?: true;
  readonly quick?: true;
  readonly check?: true;
  readonly only?: SectionName[];
}

/** `npm run bench:forwarding`. */
export function program(): Command {
  return new Command('bench:forwarding')
    .description('Measures forwarding: the engine alone, and a router process beside the smallest relays; and the chunk cache.')
    .option('--json', 'one JSON object on stdout, nothing else')
    .option('--quick', 'small tables and short runs: seconds, and figures that mean little')
    .option('--check', 'exit 1 when something is missed')
    .addOption(new Option('--only <section...>', 'measure only these').choices(sectionNames))
    .addHelpText('after', '\nExample:\n  npm run --silent bench:forwarding -- --json --only engine > engine.json')
    .action(async (options: Options) => {
      const report = await runForwardingBench({
        quick: options.quick === true,
        sections: options.only ?? sectionNames,
        onNote: (text) => {
          if (!options.json) process.stderr.write(`${text}\n`);
        },
      });
      process.stdout.write(`${options.json ? JSON.stringify(report) : reportText(report)}\n`);
      if (options.check && missed(report).length > 0) throw new ExitRequest(ExitCode.FAILED);
    });
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program(), argv);
}
