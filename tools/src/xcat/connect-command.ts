import type { Command } from 'commander';
import { PrincipalType, XiaError, type Xid } from 'xia-core';
import { serviceAt } from '../common/addresses.js';
import { serviceSid } from '../common/service-sid.js';
import { addCommonOptions, collectXids, isOneOf, purposeOf, startNode, type CommonOptions } from './options.js';
import { codeOf, explained, XcatCode } from './reset-codes.js';
import { runSession } from './session.js';
import { Teller } from './teller.js';

interface ConnectOptions extends CommonOptions {
  readonly expect?: readonly Xid[];
}

/** A handshake that somebody did not want, in words. */
function connectError(error: unknown, plain: boolean): Error {
  if (plain || !(error instanceof XiaError) || error.code !== 'handshake-failed' || codeOf(error) !== undefined) return explained(error);
  return new XiaError('refused', `${error.message}; is the other end --plain?`, error.context, { cause: error });
}

async function connect(target: string, options: ConnectOptions, signal: AbortSignal): Promise<void> {
  const purpose = purposeOf(options, false, true);
  const { expect, timeout: timeoutMs } = options;
  const plain = options.plain === true;
  if (plain && expect !== undefined) throw new XiaError('usage', '--expect needs TLS: on a plain stream nobody proves anything');
  const teller = new Teller(options);
  await using node = await startNode(options, signal);
  const dag = serviceAt(await node.resolve(target, { signal, timeoutMs }), serviceSid(options.service));
  if (!plain && dag.nodes.every(({ xid }) => xid.type !== PrincipalType.HID && xid.type !== PrincipalType.SID)) {
    throw new XiaError('bad-dag', `${dag.toString()} names nobody who could prove to be it`);
  }
  const stream = await node.connect(dag, { secure: !plain, signal, timeoutMs }).catch((error: unknown) => {
    throw connectError(error, plain);
  });
  if (expect !== undefined && !isOneOf(stream, expect)) {
    stream.on('error', () => {});
    stream.reset(XcatCode.NOT_ALLOWED);
    throw new XiaError('peer-not-authentic', `the peer is ${stream.peerHid?.toString()}, which is not who was expected`);
  }
  teller.connected(stream, 'to');
  await runSession(stream, { purpose, plain, teller, signal });
}

/** `xcat connect`. */
export function addConnectCommand(program: Command, signal: AbortSignal): void {
  const command = program
    .command('connect')
    .description('open a stream; stdin goes to it, what it brings to stdout')
    .argument('<target>', 'a name, or a literal address of a host or a service')
    .option('--expect <xids>', 'HIDs or SIDs, separated by commas: the peer must prove to be one of them', collectXids)
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_C -- xcat connect --file film.mp4 drop.xia');
  addCommonOptions(command).action(async (target: string, options: ConnectOptions) => connect(target, options, signal));
}
