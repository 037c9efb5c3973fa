import { randomBytes } from 'node:crypto';
import { isatty } from 'node:tty';
import { Command, Option } from 'commander';
import { ContentSealer, ExitCode, ExitRequest, loadSecret, toHex, XiaError } from 'xia-core';
import {
  DEFAULT_CHUNK_BYTES,
  MAX_CHUNK_BYTES,
  MIN_CHUNK_BYTES,
  TRANSFER_ID_BYTES,
  type Sender,
  type SenderOutcome,
} from '../protocol/index.js';
import { checkMaySend, OwnershipFile } from '../state/index.js';
import { megabytes, sizeArgument } from './byte-size.js';
import { closeNode } from './close-node.js';
import { outcomeExitCode } from './outcome-code.js';
import { sendStream } from './send-stream.js';
import { startNode } from './start-node.js';
import { addTransferOptions, fenceOf, giveWay, limitsOf, type TransferCommandOptions } from './transfer-options.js';
import { TransferReport } from './transfer-report.js';
import { openVmInput } from './vm-input.js';

const STDIN = 0;

type SendFigures = Pick<ReturnType<Sender['stats']>, 'bytes' | 'chunks' | 'windowBytes'> &
  Partial<Pick<ReturnType<Sender['stats']>, 'offeredBytes' | 'pages'>>;

interface SendCommandOptions extends TransferCommandOptions {
  readonly to: string;
  readonly chunk: number;
  readonly secret?: string;
}

function describe(outcome: SenderOutcome, vm: string): string {
  switch (outcome.kind) {
    case 'handed-over':
      return `${vm} has moved: ${megabytes(outcome.bytes)} MB in ${outcome.chunks} chunks`;
    case 'aborted':
      return `${vm} stays here: ${outcome.reason} (${outcome.code}${outcome.by === 'peer' ? ', says the destination' : ''})`;
    case 'in-doubt':
      return `${vm} was handed over, but ${outcome.reason}; do not resume it here before "xmigrate status --vm ${vm}" says how`;
  }
}

async function send(options: SendCommandOptions, signal: AbortSignal): Promise<void> {
  giveWay(options);
  if (isatty(STDIN)) throw new XiaError('usage', 'stdin is a terminal; the VM stream comes from QEMU (see "xmigrate send --help")');
  const file = new OwnershipFile(options.state, options.vm);
  checkMaySend(file);
  const contents = options.secret === undefined ? undefined : new ContentSealer(await loadSecret(options.secret));
  const report = new TransferReport({ role: 'send', vm: options.vm, eventsFile: options.events, json: options.json === true });
  const fence = fenceOf(options, (reason) =>
    report.event('fence-failed', { reason }, `the host was not told that ${options.vm} goes: ${reason}`),
  );
  report.event('started', { pid: process.pid, vm: options.vm, to: options.to });
  let outcome: SenderOutcome | undefined;
  try {
    const node = await startNode(options, signal);
    report.event('attached', { hid: node.hid.toString(), dag: node.dag().toString() });
    const transfer = randomBytes(TRANSFER_ID_BYTES);
    const details = { transfer: toHex(transfer), peer: options.to, bytes: 0, chunks: 0 };
    file.write({ role: 'source', phase: 'sending' }, details);
    let connected = false;
    let figures: () => SendFigures = () => ({ bytes: 0, chunks: 0, windowBytes: 0 });
    try {
      outcome = await sendStream({
        vm: options.vm,
        transfer,
        contents,
        limits: limitsOf(options),
        chunkBytes: options.chunk,
        input: openVmInput(STDIN),
        connect: async () => {
          // The operator may stop the first attempt; a second one is for finishing a commit.
          const bound = connected ? {} : { signal };
          const stream = await node.connect(await node.resolve(options.to, bound), bound);
          connected = true;
          report.event('connected', { peer: stream.peerDag.toString() }, `connected to ${stream.peerDag.toString()}`);
          return stream;
        },
        publisher: node,
        persist: (phase, reason) => {
          file.write({ role: 'source', phase }, { ...figures(), reason });
          if (phase === 'handed-over') fence?.raise();
          else fence?.lift();
        },
        onStart: (stats) => {
          figures = stats;
          report.follow(stats);
        },
        onEvent: ({ kind, ...fields }) => {
          if (kind !== 'finished') report.event(kind, fields);
        },
        signal,
      });
    } catch (error) {
      file.write({ role: 'source', phase: 'running' }, { reason: (error as Error).message });
      throw error;
    }
    const { bytes, chunks, offeredBytes, pages } = figures();
    const servedBytes = node.stats()['responder']?.['bytes'];
    if (outcome.kind === 'handed-over') file.write({ role: 'source', phase: 'gone' }, { bytes, chunks });
    if (outcome.kind === 'aborted') file.write({ role: 'source', phase: 'running' }, { bytes, chunks, reason: outcome.reason });
    const sha256 = outcome.kind === 'handed-over' ? toHex(outcome.sha256) : undefined;
    const { kind, ...rest } = outcome;
    report.summary(
      { ...rest, offeredBytes, servedBytes, pages, outcome: kind, sha256, exitCode: outcomeExitCode(outcome) },
      describe(outcome, options.vm),
    );
    await fence?.settled();
    await closeNode(node);
  } catch (error) {
    report.summary({ outcome: 'error', reason: (error as Error).message, exitCode: ExitCode.FAILED }, `${options.vm} stays here`);
    throw error;
  }
  const code = outcomeExitCode(outcome);
  if (code !== ExitCode.OK) throw new ExitRequest(code);
}

/** `xmigrate send`: what QEMU runs by `migrate exec:`. */
export function sendCommand(signal: AbortSignal): Command {
  const command = new Command('send').description('read a VM stream from stdin and hand it to "xmigrate recv"');
  addTransferOptions(command);
  return command
    .requiredOption('--to <dag>', 'the DAG that "xmigrate recv" listens on, or its name')
    .addOption(
      new Option('--chunk <size>', 'bytes per chunk')
        .argParser(sizeArgument(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES))
        .default(DEFAULT_CHUNK_BYTES, '960K'),
    )
    .option('--secret <file>', "tell the guest's pages apart, so that caches give those that were moved before (the secret: see xchunk)")
    .addHelpText(
      'after',
      `
Progress and events go to stderr, as JSON lines with --json. Ctrl-C before the commit leaves the VM here.

Example, in the monitor of the source QEMU:
  migrate "exec:xmigrate send --vm vm1 --host 127.0.0.1:7001 --to vm1.move.xia"`,
    )
    .action((options: SendCommandOptions) => send(options, signal));
}
