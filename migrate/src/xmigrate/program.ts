import { Command } from 'commander';
import { diskConnectCommand } from '../disk/disk-connect-command.js';
import { diskListenCommand } from '../disk/disk-listen-command.js';
import { agentCommand } from './agent-command.js';
import { abortCommand, resumeCommand } from './mend-command.js';
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
  program.addCommand(diskListenCommand(signal));
  program.addCommand(diskConnectCommand(signal));
  program.addCommand(statusCommand());
  program.addCommand(resumeCommand(signal));
  program.addCommand(abortCommand(signal));
  program.addCommand(takeBackCommand());
  program.addCommand(forgetCommand());
  program.addHelpText(
    'after',
    `
Example:
  xmigrate run --vm vm1 --source-qmp a.qmp --destination-qmp b.qmp \\
    --source-host 127.0.0.1:7001 --destination-host 127.0.0.1:7002 --source-state state-a --destination-state state-b
  xmigrate status --vm vm1 --state state-b`,
  );
  return program;
}
