import { Option, type Command } from 'commander';
import { addAttachOptions, integerArgument, type AttachOptions } from 'xia-core';
import { addFenceOptions, stateOption, type FenceCommandOptions } from './transfer-options.js';

export interface MendOptions extends AttachOptions, FenceCommandOptions {
  readonly vm: string;
  readonly state: string;
  readonly qmp?: string;
  readonly peerState?: string;
  readonly to?: string;
  readonly answer?: boolean;
  readonly wait: number;
}

const DEFAULT_WAIT_S = 60;

/** The options of `resume` and `abort`: which VM, which QEMU, and how the other side can be asked. */
export function addMendOptions(command: Command): Command {
  command
    .requiredOption('--vm <name>', 'the VM')
    .addOption(stateOption())
    .option('--qmp <socket>', "the QMP socket of this host's QEMU (default: the one that the state file names)")
    .option('--peer-state <dir>', "directory of the other host's state files, where this machine can see them")
    .option('--to <dag>', 'ask the destination here, over XIA (with --host; default: where the VM was sent)')
    .option('--answer', "at the destination: wait for the source's question and answer it (with --host)")
    .addOption(
      new Option('--wait <seconds>', 'how long to wait for the other side').argParser(integerArgument(1, 3600)).default(DEFAULT_WAIT_S),
    );
  addAttachOptions(command, { json: false });
  return addFenceOptions(command);
}
