import { Command } from 'commander';
import { integerArgument, numberArgument, runMain } from 'xia-core';
import { writeJsonLine } from '../common/json-output.js';
import { addLinkOptions, linkFromOptions, shapeText, type LinkOptions } from '../emulated-link/index.js';
import { requireTcpAlgorithm } from './tcp-algorithm.js';
import { runTcpFlow, type TcpFlowResult } from './tcp-flow.js';
import { withTunLab, type TunLab } from './tun-lab.js';

interface Options extends LinkOptions {
  readonly algorithm: readonly string[];
  readonly seconds: number;
  readonly warmup: number;
  readonly mtu: number;
  readonly together?: true;
  readonly json?: true;
}

const LONGEST_SECONDS = 3600;

function flowText({ algorithm, goodputMbit, steadyMbit, seconds, perSecondMbit }: TcpFlowResult, warmup: number): string {
  const each = perSecondMbit.map((mbit) => mbit.toFixed(0)).join(' ');
  return (
    `${algorithm}: ${goodputMbit.toFixed(1)} Mbit/s in ${seconds.toFixed(1)} s, ` +
    `${steadyMbit.toFixed(1)} Mbit/s without the first ${warmup} s; each second ${each}\n`
  );
}

async function measure(lab: TunLab, options: Options): Promise<TcpFlowResult[]> {
  const { algorithm, seconds, warmup: warmupSeconds } = options;
  const flow = async (name: string) => runTcpFlow(lab, { algorithm: name, seconds, warmupSeconds });
  if (options.together) return Promise.all(algorithm.map(flow));
  const results: TcpFlowResult[] = [];
  for (const name of algorithm) results.push(await flow(name));
  return results;
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const link = linkFromOptions(options, 'wan');
  for (const name of options.algorithm) await requireTcpAlgorithm(name);
  await withTunLab({ link, seed: options.seed, mtu: options.mtu, signal }, async (lab) => {
    const results = await measure(lab, options);
    const report = await lab.report();
    if (options.json) return writeJsonLine({ link: { aToB: shapeText(link.there), bToA: shapeText(link.back) }, results, report });
    for (const result of results) process.stdout.write(flowText(result, options.warmup));
    const { there, missed, refused, longestPauseMs, cpuSeconds } = report;
    const dropped = Object.entries(there.dropped).flatMap(([reason, count]) => (count > 0 ? [`${reason} ${count}`] : []));
    process.stdout.write(
      `the link: ${there.packets} packets there, dropped: ${dropped.join(', ') || 'none'}; ` +
        `late by ${there.meanLateMs.toFixed(2)} ms on average, ${there.maxLateMs.toFixed(2)} ms at most; ` +
        `longest pause ${longestPauseMs.toFixed(1)} ms, missed ${missed}, refused ${refused}, ${cpuSeconds.toFixed(2)} s of processor\n`,
    );
  });
}

/** `npm run lab:tcp`. */
function program(signal: AbortSignal): Command {
  const command = new Command('lab:tcp')
    .description("Measures the kernel's TCP over an emulated link between two network namespaces, a being the sender. Needs root.")
    .option('--algorithm <name...>', 'congestion control: cubic, bbr, reno; of several, one after the other', ['cubic'])
    .option('--together', 'all at the same time')
    .option('--seconds <s>', 'how long each sends', numberArgument(0.1, LONGEST_SECONDS), 10)
    .option('--warmup <s>', 'what the second figure leaves out', numberArgument(0, LONGEST_SECONDS), 2)
    .option('--mtu <bytes>', 'of the interfaces', integerArgument(576, 1500), 1500);
  return addLinkOptions(command, integerArgument)
    .option('--json', 'one JSON object on stdout')
    .addHelpText('after', '\nWithout --preset the link is wan.\n\nExample:\n  npm run lab:tcp -- --preset loss1 --algorithm cubic bbr')
    .action(async (options: Options) => run(options, signal));
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
