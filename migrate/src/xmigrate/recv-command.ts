import { Command, Option } from 'commander';
import { ExitCode, ExitRequest, PrincipalType, toHex, Xid, XiaError } from 'xia-core';
import { notBegun, openMonitor, ParentChannel } from '../channel/index.js';
import { holdIncoming, listenIncoming, LoadingQemu } from '../machine/index.js';
import { DEFAULT_HOLD_BACK_BYTES, type Receiver, type ReceiverOutcome } from '../protocol/index.js';
import { HostNotices } from '../run/host-notices.js';
import { checkMayReceive, OwnershipFile } from '../state/index.js';
import { megabytes, sizeArgument } from './byte-size.js';
import { AttachmentWatch } from './attachment-watch.js';
import { closeNode } from './close-node.js';
import { faultOf, outcomeExitCode } from './outcome-code.js';
import { allowedPeers, isAllowed } from './peer-list.js';
import { QemuOutput } from './qemu-output.js';
import { qemuParentGone } from './qemu-parent.js';
import { receiveStream } from './receive-stream.js';
import { startNode } from './start-node.js';
import { addTransferOptions, fenceOf, giveWay, limitsOf, placeOf, type TransferCommandOptions } from './transfer-options.js';
import { TransferReport } from './transfer-report.js';
import { xidArgument } from './xid-argument.js';

interface RecvCommandOptions extends TransferCommandOptions {
  readonly listen?: Xid;
  readonly register?: string;
  readonly holdBack: number;
}

const MIB = 1024 ** 2;

type ReceiveFigures = Pick<ReturnType<Receiver['stats']>, 'bytes' | 'chunks' | 'windowBytes'> &
  Partial<Pick<ReturnType<Receiver['stats']>, 'fetchedBytes' | 'repeatedBytes'>>;

function describe(outcome: ReceiverOutcome, vm: string): string {
  switch (outcome.kind) {
    case 'taken':
      return `${vm} is here: ${megabytes(outcome.bytes)} MB in ${outcome.chunks} chunks`;
    case 'aborted':
      return `${vm} did not come: ${outcome.reason} (${outcome.code}${outcome.by === 'peer' ? ', says the source' : ''})`;
    case 'failed':
      return `${vm} was handed over, but QEMU here went away before it had the end of the stream (${outcome.reason}); see "xmigrate status --vm ${vm}"`;
  }
}

async function receive(options: RecvCommandOptions, stop: AbortSignal, lent: ParentChannel | undefined): Promise<void> {
  giveWay(options);
  const channel = lent ?? ParentChannel.ofThisProcess(options.underRun);
  if (options.qmp === undefined && process.stdout.isTTY)
    throw new XiaError('usage', 'stdout is a terminal; the VM stream goes to QEMU (see "xmigrate recv --help")');
  const orphan = new AbortController();
  const signal = AbortSignal.any([stop, qemuParentGone(), orphan.signal]);
  const file = new OwnershipFile(options.state, options.vm);
  checkMayReceive(file);
  const report = new TransferReport({ role: 'recv', vm: options.vm, eventsFile: options.events, json: options.json === true, channel });
  const fence = fenceOf(options, (reason) =>
    report.event('fence-failed', { reason }, `the host was not told that ${options.vm} comes: ${reason}`),
  );
  const host = new HostNotices(options.hostControl, options.guest);
  report.event('started', { pid: process.pid, vm: options.vm });
  let outcome: ReceiverOutcome;
  let qemu: QemuOutput | undefined;
  try {
    const monitor = options.qmp === undefined ? undefined : await openMonitor(options.qmp, channel);
    if (monitor !== undefined) await holdIncoming(monitor, signal);
    const output = monitor === undefined ? undefined : new QemuOutput();
    qemu = output;
    const runs = () => channel?.go?.runs ?? options.paused !== true;
    const machine = monitor === undefined ? undefined : new LoadingQemu(monitor, runs);
    let hasBegun = false;
    // Who waits for a source is to give up when nobody is left to whom it matters.
    const giveUp = (gone: AbortSignal | undefined, why: XiaError) =>
      gone?.addEventListener('abort', () => hasBegun || orphan.abort(why), { once: true });
    giveUp(channel?.gone, new XiaError('connection-closed', 'the xmigrate that had started it has ended'));
    giveUp(machine?.gone, new XiaError('qemu-failed', 'QEMU there has ended'));
    const node = await startNode(options, signal);
    using attachment = new AttachmentWatch({ node, end: 'destination', host: options.host ?? '', report });
    await host.open();
    host.say('coming');
    // The service's name is that of the node's own key, so whoever dials it can check who answers.
    const sid = options.listen ?? new Xid(PrincipalType.SID, node.hid.id);
    const server = await node.listen(sid);
    if (options.register !== undefined) await node.register(options.register, { sid });
    report.event(
      'listening',
      { dag: server.dag.toString(), hid: node.hid.toString(), name: options.register },
      `waiting for ${options.vm} at ${server.dag.toString()}`,
    );
    // Nobody may come before the parent has said who.
    const go = await channel?.untilGo(signal);
    if (channel !== undefined) {
      if (go === undefined) throw notBegun(signal, channel);
      report.event('allowing', { hids: go.allow });
    }
    const allow = allowedPeers(options.allow, go?.allow);
    let figures: () => ReceiveFigures = () => ({ bytes: 0, chunks: 0, windowBytes: 0 });
    let peer = '';
    let transfer = '';
    const details = (reason: string) => ({ ...figures(), ...placeOf(options), transfer, peer, runs: runs(), reason });
    outcome = await receiveStream({
      vm: options.vm,
      ...limitsOf(options),
      holdBackBytes: options.holdBack,
      streams: server,
      fetcher: node,
      missingHere: () => attachment.fault(),
      output: output ?? process.stdout,
      machine,
      allows: (source) => isAllowed(allow, source),
      persist: (phase, reason) => {
        file.write({ role: 'destination', phase }, details(reason));
        if (phase !== 'running') return;
        fence?.lift();
        host.say('arriving');
      },
      onPeer: (dag) => {
        peer = dag.toString();
        report.event('connected', { peer }, `receiving from ${peer}`);
      },
      onRefused: (dag, reason) => report.event('refused', { peer: dag.toString(), reason }, `refused ${dag.toString()}: ${reason}`),
      onStart: (stats) => {
        hasBegun = true;
        figures = stats;
        report.follow(stats);
      },
      onEvent: (event) => {
        if (event.kind === 'finished') return;
        const { kind, ...fields } = event;
        if (event.kind === 'ready') transfer = toHex(event.transfer);
        if (kind === 'received') void file.prepare({ role: 'destination', phase: 'running' }, details(''));
        report.event(kind, event.kind === 'ready' ? { limits: event.limits, transfer, socket: output?.path } : fields);
        if (kind === 'ready') output?.connectSoon();
        // A parent does this itself when both ends are ready.
        if (kind !== 'ready' || output === undefined || monitor === undefined || channel !== undefined) return;
        listenIncoming(monitor, output.path).catch((error: Error) => void output.destroy(error));
      },
      signal,
    });
    attachment.close();
    const sha256 = outcome.kind === 'taken' ? toHex(outcome.sha256) : undefined;
    const { kind, ...rest } = outcome;
    const { fetchedBytes, repeatedBytes } = figures();
    report.summary(
      { ...rest, fetchedBytes, repeatedBytes, outcome: kind, sha256, exitCode: outcomeExitCode(outcome) },
      describe(outcome, options.vm),
    );
    if (outcome.kind !== 'taken') host.say('not-coming');
    await fence?.settled();
    await closeNode(node);
  } catch (error) {
    report.summary({ outcome: 'error', ...faultOf(error), exitCode: ExitCode.FAILED }, `${options.vm} did not come`);
    throw error;
  } finally {
    qemu?.destroy();
    await host.close();
  }
  const code = outcomeExitCode(outcome);
  if (code !== ExitCode.OK) throw new ExitRequest(code);
}

/**
 * `xmigrate recv`: what QEMU runs by `-incoming exec:` or `migrate-incoming exec:`, or what drives QEMU by `--qmp`.
 * @param channel to whoever has taken this program from a standby
 */
export function recvCommand(signal: AbortSignal, channel?: ParentChannel): Command {
  const command = new Command('recv').description('wait for "xmigrate send" and give the VM stream to QEMU');
  addTransferOptions(command);
  return command
    .addOption(
      new Option('--listen <sid>', "the service to listen on (default: SID of this node's own key)").argParser(
        xidArgument(PrincipalType.SID, 'SID'),
      ),
    )
    .option('--register <name>', 'register this name for the service; it belongs to the key that registered it first (see --key)')
    .addOption(
      new Option('--hold-back <size>', 'bytes of the end of the stream that QEMU gets after the commit only (without --qmp)')
        .argParser(sizeArgument(MIB / 16, 64 * MIB))
        .default(DEFAULT_HOLD_BACK_BYTES, '1M'),
    )
    .addHelpText(
      'after',
      `
Only the VM's bytes go to stdout; progress and events go to stderr, as JSON lines with --json.

Examples:
  xmigrate recv --vm vm1 --host 127.0.0.1:7002 --register vm1.move.xia --qmp b.qmp

As an option of the destination QEMU:
  -incoming "exec:xmigrate recv --vm vm1 --host 127.0.0.1:7002 --register vm1.move.xia"`,
    )
    .action((options: RecvCommandOptions) => receive(options, signal, channel));
}
