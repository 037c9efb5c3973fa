import { createServer, type Server, type Socket } from 'node:net';
import { Command } from 'commander';
import type { Dag, XiaNode } from 'xia-core';
import { relay } from './relay.js';
import { runTunnelEnd, type TunnelEnd, type TunnelService } from './tunnel-end.js';
import { addTunnelOptions, MAX_CONNECTIONS, say, type TunnelCommandOptions } from './tunnel-options.js';

interface ConnectOptions extends TunnelCommandOptions {
  readonly to: string;
}

async function carry(local: Socket, node: XiaNode, dag: Dag, signal: AbortSignal): Promise<void> {
  try {
    const stream = await node.connect(dag, { signal });
    say('connected', { peer: stream.peerHid?.toString() ?? null });
    await relay(local, stream);
  } finally {
    // QEMU waits for an answer as long as the connection stands.
    local.destroy();
  }
}

async function bind(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

/** Takes the connections of a socket, each to be carried by a stream of its own. */
async function takeConnections(options: ConnectOptions, { node, words, connections, signal }: TunnelEnd): Promise<TunnelService> {
  const server = createServer({ allowHalfOpen: true });
  server.maxConnections = MAX_CONNECTIONS;
  say('attached', { hid: node.hid.toString() });
  const dag = await node.resolve(await words.valueOf(options.to, signal), { signal });
  server.on('connection', (local) => {
    local.on('error', () => undefined);
    void connections.follow(carry(local, node, dag, signal), {});
  });
  await bind(server, options.socket);
  say('listening', { socket: options.socket });
  return { close: () => void server.close() };
}

/** `xmigrate disk-connect`: the source's end of the way that a disk's copy takes. */
export function diskConnectCommand(signal: AbortSignal): Command {
  const command = new Command('disk-connect').description('pass connections to a socket on to "xmigrate disk-listen" as encrypted streams');
  return addTunnelOptions(command, "the UNIX socket to listen on, for QEMU's NBD client")
    .requiredOption('--to <dag>', 'the DAG that "xmigrate disk-listen" says, or its name; "-" reads it from the first line of stdin')
    .addHelpText(
      'after',
      `
Prints events (attached, listening, connected, closed, ended) as JSON lines, and ends with the last connection.
"xmigrate run --disk nbd" starts it by itself.

Example:
  xmigrate disk-connect --host 127.0.0.1:7001 --socket run/nbd.sock --to DAG:...`,
    )
    .action((options: ConnectOptions) => runTunnelEnd(options, signal, (end) => takeConnections(options, end)));
}
