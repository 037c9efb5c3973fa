import { connect } from 'node:net';
import { Command } from 'commander';
import { PrincipalType, Xid, type XiaStream } from 'xia-core';
import { xidArgument } from '../xmigrate/xid-argument.js';
import { relay } from './relay.js';
import { runTunnelEnd, type TunnelEnd, type TunnelService } from './tunnel-end.js';
import { addTunnelOptions, MAX_CONNECTIONS, say, type TunnelCommandOptions } from './tunnel-options.js';

interface ListenOptions extends TunnelCommandOptions {
  readonly allow: string;
}

async function carry(stream: XiaStream, socket: string): Promise<void> {
  await relay(connect({ path: socket, allowHalfOpen: true }), stream);
}

/** Takes the streams of those who may connect, each to be carried to a socket. */
async function takeStreams(options: ListenOptions, { node, words, connections, signal }: TunnelEnd): Promise<TunnelService> {
  const parse = xidArgument(PrincipalType.HID, 'HID');
  const allowed = (await words.valueOf(options.allow, signal)).split(',').map((text) => parse(text));
  // The service's name is that of the node's own key, so whoever dials it can check who answers.
  const server = await node.listen(new Xid(PrincipalType.SID, node.hid.id));
  say('listening', { dag: server.dag.toString(), hid: node.hid.toString() });
  let served = 0;
  const accepting = async (): Promise<void> => {
    for await (const stream of server) {
      stream.on('error', () => undefined);
      const peer = stream.peerHid;
      if (peer === undefined || !allowed.some((hid) => hid.equals(peer)) || served >= MAX_CONNECTIONS) {
        say('refused', { peer: peer?.toString() ?? null });
        stream.destroy();
        continue;
      }
      served++;
      say('connected', { peer: peer.toString() });
      void connections.follow(carry(stream, options.socket), { peer: peer.toString() });
    }
  };
  return { over: accepting() };
}

/** `xmigrate disk-listen`: the destination's end of the way that a disk's copy takes. */
export function diskListenCommand(signal: AbortSignal): Command {
  const command = new Command('disk-listen').description('pass streams from "xmigrate disk-connect" on to the socket of an NBD server');
  return addTunnelOptions(command, 'the UNIX socket that the NBD server listens on')
    .requiredOption('--allow <hids>', 'HIDs, separated by commas: only these may connect; "-" reads them from the first line of stdin')
    .addHelpText(
      'after',
      `
Prints events (listening, connected, refused, closed, ended) as JSON lines, and ends with the last connection.
"xmigrate run --disk nbd" starts it by itself.

Example:
  xmigrate disk-listen --host 127.0.0.1:7002 --socket run/nbd.sock --allow HID:...`,
    )
    .action((options: ListenOptions) => runTunnelEnd(options, signal, (end) => takeStreams(options, end)));
}
