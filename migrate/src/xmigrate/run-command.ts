import { Command, Option } from 'commander';
import { SingleBar } from 'cli-progress';
import { ExitCode, ExitRequest, integerArgument, loadSecret, PrincipalType, type Xid } from 'xia-core';
import { diskModes, type DiskMode } from '../disk/index.js';
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from '../protocol/index.js';
import { runMigration, type RunMigrationOptions, type RunProgress, type RunResult } from '../run/index.js';
import { megabytes, sizeArgument } from './byte-size.js';
import { xidArgument } from './xid-argument.js';

const MIB = 1024 ** 2;

interface RunCommandOptions {
  readonly vm: string;
  readonly sourceQmp: string;
  readonly destinationQmp: string;
  readonly sourceHost: string;
  readonly destinationHost: string;
  readonly sourceState: string;
  readonly destinationState: string;
  readonly sourceKey?: string;
  readonly destinationKey?: string;
  readonly guest?: Xid;
  readonly sourceControl?: string;
  readonly destinationControl?: string;
  readonly trust?: string;
  readonly qemuStream?: 'unix' | 'exec';
  readonly downtimeLimit?: number;
  readonly maxBandwidth?: number;
  readonly chunk?: number;
  readonly window?: number;
  readonly secret?: string;
  readonly eventsDir?: string;
  readonly disk: DiskMode;
  readonly sharedStorage?: true;
  readonly diskBandwidth?: number;
  readonly json?: boolean;
}

function planOf(options: RunCommandOptions, signal: AbortSignal): RunMigrationOptions {
  const optional = {
    guest: options.guest,
    trust: options.trust,
    qemuStream: options.qemuStream,
    downtimeLimitMs: options.downtimeLimit,
    maxBandwidthBytesPerSecond: options.maxBandwidth,
    chunkBytes: options.chunk,
    windowBytes: options.window,
    secretFile: options.secret,
    eventsDirectory: options.eventsDir,
  };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  const key = (file: string | undefined, control: string | undefined) => ({
    ...(file === undefined ? {} : { keyFile: file }),
    ...(control === undefined ? {} : { control }),
  });
  return {
    vm: options.vm,
    source: {
      qmp: options.sourceQmp,
      host: options.sourceHost,
      stateDirectory: options.sourceState,
      ...key(options.sourceKey, options.sourceControl),
    },
    destination: {
      qmp: options.destinationQmp,
      host: options.destinationHost,
      stateDirectory: options.destinationState,
      ...key(options.destinationKey, options.destinationControl),
    },
    disk: {
      mode: options.disk,
      sharedStorage: options.sharedStorage === true,
      ...(options.diskBandwidth === undefined ? {} : { maxBandwidthBytesPerSecond: options.diskBandwidth }),
    },
    signal,
    ...given,
  };
}

/** One line that moves on a terminal; elsewhere a line for each phase; JSON lines with `--json`. */
function progressPrinter(options: RunCommandOptions): { update(progress: RunProgress): void; stop(): void } {
  if (options.json === true) {
    return {
      update: (progress) => void process.stdout.write(`${JSON.stringify({ event: 'progress', ...progress })}\n`),
      stop: () => undefined,
    };
  }
  if (!process.stderr.isTTY) {
    let phase = '';
    return {
      update(progress) {
        if (progress.phase !== phase) process.stderr.write(`${(progress.atMs / 1000).toFixed(3)} s  ${progress.phase}\n`);
        phase = progress.phase;
      },
      stop: () => undefined,
    };
  }
  const format = `${options.vm} [{bar}] {megabytes} MB in {chunks} chunks, {rate} MB/s, pass {pass}, {remaining} MB left, {phase}`;
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: null, gracefulExit: false });
  bar.start(100, 0, { megabytes: '0', chunks: 0, rate: '0', pass: 0, remaining: '?', phase: 'checking' });
  return {
    update({ qemu, bytes, chunks, bytesPerSecond, phase }) {
      // QEMU may send a page again, so what is left says more than what was sent.
      const done = qemu === undefined || qemu.totalBytes === 0 ? 0 : 100 * (1 - qemu.remainingBytes / qemu.totalBytes);
      const payload = { megabytes: megabytes(bytes), chunks, rate: megabytes(bytesPerSecond), pass: qemu?.pass ?? 0, phase };
      bar.update(Math.round(done), { ...payload, remaining: megabytes(qemu?.remainingBytes ?? 0) });
    },
    stop: () => bar.stop(),
  };
}

function describe(result: RunResult): string {
  if (result.outcome !== 'moved')
    return `${result.vm} ${result.outcome === 'stayed' ? 'stays at the source' : 'is in doubt'}: ${result.reason}`;
  const { bytes, chunks, totalTimeMs, pausedMs, qemuDowntimeMs } = result;
  const times = `${(totalTimeMs / 1000).toFixed(2)} s, stopped for ${pausedMs ?? '?'} ms (QEMU says ${qemuDowntimeMs ?? '?'} ms)`;
  return `${result.vm} has moved: ${megabytes(bytes)} MB in ${chunks} chunks in ${times}${result.reason === '' ? '' : `; ${result.reason}`}`;
}

async function run(options: RunCommandOptions, signal: AbortSignal): Promise<void> {
  // The source reads it; a mistake is better heard of before anything is started.
  if (options.secret !== undefined) await loadSecret(options.secret);
  const printer = progressPrinter(options);
  let result: RunResult;
  try {
    result = await runMigration(planOf(options, signal), (progress) => printer.update(progress));
  } finally {
    printer.stop();
  }
  if (options.json === true) process.stdout.write(`${JSON.stringify({ event: 'result', ...result })}\n`);
  else process.stdout.write(`${describe(result)}\n`);
  if (result.outcome !== 'moved' || (result.runner === 'none' && result.reason !== '')) throw new ExitRequest(ExitCode.FAILED);
}

/** `xmigrate run`: drives both QEMUs through one migration. */
export function runCommand(signal: AbortSignal): Command {
  return new Command('run')
    .description('move a VM between two running QEMUs and see that exactly one runs it')
    .requiredOption('--vm <name>', 'the VM')
    .requiredOption('--source-qmp <socket>', "the source QEMU's QMP socket")
    .requiredOption('--destination-qmp <socket>', "the destination QEMU's QMP socket (started with -incoming defer)")
    .requiredOption('--source-host <addr:port>', 'the XIA host that the source attaches to')
    .requiredOption('--destination-host <addr:port>', 'the XIA host that the destination attaches to')
    .requiredOption('--source-state <dir>', "directory of the source's state files")
    .requiredOption('--destination-state <dir>', "directory of the destination's state files")
    .option('--source-key <file>', 'PEM file of the identity at the source (default: a fresh one)')
    .option('--destination-key <file>', 'PEM file of the identity at the destination (default: a fresh one)')
    .addOption(
      new Option(
        '--guest <hid>',
        'HID of the VM: the hosts are told when it is coming and when it stands still, and the one that gave it away refuses its copy',
      ).argParser(xidArgument(PrincipalType.HID, 'HID')),
    )
    .option(
      '--source-control <socket>',
      "control socket of the XIA host that the VM's network card is plugged into at the source (with --guest)",
    )
    .option('--destination-control <socket>', 'the same at the destination')
    .addOption(new Option('--trust <ads>', 'the ADs to believe, separated by commas (default: any)').env('XIA_TRUST'))
    .addOption(
      new Option(
        '--qemu-stream <way>',
        'unix: xmigrate starts first and QEMU comes to its socket; exec: each QEMU starts its xmigrate (default: unix)',
      ).choices(['unix', 'exec']),
    )
    .addOption(
      new Option('--downtime-limit <ms>', 'stop the guest when the rest takes no longer than this').argParser(
        integerArgument(1, 2_000_000),
      ),
    )
    .addOption(new Option('--max-bandwidth <size>', 'bytes per second that QEMU may write').argParser(sizeArgument(1024, 1024 ** 4)))
    .addOption(new Option('--chunk <size>', 'plain bytes per chunk').argParser(sizeArgument(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES)))
    .addOption(new Option('--window <size>', 'sealed bytes in flight').argParser(sizeArgument(2 * MIB, 1024 * MIB)))
    .option('--secret <file>', "the secret of the VM's owner: what of its memory was moved before comes from caches")
    .addOption(
      new Option(
        '--disk <how>',
        'how disks move: auto (copy what is not shared, by nbd), none, nbd (a mirror over a stream), block (in the VM stream, until QEMU 9.0)',
      )
        .choices(diskModes)
        .default('auto'),
    )
    .option('--shared-storage', 'every disk is on storage that both sides see: none is copied')
    .addOption(new Option('--disk-bandwidth <size>', 'bytes per second of the copy of a disk').argParser(sizeArgument(1024, 1024 ** 4)))
    .option('--events-dir <dir>', 'keep the event files of both ends here')
    .option('--json', 'progress and result as JSON lines on stdout')
    .addHelpText(
      'after',
      `
Ctrl-C before the commit leaves the VM at the source.

Example:
  xmigrate run --vm vm1 --source-qmp a.qmp --destination-qmp b.qmp \\
    --source-host 127.0.0.1:7001 --destination-host 127.0.0.1:7002 --source-state state-a --destination-state state-b`,
    )
    .action((options: RunCommandOptions) => run(options, signal));
}
