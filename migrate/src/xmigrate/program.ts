import { Command } from 'commander';

/** The commands, in the order of the help. Each is loaded when it is wanted: what `run` needs is no part of a transfer. */
const COMMANDS: Readonly<Record<string, (signal: AbortSignal) => Promise<Command>>> = {
  run: async (signal) => (await import('./run-command.js')).runCommand(signal),
  send: async (signal) => (await import('./send-command.js')).sendCommand(signal),
  recv: async (signal) => (await import('./recv-command.js')).recvCommand(signal),
  standby: async (signal) => (await import('./standby-command.js')).standbyCommand(signal),
  agent: async (signal) => (await import('./agent-command.js')).agentCommand(signal),
  'disk-listen': async (signal) => (await import('../disk/disk-listen-command.js')).diskListenCommand(signal),
  'disk-connect': async (signal) => (await import('../disk/disk-connect-command.js')).diskConnectCommand(signal),
  status: async () => (await import('./status-command.js')).statusCommand(),
  resume: async (signal) => (await import('./mend-command.js')).resumeCommand(signal),
  abort: async (signal) => (await import('./mend-command.js')).abortCommand(signal),
  'take-back': async () => (await import('./status-command.js')).takeBackCommand(),
  forget: async () => (await import('./status-command.js')).forgetCommand(),
};

/** The `xmigrate` program, with the command of this name alone, or with all of them. `signal` is aborted by Ctrl-C and SIGTERM. */
export async function xmigrateProgram(signal: AbortSignal, name?: string): Promise<Command> {
  const program = new Command('xmigrate').description('Live migration of QEMU virtual machines over XIA.').enablePositionalOptions();
  const only = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  for (const load of only === undefined ? Object.values(COMMANDS) : [only]) program.addCommand(await load(signal));
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
