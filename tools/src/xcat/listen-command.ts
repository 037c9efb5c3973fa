import type { Command } from 'commander';
import { integerArgument, PrincipalType, XiaError, Xid, type StreamServer, type XiaStream } from 'xia-core';
import { serviceSid } from '../common/service-sid.js';
import { addCommonOptions, collectXids, isOneOf, purposeOf, startNode, type CommonOptions } from './options.js';
import { XcatCode } from './reset-codes.js';
import { runSession, type SessionOptions } from './session.js';
import { Teller } from './teller.js';

interface ListenOptions extends CommonOptions {
  readonly allow?: readonly Xid[];
  readonly register?: string;
  readonly keep?: true;
  readonly max: number;
  readonly wait?: number;
}

function sidOf(text: string | undefined, service: string): Xid {
  if (text === undefined) return serviceSid(service);
  const sid = Xid.parse(text);
  if (sid.type === PrincipalType.SID) return sid;
  throw new XiaError('usage', `${text} is not a SID (SID: and 40 hex digits)`);
}

function isLetIn(stream: XiaStream, { allow }: ListenOptions, teller: Teller): boolean {
  if (allow === undefined || isOneOf(stream, allow)) return true;
  const peer = stream.peerHid?.toString();
  stream.on('error', () => {});
  stream.reset(XcatCode.NOT_ALLOWED);
  teller.event('refused', { peerHid: peer ?? null }, `refused ${peer}, who is not among --allow`);
  return false;
}

/** One after the other, or up to `max` at a time. One that fails ends alone; the others go on. */
async function serveAll(server: StreamServer, options: ListenOptions, session: SessionOptions): Promise<void> {
  const { teller } = session;
  const running = new Set<Promise<void>>();
  for await (const stream of server) {
    if (!isLetIn(stream, options, teller)) continue;
    teller.connected(stream, 'from');
    const serving = runSession(stream, session)
      .catch((error: unknown) => teller.event('failed', { reason: (error as Error).message }, (error as Error).message))
      .finally(() => running.delete(serving));
    running.add(serving);
    while (running.size >= options.max) await Promise.race(running);
  }
  await Promise.all(running);
}

async function serveOne(server: StreamServer, options: ListenOptions, session: SessionOptions): Promise<void> {
  for (let stream = await server.accept(); stream !== undefined; stream = await server.accept()) {
    if (!isLetIn(stream, options, session.teller)) continue;
    session.teller.connected(stream, 'from');
    await server.close();
    return runSession(stream, session);
  }
  if (!session.signal.aborted) throw new XiaError('timeout', `nobody connected within ${options.wait} ms`);
}

async function listen(text: string | undefined, options: ListenOptions, signal: AbortSignal): Promise<void> {
  const keep = options.keep === true;
  const purpose = purposeOf(options, true, !keep);
  const plain = options.plain === true;
  if (plain && options.allow !== undefined) throw new XiaError('usage', '--allow needs TLS: on a plain stream nobody proves anything');
  if (options.max > 1 && (!keep || purpose.kind === 'relay' || options.file !== undefined)) {
    throw new XiaError('usage', '--max is for --keep with --exec or --directory: stdout and a file are for one connection at a time');
  }
  const sid = sidOf(text, options.service);
  const teller = new Teller(options);
  await using node = await startNode(options, signal);
  await using server = await node.listen(sid, { secure: !plain });
  if (options.register !== undefined) await node.register(options.register, { sid });
  const dag = server.dag.toString();
  const { register = null } = options;
  teller.event('listening', { dag, sid: sid.toString(), hid: node.hid.toString(), name: register, secure: !plain }, `listening at ${dag}`);
  const close = () => void server.close();
  signal.addEventListener('abort', close, { once: true });
  const timer = options.wait === undefined ? undefined : setTimeout(close, options.wait);
  const session: SessionOptions = { purpose, plain, teller, signal };
  await (keep ? serveAll(server, options, session) : serveOne(server, options, session)).finally(() => clearTimeout(timer));
}

/** `xcat listen`. */
export function addListenCommand(program: Command, signal: AbortSignal): void {
  const command = program
    .command('listen')
    .description('wait for a stream; stdin goes to it, what it brings to stdout')
    .argument('[sid]', 'the service as SID:... in place of --service')
    .option('--register <name>', 'register this name; it belongs to the key that registered it first, so give --key to have it again')
    .option('--allow <xids>', 'HIDs, separated by commas: only these may connect', collectXids)
    .option('--keep', 'go on after the first connection; stdin is not read then')
    .option('--max <n>', 'connections at a time, with --keep', integerArgument(1, 1024), 1)
    .option('--wait <ms>', 'leave with code 4 when nobody has connected by then', integerArgument(1, 86_400_000))
    .addHelpText('after', '\nExample:\n  xtestbed exec HOST_B -- xcat listen --register drop.xia --directory inbox --keep --max 4');
  addCommonOptions(command).action(async (sid: string | undefined, options: ListenOptions) => listen(sid, options, signal));
}
