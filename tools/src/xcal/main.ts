import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
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
import { writeJsonLine } from '../common/json-output.js';
import { ask } from './ask.js';
import { echoDatagrams } from './echo-client.js';
import { readCounter } from './read-counter.js';
import { GoldbachService, serveGoldbach } from './service.js';
import { SID_XCAL } from './service-sids.js';

interface ServeOptions extends AttachOptions {
  readonly name?: string;
}

interface EchoCommandOptions extends AttachOptions {
  readonly intervalMs: number;
  readonly count?: number;
  readonly size: number;
}

interface AskCommandOptions extends AttachOptions {
  readonly intervalMs: number;
  readonly count?: number;
  readonly quiet?: true;
}

async function serve(options: ServeOptions, signal: AbortSignal): Promise<void> {
  await using node = await startFromOptions(options, signal);
  const server = await node.listen(SID_XCAL);
  const service = new GoldbachService(randomBytes(8).toString('hex'));
  const serving = serveGoldbach(server, service, (error) => process.stderr.write(`xcal: ${(error as Error).message}\n`));
  if (options.name !== undefined) await node.register(options.name);
  const dag = node.dag(SID_XCAL).toString();
  if (options.json) writeJsonLine({ ready: true, name: options.name ?? null, dag, startId: service.startId });
  else process.stdout.write(`serving Goldbach pairs at ${dag}${options.name === undefined ? '' : `, as ${options.name}`}\n`);
  if (!signal.aborted) await once(signal, 'abort');
  await server.close();
  await serving;
}

/** How many of what is asked, and how fast. */
function addPaceOptions(command: Command, things: string): Command {
  return command
    .option('-i, --interval-ms <ms>', `time between two ${things}`, numberArgument(1, 3_600_000), 100)
    .option('-c, --count <count>', `${things} to send (default: until Ctrl-C)`, integerArgument(1, 1_000_000_000));
}

/** The `xcal` program. */
function program(signal: AbortSignal): Command {
  const command = new Command('xcal').description('A service that writes even numbers as sums of two primes, and a client that checks it.');
  const serveCommand = command
    .command('serve')
    .description('answer until Ctrl-C')
    .option('--name <name>', 'register this name; it belongs to the key that registered it first, so give --key to have it again')
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_B -- xcal serve --name calc.xia --key calc.key')
    .action(async (options: ServeOptions) => serve(options, signal));
  addAttachOptions(serveCommand);
  const askCommand = command
    .command('ask')
    .description('ask on one stream, check every answer; exit code 1 for a wrong or missing answer, a reconnect or a reset')
    .argument('<host>', 'a name, or a literal address of the host or the service')
    .option('-q, --quiet', 'only wrong answers and the summary')
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_C -- xcal ask -c 10 calc.xia')
    .action(async (host: string, options: AskCommandOptions) => {
      await using node = await startFromOptions(options, signal);
      const summary = await ask(node, {
        host,
        intervalMs: options.intervalMs,
        count: options.count,
        json: options.json === true,
        quiet: options.quiet === true,
        signal,
      });
      if (summary.wrong + summary.missing + summary.reconnects + summary.resets > 0) throw new ExitRequest(ExitCode.FAILED);
    });
  addAttachOptions(addPaceOptions(askCommand, 'questions'));
  const echoCommand = command
    .command('echo')
    .description('send datagrams to the echo service of a guest, count what comes back; exit code 1 when nothing did')
    .argument('<host>', 'a name, or a literal address')
    .option('--size <bytes>', 'bytes in each', integerArgument(4, 60_000), 64)
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_C -- xcal echo -c 10 vm.xia')
    .action(async (host: string, options: EchoCommandOptions) => {
      await using node = await startFromOptions(options, signal);
      const { intervalMs, count, size: sizeBytes } = options;
      const summary = await echoDatagrams(node, { host, intervalMs, count, sizeBytes, json: options.json === true, signal });
      if (summary.received === 0 || summary.damaged > 0) throw new ExitRequest(ExitCode.FAILED);
    });
  addAttachOptions(addPaceOptions(echoCommand, 'datagrams'));
  const counterCommand = command
    .command('counter')
    .description("print a guest's own counter, which shows whether it has gone on or started again")
    .argument('<host>', 'a name, or a literal address')
    .option('--timeout <ms>', 'how long to wait', integerArgument(1, 600_000), 5000)
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_C -- xcal counter vm.xia')
    .action(async (host: string, options: AttachOptions & { readonly timeout: number }) => {
      await using node = await startFromOptions(options, signal);
      const state = await readCounter(node, host, { timeoutMs: options.timeout, signal });
      if (options.json) writeJsonLine(state);
      else process.stdout.write(`${state.ticks} ticks and ${state.answers} answers since start ${state.startId}, at ${state.dag}\n`);
    });
  addAttachOptions(counterCommand);
  return command.addHelpText(
    'after',
    `
Example:
  xtestbed exec HOST_A -- xcal serve --name calc.xia
  xtestbed exec HOST_C -- xcal ask -c 10 calc.xia`,
  );
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
