import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import {
  addAttachOptions,
  ExitCode,
  ExitRequest,
  integerArgument,
  numberArgument,
  runMain,
  startFromOptions,
  type AttachOptions,
  type Dag,
  type XiaNode,
} from 'xia-core';
import { checkSource } from '../common/addresses.js';
import { microseconds, Stopwatch, writeJsonLine } from '../common/json-output.js';
import { formatMs } from '../xping/print.js';
import { HopTable, type HopResult } from './hop-table.js';

interface Options extends AttachOptions {
  readonly f?: true;
  readonly queries: number;
  readonly quiet?: true;
  readonly v?: true;
  readonly t: number;
  readonly s?: string;
}

const DEFAULT_SIZE_BYTES = 56;
const DEFAULT_HOPS = 30;
const LARGEST_HOPS = 250;
const DEFAULT_QUERIES = 3;
const MOST_QUERIES = 10;
const POLL_MS = 2;

interface TraceOptions {
  readonly target: Dag;
  readonly sizeBytes: number;
  readonly maximumHops: number;
  readonly queries: number;
  readonly atOnce: number;
  readonly timeoutMs: number;
  readonly output: 'text' | 'json' | 'quiet';
  readonly verbose: boolean;
  readonly signal: AbortSignal;
}

/** Finds the nodes on the way to a target, printing each as it becomes known. Gives their number, -1 when it is not reached. */
async function trace(node: XiaNode, options: TraceOptions): Promise<number> {
  const { target, signal, output } = options;
  const clock = new Stopwatch();
  const table = new HopTable(options);
  const echo = node.echo();
  echo.on('reply', (reply) => {
    // The target may answer with Time Exceeded, as the C++ prototype does.
    const isTarget = reply.kind === 'reply' || reply.from.intent.equals(target.intent);
    if (reply.kind !== 'reply' && reply.kind !== 'time-exceeded' && options.verbose) {
      process.stderr.write(`${reply.from.toString()}: ${reply.kind}\n`);
    }
    table.answer(reply.sequence, reply.from.toString(), isTarget, clock.now());
  });
  while (!table.done && !signal.aborted) {
    const probe = table.nextProbe(clock.now());
    if (probe !== undefined) {
      echo.send(target, { ...probe, size: options.sizeBytes });
      continue;
    }
    const result = table.take(clock.now());
    if (result === undefined) await delay(POLL_MS);
    else if (output === 'json') writeJsonLine(hopJson(result));
    else if (output === 'text') process.stdout.write(`${hopText(result)}\n`);
  }
  await echo.close();
  return table.hops;
}

/** One hop as people read it: who answered, and the round trip of each probe; `*` for one without an answer. */
function hopText({ hop, answers }: HopResult): string {
  let from: string | undefined;
  const words = answers.map((answer) => {
    if (answer === undefined) return '*';
    const time = `${formatMs(answer.rttMs)} ms`;
    if (answer.from === from) return time;
    from = answer.from;
    return `${from}  ${time}`;
  });
  return `${String(hop).padStart(2)}  ${words.join('  ')}`;
}

/** `from` and `rttMs` are those of the first answer, `probes` has all of them. */
function hopJson({ hop, answers }: HopResult): object {
  const probes = answers.map((answer) => ({ from: answer?.from ?? null, rttMs: answer === undefined ? null : microseconds(answer.rttMs) }));
  const first = probes.find(({ from }) => from !== null);
  return { type: 'hop', hop, from: first?.from ?? null, rttMs: first?.rttMs ?? null, probes };
}

/** The `xtraceroute` program. */
function program(signal: AbortSignal): Command {
  const command = new Command('xtraceroute')
    .description('Shows the nodes on the way to an address, and the round trip to each.')
    .argument('<host>', 'a name, or a literal address "RE ..." or "DAG ..."')
    .argument('[packetsize]', 'bytes of data in each probe (default 56)', integerArgument(0, 64_000))
    .argument('[maxhops]', 'hops to try (default 30)', integerArgument(1, LARGEST_HOPS))
    .argument('[preload]', 'probes under way at a time (default 1)', integerArgument(1, LARGEST_HOPS))
    .option('-t <secs>', 'how long to wait for a hop', numberArgument(0.001, 3600), 1)
    .option('-s <src>', "fail unless this is the node's own HID or address")
    .option('-f', 'probe every hop at once')
    .option('-q, --queries <n>', 'probes for each hop', integerArgument(1, MOST_QUERIES), DEFAULT_QUERIES)
    .option('--quiet', 'print only the number of hops')
    .option('-v', 'print other XCMP messages on stderr')
    .option('-d', 'accepted for old scripts, changes nothing')
    .option('-r', 'accepted for old scripts, changes nothing');
  addAttachOptions(command);
  command.addHelpText('after', `\nExample:\n  xtestbed exec HOST_C -- xtraceroute vm.xia`);
  return command.action(
    async (host: string, size: number | undefined, maxHops: number | undefined, preload: number | undefined, options: Options) => {
      await using node = await startFromOptions(options, signal);
      checkSource(node, options.s);
      const target = await node.resolve(host, { signal });
      const maximumHops = maxHops ?? DEFAULT_HOPS;
      if (options.json) writeJsonLine({ type: 'start', host, target: target.toString(), maximumHops });
      else process.stdout.write(`TRACEROUTE ${target.toString()}:\n`);
      const hops = await trace(node, {
        target,
        sizeBytes: size ?? DEFAULT_SIZE_BYTES,
        maximumHops,
        queries: options.queries,
        atOnce: options.f ? maximumHops : (preload ?? 1),
        timeoutMs: options.t * 1000,
        output: options.json ? 'json' : options.quiet ? 'quiet' : 'text',
        verbose: options.v === true,
        signal,
      });
      if (options.json) writeJsonLine({ type: 'summary', hops });
      else process.stdout.write(`hops = ${hops}\n`);
      if (hops < 0) throw new ExitRequest(ExitCode.UNREACHABLE);
    },
  );
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
