import { randomBytes } from 'node:crypto';
import { isatty } from 'node:tty';
import { Command, Option } from 'commander';
import { ContentSealer, ExitCode, ExitRequest, loadSecret, toHex, XiaError, type XiaNode } from 'xia-core';
import { notBegun, openMonitor, ParentChannel } from '../channel/index.js';
import { goOn, startOutgoing, type Monitor } from '../machine/index.js';
import {
  DEFAULT_CHUNK_BYTES,
  MAX_CHUNK_BYTES,
  MIN_CHUNK_BYTES,
  TRANSFER_ID_BYTES,
  type Sender,
  type SenderOutcome,
} from '../protocol/index.js';
import { queryRunState } from '../qemu/index.js';
import { checkMaySend, noteStays, OwnershipFile } from '../state/index.js';
import { megabytes, sizeArgument } from './byte-size.js';
import { AttachmentWatch } from './attachment-watch.js';
import { closeNode } from './close-node.js';
import { dial } from './dial.js';
import { faultOf, outcomeExitCode } from './outcome-code.js';
import { allowedPeers, checkedPeer } from './peer-list.js';
import { QemuInput } from './qemu-input.js';
import { sendStream } from './send-stream.js';
import { startNode } from './start-node.js';
import { addTransferOptions, fenceOf, giveWay, limitsOf, placeOf, type TransferCommandOptions } from './transfer-options.js';
import { TransferReport } from './transfer-report.js';
import { openVmInput } from './vm-input.js';

const STDIN = 0;
const NO_GOAL = '--to is needed: the DAG that "xmigrate recv" listens on, or its name';

type SendFigures = Pick<ReturnType<Sender['stats']>, 'bytes' | 'chunks' | 'windowBytes'> &
  Partial<Pick<ReturnType<Sender['stats']>, 'offeredBytes' | 'pages'>>;

interface SendCommandOptions extends TransferCommandOptions {
  readonly to?: string;
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

/** Where to, to whom, and whether the VM runs: the parent's word where a parent has started this program. */
async function goal(options: SendCommandOptions, channel: ParentChannel | undefined, monitor: Monitor | undefined, signal: AbortSignal) {
  const go = await channel?.untilGo(signal);
  const to = go?.to ?? options.to;
  if (channel !== undefined && go === undefined) throw notBegun(signal, channel);
  if (to === undefined) throw new XiaError('usage', NO_GOAL);
  const isPaused =
    options.paused ?? (go === undefined && monitor !== undefined && (await queryRunState(monitor, signal)).status === 'paused');
  return { to, allow: allowedPeers(options.allow, go?.allow), runs: go?.runs ?? !isPaused };
}

/** Aborted when the parent goes away while QEMU has not been told anything: nobody would tell it any more. */
function orphaned(channel: ParentChannel | undefined, input: { readonly isConnected: boolean } | undefined): AbortSignal[] {
  if (channel === undefined || input === undefined) return [];
  const orphan = new AbortController();
  const why = new XiaError('connection-closed', 'the xmigrate that had started it has ended');
  const look = () => !input.isConnected && orphan.abort(why);
  channel.gone.addEventListener('abort', look, { once: true });
  if (channel.gone.aborted) look();
  return [orphan.signal];
}

async function transferOut(
  options: SendCommandOptions,
  report: TransferReport,
  node: XiaNode,
  attachment: AttachmentWatch,
  channel: ParentChannel | undefined,
  monitor: Monitor | undefined,
  signal: AbortSignal,
): Promise<{ readonly outcome: SenderOutcome; readonly figures: SendFigures }> {
  const { vm } = options;
  const file = new OwnershipFile(options.state, vm);
  const fence = fenceOf(options, (reason) => report.event('fence-failed', { reason }, `the host was not told that ${vm} goes: ${reason}`));
  const contents = options.secret === undefined ? undefined : new ContentSealer(await loadSecret(options.secret));
  const { to, allow, runs } = await goal(options, channel, monitor, signal);
  const transfer = randomBytes(TRANSFER_ID_BYTES);
  const place = placeOf(options);
  file.write({ role: 'source', phase: 'sending' }, { transfer: toHex(transfer), peer: to, bytes: 0, chunks: 0, runs, ...place });
  let connected = false;
  const missingHere = () => attachment.fault();
  let figures: () => SendFigures = () => ({ bytes: 0, chunks: 0, windowBytes: 0 });
  const qemu = monitor === undefined ? undefined : await QemuInput.listen();
  const stop = AbortSignal.any([signal, ...orphaned(channel, qemu)]);
  const stays = async (reason: string) => {
    const { bytes, chunks } = figures();
    noteStays(file, { bytes, chunks, reason });
    qemu?.close();
    if (monitor !== undefined && runs) await goOn(monitor);
  };
  let outcome: SenderOutcome;
  try {
    outcome = await sendStream({
      vm,
      transfer,
      contents,
      ...limitsOf(options),
      chunkBytes: options.chunk,
      input: qemu ?? openVmInput(STDIN),
      connect: async () => {
        // The operator may stop the first attempt; a second one is for finishing a commit.
        const opened = connected ? await node.connect(await node.resolve(to)) : await dial(node, { to, signal: stop, missingHere });
        const stream = checkedPeer(opened, allow);
        connected = true;
        report.event('connected', { peer: stream.peerDag.toString() }, `connected to ${stream.peerDag.toString()}`);
        return stream;
      },
      publisher: node,
      missingHere,
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
        if (kind === 'finished') return;
        if (kind === 'input-sent') void file.prepare({ role: 'source', phase: 'handed-over' }, { ...figures(), reason: '' });
        const words = kind === 'silent' ? `${vm} is handed over, and nothing comes from the destination; it is asked again` : undefined;
        report.event(kind, kind === 'ready' ? { ...fields, socket: qemu?.path } : fields, words);
        // A parent does this itself when both ends are ready.
        if (kind !== 'ready' || qemu === undefined || monitor === undefined || channel !== undefined) return;
        startOutgoing(monitor, qemu.path).catch((error: Error) => void qemu.emit('error', error));
      },
      signal: stop,
    });
  } catch (error) {
    await stays((error as Error).message);
    throw error;
  } finally {
    qemu?.close();
  }
  const { bytes, chunks } = figures();
  if (outcome.kind === 'handed-over') file.write({ role: 'source', phase: 'gone' }, { bytes, chunks });
  if (outcome.kind === 'aborted') await stays(outcome.reason);
  await fence?.settled();
  return { outcome, figures: figures() };
}

async function send(options: SendCommandOptions, signal: AbortSignal, lent: ParentChannel | undefined): Promise<void> {
  giveWay(options);
  const channel = lent ?? ParentChannel.ofThisProcess(options.underRun);
  if (channel === undefined && options.to === undefined) throw new XiaError('usage', NO_GOAL);
  if (options.qmp === undefined && isatty(STDIN))
    throw new XiaError('usage', 'stdin is a terminal; the VM stream comes from QEMU (see "xmigrate send --help")');
  checkMaySend(new OwnershipFile(options.state, options.vm));
  const json = options.json === true;
  const report = new TransferReport({ role: 'send', vm: options.vm, eventsFile: options.events, json, channel });
  report.event('started', { pid: process.pid, vm: options.vm, to: options.to });
  let outcome: SenderOutcome | undefined;
  try {
    const monitor = options.qmp === undefined ? undefined : await openMonitor(options.qmp, channel);
    const node = await startNode(options, signal);
    using attachment = new AttachmentWatch({ node, end: 'source', host: options.host ?? '', report });
    report.event('attached', { hid: node.hid.toString(), dag: node.dag().toString() });
    const ended = await transferOut(options, report, node, attachment, channel, monitor, signal);
    attachment.close();
    outcome = ended.outcome;
    const { offeredBytes, pages } = ended.figures;
    const servedBytes = node.stats()['responder']?.['bytes'];
    const sha256 = outcome.kind === 'handed-over' ? toHex(outcome.sha256) : undefined;
    const { kind, ...rest } = outcome;
    report.summary(
      { ...rest, offeredBytes, servedBytes, pages, outcome: kind, sha256, exitCode: outcomeExitCode(outcome) },
      describe(outcome, options.vm),
    );
    await closeNode(node);
  } catch (error) {
    report.summary({ outcome: 'error', ...faultOf(error), exitCode: ExitCode.FAILED }, `${options.vm} stays here`);
    throw error;
  }
  const code = outcomeExitCode(outcome);
  if (code !== ExitCode.OK) throw new ExitRequest(code);
}

/**
 * `xmigrate send`: what QEMU runs by `migrate exec:`, or what drives QEMU by `--qmp`.
 * @param channel to whoever has taken this program from a standby
 */
export function sendCommand(signal: AbortSignal, channel?: ParentChannel): Command {
  const command = new Command('send').description('read a VM stream from QEMU and hand it to "xmigrate recv"');
  addTransferOptions(command);
  return command
    .option('--to <dag>', 'the DAG that "xmigrate recv" listens on, or its name')
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

Examples:
  xmigrate send --vm vm1 --host 127.0.0.1:7001 --to vm1.move.xia --qmp a.qmp

In the monitor of the source QEMU:
  migrate "exec:xmigrate send --vm vm1 --host 127.0.0.1:7001 --to vm1.move.xia"`,
    )
    .action((options: SendCommandOptions) => send(options, signal, channel));
}
