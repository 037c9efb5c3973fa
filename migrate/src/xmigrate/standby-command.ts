import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { integerArgument, XiaError } from 'xia-core';
import { ownXmigrate } from '../run/index.js';
import { runWorker, StandbyService, type StandbyEvent } from '../standby/index.js';

interface StandbyCommandOptions {
  readonly socket?: string;
  readonly workers: number;
  readonly maxWorkers?: number;
  readonly maxPrograms: number;
  readonly maxMemory: number;
  readonly warmUps: readonly number[];
  readonly json?: boolean;
  readonly worker?: boolean;
}

const DEFAULT_WORKERS = 1;
const DEFAULT_MAX_WORKERS = 4;
const DEFAULT_MAX_PROGRAMS = 100;
const DEFAULT_MAX_MEMORY_MB = 200;
const DEFAULT_WARM_UPS = '24,24';

/** Megabytes, separated by commas. @throws InvalidArgumentError */
function sizesArgument(text: string): number[] {
  const size = integerArgument(1, 1000);
  return text.split(',').flatMap((word) => (word.trim() === '' ? [] : [size(word)]));
}

function words(event: StandbyEvent): string {
  switch (event.event) {
    case 'ready':
      return `worker ${event.pid} is ready (${event.cpuSeconds.toFixed(1)} s of CPU, ${event.rssMb} MB)${event.fault === '' ? '' : `, not warm: ${event.fault}`}`;
    case 'taken':
      return `worker ${event.pid} was taken`;
    case 'free':
      return `worker ${event.pid} is free again (${event.programs} programs, ${event.rssMb} MB)`;
    case 'left':
      return `worker ${event.pid} has ended: ${event.reason}`;
    case 'busy':
      return 'somebody was sent away: every worker is busy';
  }
}

async function standby(options: StandbyCommandOptions, signal: AbortSignal): Promise<void> {
  const { socket, workers, maxWorkers = Math.max(workers, DEFAULT_MAX_WORKERS), maxPrograms, maxMemory: maxRssMb, warmUps, json } = options;
  if (options.worker === true) return runWorker({ warmUps, maxPrograms, maxRssMb }, signal);
  if (socket === undefined) throw new XiaError('usage', '--socket is needed: where "xmigrate run" finds this standby');
  if (maxWorkers < workers) throw new XiaError('usage', `--max-workers ${maxWorkers}: less than --workers ${workers}`);
  const say = (event: object, text: string) => {
    process.stdout.write(
      json === true ? `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n` : `xmigrate standby: ${text}\n`,
    );
  };
  const service = await StandbyService.open({
    socket: resolve(socket),
    workers,
    maximum: maxWorkers,
    worker: { xmigrate: ownXmigrate(), maxPrograms, maxRssMb, warmUps },
    onEvent: (event) => say(event, words(event)),
  });
  say({ event: 'listening', socket: resolve(socket) }, `listening at ${resolve(socket)}`);
  await new Promise<void>((done) => {
    if (signal.aborted) done();
    signal.addEventListener('abort', () => done(), { once: true });
  });
  await service.close();
}

/** `xmigrate standby`: keeps `send` and `recv` running and warm for `xmigrate run`. */
export function standbyCommand(signal: AbortSignal): Command {
  const count = (maximum: number) => integerArgument(1, maximum);
  return new Command('standby')
    .description('keep programs running and warm for the moves of this host')
    .option('--socket <path>', 'where "xmigrate run" finds it; nobody else may enter the folder (mode 0700, made when it is missing)')
    .option('--workers <n>', 'processes that are kept, one for each move at a time', count(64), DEFAULT_WORKERS)
    .option(
      '--max-workers <n>',
      `the most there may be, when more moves come; others are sent away (default: ${DEFAULT_MAX_WORKERS}, or --workers)`,
      count(64),
    )
    .option('--max-programs <n>', 'a worker that has run so many is replaced', count(1_000_000), DEFAULT_MAX_PROGRAMS)
    .option('--max-memory <MB>', 'a worker that has more than this after a move is replaced', count(1_000_000), DEFAULT_MAX_MEMORY_MB)
    .addOption(
      new Option('--warm-ups <MB,...>', 'moves that a new worker plays before it is ready, so many MB each')
        .argParser(sizesArgument)
        .default(sizesArgument(DEFAULT_WARM_UPS), DEFAULT_WARM_UPS),
    )
    .option('--json', 'one JSON object a line on stdout')
    .addOption(new Option('--worker', 'a process that a standby has started').hideHelp())
    .addHelpText(
      'after',
      `
Ctrl-C and SIGTERM stop the programs that run, as they stop "xmigrate run", and leave nothing behind.

Example:
  xmigrate standby --socket /run/user/1000/xmigrate/standby.sock`,
    )
    .action((options: StandbyCommandOptions) => standby(options, signal));
}
