import { Command } from 'commander';
import { XiaError } from 'xia-core';
import { runGroup } from './run-group.js';
import { runOne } from './run-one.js';
import { addMoveOptions, moveOptions, optionName, settingsOf, type MoveSettings } from './run-options.js';
import { runPrinter } from './run-printer.js';
import { SAMPLE_PLAN } from './sample-plan.js';

interface RunCommandOptions extends Partial<MoveSettings> {
  readonly maxBandwidth?: number;
  readonly plan?: string;
  readonly samplePlan?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Options that go with a plan: the rest is in the file. */
const WITH_PLAN = new Set(['plan', 'dryRun', 'json', 'samplePlan']);

async function run(options: RunCommandOptions, command: Command, signal: AbortSignal): Promise<void> {
  if (options.samplePlan === true) {
    process.stdout.write(SAMPLE_PLAN);
    return;
  }
  const output = { dryRun: options.dryRun === true, json: options.json === true };
  if (options.plan !== undefined) {
    const more = Object.keys(options).filter((name) => !WITH_PLAN.has(name) && command.getOptionValueSource(name) === 'cli');
    if (more.length > 0) throw new XiaError('usage', `${more.map(optionName).join(', ')}: with --plan this is said in the file`);
    await runGroup(options.plan, output, signal);
    return;
  }
  const move = moveOptions(settingsOf(options), signal);
  await runOne(move, runPrinter(move.vm, output.json ? 'json' : process.stderr.isTTY ? 'bar' : 'lines'), output);
}

/** `xmigrate run`: checks a move, or a group of them, and drives both QEMUs through it. */
export function runCommand(signal: AbortSignal): Command {
  const command = new Command('run').description('move VMs between two running QEMUs each, and see that exactly one runs each VM');
  addMoveOptions(command)
    .option('--plan <file>', 'move the VMs of a YAML file in place of one')
    .option('--sample-plan', 'print such a file')
    .option('--dry-run', 'check everything, measure, print the plan, and touch nothing')
    .option('--json', 'plan, progress, steps and result as JSON lines on stdout')
    .addHelpText(
      'after',
      `
Both sides and the way between them are checked first; every fault is said, and then nothing is touched (exit code 5).
A guest that changes its memory faster than it is carried is slowed down step by step, then may stand still for up to
--max-downtime; if that does not help either, the move is given up and the VM stays. Ctrl-C before the commit leaves the VM
at the source.

Examples:
  xmigrate run --vm vm1 --source-qmp a.qmp --destination-qmp b.qmp \\
    --source-host 127.0.0.1:7001 --destination-host 127.0.0.1:7002 --source-state state-a --destination-state state-b --dry-run
  xmigrate run --sample-plan > vms.yaml
  xmigrate run --plan vms.yaml --dry-run`,
    );
  return command.action((options: RunCommandOptions) => run(options, command, signal));
}
