import { readdirSync } from 'node:fs';
import { getPriority, homedir, setPriority } from 'node:os';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { addAttachOptions, integerArgument, PrincipalType, XiaError, type AttachOptions, type Xid } from 'xia-core';
import { defaultLimits, type TransferLimits } from '../protocol/index.js';
import { GuestFence } from '../state/index.js';
import { sizeArgument } from './byte-size.js';
import { xidArgument, xidListArgument } from './xid-argument.js';

const MIB = 1024 ** 2;

export interface FenceCommandOptions {
  readonly hostControl?: string;
  readonly guest?: Xid;
}

export interface TransferCommandOptions extends AttachOptions, FenceCommandOptions {
  readonly vm: string;
  readonly state: string;
  readonly events?: string;
  readonly window?: number;
  readonly nice: number;
  readonly qmp?: string;
  readonly underRun?: boolean;
  readonly allow?: readonly Xid[];
  readonly paused?: boolean;
}

/** Enough that the VM goes on answering while it moves; more, and a transfer may never end on a host that is always busy. */
const DEFAULT_NICE = 5;

/** Where state files are unless told otherwise: of the system for root, of the user for everybody else. */
function defaultStateDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  if (process.getuid?.() === 0) return '/var/lib/xmigrate';
  return join(environment['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'xmigrate');
}

export function stateOption(): Option {
  return new Option('--state <dir>', "directory of this host's state files").env('XMIGRATE_STATE').default(defaultStateDirectory());
}

/** `--host-control` and `--guest`: who is told that a VM was given away. */
export function addFenceOptions(command: Command): Command {
  return command
    .option('--host-control <socket>', "control socket of the XIA host that the VM's network card is plugged into, with --guest")
    .addOption(
      new Option('--guest <hid>', 'HID of the VM: its copy at the place that gave it away is refused there').argParser(
        xidArgument(PrincipalType.HID, 'HID'),
      ),
    );
}

/** @throws XiaError `usage` when only one of the two options is there */
export function fenceOf({ hostControl, guest }: FenceCommandOptions, onFault: (reason: string) => void): GuestFence | undefined {
  if (hostControl === undefined && guest === undefined) return undefined;
  if (hostControl === undefined || guest === undefined) {
    throw new XiaError('usage', '--host-control and --guest belong together: which host, and which guest');
  }
  return new GuestFence({ control: hostControl, guest: guest.toString(), onFault });
}

/** The options that `send` and `recv` share. */
export function addTransferOptions(command: Command): Command {
  addAttachOptions(command);
  addFenceOptions(command);
  return command
    .requiredOption('--vm <name>', 'the VM; both ends must name the same')
    .addOption(stateOption())
    .option('--qmp <socket>', "QEMU's QMP socket: xmigrate tells QEMU to use a private UNIX socket, instead of QEMU starting xmigrate")
    .addOption(
      new Option('--allow <hids>', 'the other end must hold one of these identities, separated by commas (default: any)').argParser(
        xidListArgument(PrincipalType.HID, 'HID'),
      ),
    )
    .option('--paused', 'the VM was paused before its move, and stays so wherever it ends')
    .addOption(new Option('--under-run', 'started by "xmigrate run", which lends the monitor and hears of everything').hideHelp())
    .option('--events <file>', 'append events and progress to this file, one JSON object a line')
    .addOption(
      new Option(
        '--window <size>',
        'bytes of chunks in flight; the smaller of both ends counts (default: 16M; 8M where the source finds a round trip under 20 ms)',
      ).argParser(sizeArgument(2 * MIB, 1024 * MIB)),
    )
    .option(
      '--nice <n>',
      'give way to other programs by so much, 0 to 19, where the VM shall notice less and the move may take longer',
      integerArgument(0, 19),
      DEFAULT_NICE,
    );
}

/** Lets this process give way as its options say. Where the system forbids it, the transfer goes on as it is. */
export function giveWay({ nice }: TransferCommandOptions): void {
  try {
    // Linux keeps a priority per thread, and the garbage collector has threads of its own.
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), Math.max(nice, getPriority()));
  } catch {
    // Not worth a failed migration.
  }
}

/** What the options say this end may hold; nothing when they do not say it. */
export function limitsOf({ window }: TransferCommandOptions): { limits?: TransferLimits } {
  return window === undefined ? {} : { limits: { ...defaultLimits, windowBytes: window } };
}

/** Where the VM is on this host, for whoever has to mend a transfer later. */
export function placeOf({ qmp, host }: TransferCommandOptions): { qmp: string; host: string } {
  return { qmp: qmp === undefined ? '' : resolve(qmp), host: host ?? '' };
}
