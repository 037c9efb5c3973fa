import { Command } from 'commander';
import { agentCommand } from './agent-command.js';
import { recvCommand } from './recv-command.js';
import { runCommand } from './run-command.js';
import { sendCommand } from './send-command.js';
import { forgetCommand, statusCommand, takeBackCommand } from './status-command.js';

/** The `xmigrate` program. `signal` is aborted by Ctrl-C and SIGTERM. */
export function xmigrateProgram(signal: AbortSignal): Command {
  const program = new Command('xmigrate').description('live migration of QEMU virtual machines over XIA').enablePositionalOptions();
  program.addCommand(runCommand(signal));
  program.addCommand(sendCommand(signal));
  program.addCommand(recvCommand(signal));
  program.addCommand(agentCommand(signal));
  program.addCommand(statusCommand());
  program.addCommand(takeBackCommand());
  program.addCommand(forgetCommand());
  return program;
}
