import { createServer, type Server, type Socket } from 'node:net';
import { Command } from 'commander';
import type { Dag, XiaNode } from 'xia-core';
import { closeNode } from '../xmigrate/close-node.js';
import { startNode } from '../xmigrate/start-node.js';
import { relay } from './relay.js';
import {
  addTunnelOptions,
  Connections,
  DELIVERY_TIMEOUT_MS,
  MAX_CONNECTIONS,
  say,
  StdinWords,
  type TunnelCommandOptions,
} from './tunnel-options.js';

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

async function connect(options: ConnectOptions, stop: AbortSignal): Promise<void> {
  const words = new StdinWords();
  const signal = options.untilStdinEnds ? AbortSignal.any([stop, words.ended]) : stop;
  const connections = new Connections();
  const server = createServer({ allowHalfOpen: true });
  server.maxConnections = MAX_CONNECTIONS;
  const node = await startNode(options, signal);
  try {
    say('attached', { hid: node.hid.toString() });
    const dag = await node.resolve(await words.valueOf(options.to, signal), { signal });
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    server.on('connection', (local) => {
      local.on('error', () => undefined);
      void connections.follow(carry(local, node, dag, signal), {});
    });
    await bind(server, options.socket);
    say('listening', { socket: options.socket });
    if (!signal.aborted) await Promise.race([connections.over, stopped]);
    say('ended', { reason: signal.aborted ? 'stopped' : 'every connection has ended' });
  } finally {
    server.close();
    words.close();
    // What one end has written last may still be on its way to the other.
    if (!signal.aborted) await node.close({ deliveryTimeoutMs: DELIVERY_TIMEOUT_MS }).catch(() => undefined);
    else await closeNode(node);
  }
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
    .action((options: ConnectOptions) => connect(options, signal));
}
