import { Command, Option } from 'commander';
import { isProcessAlive, listOwnership, OwnershipFile, ownershipAdvice, takeBack, type OwnershipRecord } from '../state/index.js';
import { megabytes } from './byte-size.js';
import { addFenceOptions, fenceOf, stateOption, type FenceCommandOptions } from './transfer-options.js';

interface StateCommandOptions {
  readonly state: string;
  readonly vm?: string;
  readonly json?: boolean;
}

function describe(record: OwnershipRecord, state: string): string {
  const alive = isProcessAlive(record.pid);
  const { owner, meaning, command, action } = ownershipAdvice(record, alive, state);
  const lines = [
    `${record.vm}: ${meaning}`,
    `  owner   ${owner === 'here' ? 'this host' : owner === 'there' ? 'the other host' : 'undecided'}`,
    `  state   ${record.role}/${record.phase} since ${record.updatedAt}, written by process ${record.pid} (${alive ? 'running' : 'gone'})`,
    `  moved   ${megabytes(record.bytes)} MB in ${record.chunks} chunks`,
  ];
  if (record.peer !== '') lines.push(`  peer    ${record.peer}`);
  if (command !== '') lines.push(`  to do   ${command}`);
  if (action !== '') lines.push(`  note    ${action}`);
  return `${lines.join('\n')}\n`;
}

function status(options: StateCommandOptions): void {
  const records = options.vm === undefined ? listOwnership(options.state) : [new OwnershipFile(options.state, options.vm).read()];
  const known = records.filter((record) => record !== undefined);
  if (options.json === true) {
    for (const record of known) {
      const alive = isProcessAlive(record.pid);
      process.stdout.write(`${JSON.stringify({ ...record, alive, ...ownershipAdvice(record, alive, options.state) })}\n`);
    }
    return;
  }
  if (known.length === 0)
    process.stdout.write(`nothing is known of ${options.vm ?? 'any VM'} in ${options.state}: no migration touched it\n`);
  for (const record of known) process.stdout.write(describe(record, options.state));
}

/** `xmigrate status`: who owns which VM, and what to do after a crash. */
export function statusCommand(): Command {
  return new Command('status')
    .description('say who owns a VM and what to do')
    .option('--vm <name>', 'this VM only (default: all that this host knows)')
    .addOption(stateOption())
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  xmigrate status --vm vm1')
    .action((options: StateCommandOptions) => status(options));
}

/** `xmigrate take-back`: the operator's decision for a VM whose handing over was not confirmed. */
export function takeBackCommand(): Command {
  const command = new Command('take-back')
    .description("declare a VM to be this host's again after the destination is known not to run it")
    .requiredOption('--vm <name>', 'the VM')
    .addOption(stateOption())
    .addOption(new Option('--destination-does-not-run-it', 'you have looked: "xmigrate status" there says so').makeOptionMandatory());
  return addFenceOptions(command)
    .addHelpText('after', '\nExample:\n  xmigrate take-back --vm vm1 --destination-does-not-run-it')
    .action(async (options: StateCommandOptions & FenceCommandOptions & { vm: string }) => {
      const fence = fenceOf(options, (reason) => void process.stderr.write(`the host was not told: ${reason}\n`));
      takeBack(new OwnershipFile(options.state, options.vm), options.vm);
      fence?.lift();
      await fence?.settled();
      process.stdout.write(`${options.vm} is this host's again; "xmigrate resume" lets it run\n`);
    });
}

/** `xmigrate forget`: removes the state file of a VM that was shut down, or whose story is over. */
export function forgetCommand(): Command {
  return new Command('forget')
    .description('remove what this host remembers of a VM')
    .requiredOption('--vm <name>', 'the VM')
    .addOption(stateOption())
    .addHelpText('after', '\nExample:\n  xmigrate forget --vm vm1')
    .action((options: StateCommandOptions & { vm: string }) => {
      new OwnershipFile(options.state, options.vm).remove();
    });
}
