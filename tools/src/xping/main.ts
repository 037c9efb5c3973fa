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
} from 'xia-core';
import { checkSource } from '../common/addresses.js';
import { ping } from './run.js';

interface Options extends AttachOptions {
  readonly d?: true;
  readonly f?: true;
  readonly q?: true;
  readonly v?: true;
  readonly i?: number;
  readonly c?: number;
  readonly t?: number;
  readonly s?: string;
  readonly intervalMs?: number;
}

const DEFAULT_SIZE_BYTES = 56;
/** The largest echo that fits a UDP datagram together with a large address. */
const LARGEST_SIZE_BYTES = 64_000;
const FLOOD_INTERVAL_MS = 10;
const LARGEST_COUNT = 1_000_000_000;

const packetSize = integerArgument(0, LARGEST_SIZE_BYTES);
const packetCount = integerArgument(1, LARGEST_COUNT);
const preloadCount = integerArgument(1, 1000);

/** The `xping` program. */
function program(signal: AbortSignal): Command {
  const command = new Command('xping')
    .description('Sends XCMP echoes and says how many came back, how fast, and for how long none did.')
    .argument('<host>', 'a name, or a literal address "RE ..." or "DAG ..."')
    .argument('[packetsize]', 'bytes of data in each echo (default 56)', packetSize)
    .argument('[count]', 'echoes to send (default: until Ctrl-C)', packetCount)
    .argument('[preload]', 'echoes to send at once at the start (default 1)', preloadCount)
    .option('-i <secs>', 'seconds between two echoes (default 1)', numberArgument(0.001, 86_400))
    .option('--interval-ms <ms>', 'the same in milliseconds', numberArgument(1, 86_400_000))
    .option('-c <count>', 'echoes to send', packetCount)
    .option('-t <secs>', 'give up when nothing was answered for this long (exit code 4)', numberArgument(0.001, 86_400))
    .option('-s <src>', "fail unless this is the node's own HID or address")
    .option('-f', 'flood: an echo every 10 ms, a dot for each, taken back by its answer')
    .option('-q', 'quiet: only the summary')
    .option('-v', 'print duplicates and unexpected answers as well')
    .option('-d', 'accepted for old scripts, changes nothing')
    .option('-r', 'accepted for old scripts, changes nothing');
  addAttachOptions(command);
  command.addHelpText(
    'after',
    `
Exit code 1 when no echo at all was answered.

Example:
  xtestbed exec HOST_C -- xping --interval-ms 10 -c 500 -q vm.xia`,
  );
  return command.action(
    async (host: string, size: number | undefined, count: number | undefined, preload: number | undefined, options: Options) => {
      await using node = await startFromOptions(options, signal);
      checkSource(node, options.s);
      const target = await node.resolve(host, { signal });
      const usualMs = options.f ? FLOOD_INTERVAL_MS : 1000;
      const summary = await ping(node, {
        host,
        target,
        intervalMs: options.intervalMs ?? (options.i === undefined ? usualMs : options.i * 1000),
        sizeBytes: size ?? DEFAULT_SIZE_BYTES,
        count: options.c ?? count,
        preload: preload ?? 1,
        timeoutMs: options.t === undefined ? undefined : options.t * 1000,
        output: options.json ? 'json' : options.q ? 'quiet' : options.f ? 'flood' : 'text',
        verbose: options.v === true,
        signal,
      });
      if (summary.received === 0) throw new ExitRequest(ExitCode.FAILED);
    },
  );
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
