import { once } from 'node:events';
import { Command } from 'commander';
import { addAttachOptions, startFromOptions, type AttachOptions } from 'xia-core';

interface AgentCommandOptions extends AttachOptions {
  readonly name?: string;
}

function say(event: string, fields: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify({ event, time: new Date().toISOString(), ...fields })}\n`);
}

async function runAgent(options: AgentCommandOptions, signal: AbortSignal): Promise<void> {
  await using node = await startFromOptions(options, signal);
  const place = () => ({ ad: node.ad?.toString(), hid: node.hid.toString(), dag: node.dag().toString() });
  node.on('move', () => say('move', place()));
  node.on('attach', () => say('attach', place()));
  node.on('detach', () => say('detach', { hid: node.hid.toString() }));
  say('attached', place());
  if (options.name !== undefined) {
    await node.register(options.name);
    say('registered', { name: options.name, dag: node.dag().toString() });
  }
  // The node does the rest by itself: hears beacons, binds, patches the old place, registers again.
  if (!signal.aborted) await once(signal, 'abort');
}

/** `xmigrate agent`: keeps a VM attached to whatever network its uplink leads to, and its name up to date. */
export function agentCommand(signal: AbortSignal): Command {
  const command = new Command('agent').description('keep a VM attached and its name registered; runs in the VM or beside it');
  addAttachOptions(command, { json: false });
  return command
    .option(
      '--name <name>',
      'register this name for the VM, again after each move; it belongs to the key that registered it first (see --key)',
    )
    .addHelpText(
      'after',
      '\nPrints events (attached, move, detach, registered) as JSON lines.\n\nExample:\n  xmigrate agent --host 10.0.2.2:7001 --key vm.pem --name vm1.xia',
    )
    .action((options: AgentCommandOptions) => runAgent(options, signal));
}
