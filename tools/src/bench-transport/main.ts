import { Command, Option } from 'commander';
import { congestionControllers, ExitCode, ExitRequest, integerArgument, runMain, type CongestionName } from 'xia-core';
import { missed, reportText } from '../bench-forwarding/report.js';
import { underlays, type Underlay } from '../xtestbed/index.js';
import { defaultPeersFolder } from './peer-packages.js';
import { runTransportBench, sectionNames, type SectionName } from './run-transport-bench.js';

interface Options {
  readonly json?: true;
  readonly quick?: true;
  readonly check?: true;
  readonly rounds?: number;
  readonly section?: SectionName[];
  readonly profile?: string;
  readonly peers: string;
  readonly congestion?: CongestionName;
  readonly links: Underlay;
}

/** `npm run bench:transport`. */
export function program(signal: AbortSignal): Command {
  return new Command('bench:transport')
    .description('Measures the transports, STREAM and chunks, beside TCP and others in the same run.')
    .option('--json', 'one JSON object on stdout, nothing else')
    .option('--quick', 'few bytes and one round: seconds, and figures that mean little')
    .option('--check', 'exit 1 when something is missed')
    .option('--rounds <n>', 'how often each is measured, in turn (default: 3, with --quick 1)', integerArgument(1, 100))
    .addOption(new Option('--section <name...>', 'measure only these').choices(sectionNames))
    .addOption(
      new Option('--congestion <name>', 'the congestion controller of STREAM and of fetches').choices(Object.keys(congestionControllers)),
    )
    .addOption(new Option('--links <kind>', 'how hosts and routers of "migration" are linked').choices(underlays).default('unix'))
    .option('--peers <folder>', 'where what we are compared with is installed by npm, once', defaultPeersFolder())
    .option('--profile <folder>', 'leave a CPU profile of every process of ours there, for a look into it')
    .addHelpText('after', '\nExample:\n  npm run --silent bench:transport -- --json --section chunks stream > transport.json')
    .action(async (options: Options) => {
      const report = await runTransportBench({
        quick: options.quick === true,
        rounds: options.rounds,
        sections: options.section ?? sectionNames,
        profileFolder: options.profile,
        peersFolder: options.peers,
        congestion: options.congestion,
        links: options.links,
        signal,
        onNote: (text) => {
          if (!options.json) process.stderr.write(`${text}\n`);
        },
      });
      process.stdout.write(`${options.json ? JSON.stringify(report) : reportText(report)}\n`);
      if (options.check && missed(report).length > 0) throw new ExitRequest(ExitCode.FAILED);
    });
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
