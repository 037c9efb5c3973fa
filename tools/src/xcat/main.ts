import { Command } from 'commander';
import { runMain } from 'xia-core';
import { addConnectCommand } from './connect-command.js';
import { addListenCommand } from './listen-command.js';

/** The `xcat` program. */
function program(signal: AbortSignal): Command {
  const command = new Command('xcat').description('Pipes, commands and files over encrypted streams: what netcat is to TCP.');
  addListenCommand(command, signal);
  addConnectCommand(command, signal);
  return command.addHelpText(
    'after',
    `
Example:
  xtestbed exec HOST_B -- xcat listen --register chat.xia
  xtestbed exec HOST_C -- xcat connect chat.xia`,
  );
}

export async function main(argv: string[]): Promise<void> {
  await runMain(program, argv);
}
