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
import { HopTable } from './hop-table.js';

interface Options extends AttachOptions {
  readonly f?: true;
  readonly q?: true;
  readonly v?: true;
  readonly t: number;
  readonly s?: string;
}

const DEFAULT_SIZE_BYTES = 56;
const DEFAULT_HOPS = 30;
const LARGEST_HOPS = 250;
const POLL_MS = 2;

interface TraceOptions {
  readonly target: Dag;
  readonly sizeBytes: number;
  readonly maximumHops: number;
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
    const hopLimit = table.nextProbe(clock.now());
    if (hopLimit !== undefined) {
      echo.send(target, { sequence: hopLimit, size: options.sizeBytes, hopLimit });
      continue;
    }
    const answer = table.take(clock.now());
    if (answer === undefined) {
      await delay(POLL_MS);
    } else if (output === 'json') {
      const known = answer.from !== undefined;
      writeJsonLine({ type: 'hop', hop: answer.hop, from: answer.from ?? null, rttMs: known ? microseconds(answer.rttMs) : null });
    } else if (output === 'text') {
      process.stdout.write(
        `${String(answer.hop).padStart(2)}  ${answer.from === undefined ? '*' : `${answer.from}  ${formatMs(answer.rttMs)} ms`}\n`,
      );
    }
  }
  await echo.close();
  return table.hops;
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
    .option('-q', 'quiet: only the number of hops')
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
        atOnce: options.f ? maximumHops : (preload ?? 1),
        timeoutMs: options.t * 1000,
        output: options.json ? 'json' : options.q ? 'quiet' : 'text',
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
