import { Option, type Command } from 'commander';
import { integerArgument, numberArgument, PrincipalType, XiaError, type Xid } from 'xia-core';
import { diskModes, type DiskMode } from '../disk/index.js';
import { MAX_CHUNK_BYTES, MIN_CHUNK_BYTES } from '../protocol/index.js';
import type { MoveOptions } from '../run/index.js';
import { sizeArgument, type SizeBounds } from './byte-size.js';
import { xidArgument } from './xid-argument.js';

const MIB = 1024 ** 2;

export const BANDWIDTH: SizeBounds = { minimumBytes: 1024, maximumBytes: 1024 ** 4 };
export const CHUNK: SizeBounds = { minimumBytes: MIN_CHUNK_BYTES, maximumBytes: MAX_CHUNK_BYTES };
export const WINDOW: SizeBounds = { minimumBytes: 2 * MIB, maximumBytes: 1024 * MIB };
/** QEMU takes no more. */
export const MAX_DOWNTIME_MS = 2_000_000;
/** A day. */
export const MAX_TIMEOUT_SECONDS = 86_400;

/** How one VM is to be moved, as the command line or one entry of a plan says it. Sizes in bytes. */
export interface MoveSettings {
  readonly vm: string;
  readonly sourceQmp: string;
  readonly destinationQmp: string;
  readonly sourceHost: string;
  readonly destinationHost: string;
  readonly sourceState: string;
  readonly destinationState: string;
  readonly sourceKey?: string | undefined;
  readonly destinationKey?: string | undefined;
  readonly guest?: Xid | undefined;
  readonly name?: string | undefined;
  readonly sourceControl?: string | undefined;
  readonly destinationControl?: string | undefined;
  readonly sourceStandby?: string | undefined;
  readonly destinationStandby?: string | undefined;
  readonly watch?: readonly string[] | undefined;
  readonly trust?: string | undefined;
  /** Milliseconds. */
  readonly downtimeLimit?: number | undefined;
  /** Milliseconds. */
  readonly maxDowntime?: number | undefined;
  /** Bytes per second. */
  readonly bandwidth?: number | undefined;
  /** Seconds. */
  readonly timeout?: number | undefined;
  readonly adapt: boolean;
  readonly chunk?: number | undefined;
  readonly window?: number | undefined;
  readonly qemuStream?: 'unix' | 'exec' | undefined;
  readonly secret?: string | undefined;
  readonly prefault?: boolean | undefined;
  readonly disk?: DiskMode | undefined;
  readonly sharedStorage?: boolean | undefined;
  /** Bytes per second. */
  readonly diskBandwidth?: number | undefined;
  readonly eventsDir?: string | undefined;
}

/** Settings without which there is no move. */
export const REQUIRED_SETTINGS = [
  'vm',
  'sourceQmp',
  'destinationQmp',
  'sourceHost',
  'destinationHost',
  'sourceState',
  'destinationState',
] as const satisfies readonly (keyof MoveSettings)[];

export const STANDBY_NEEDS_UNIX = 'a standby goes with --qemu-stream unix: with exec each QEMU starts its own program';

export function optionName(setting: string): string {
  return `--${setting.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The options of one move; those that are required are looked at by {@link settingsOf}, since a plan has them too. */
export function addMoveOptions(command: Command): Command {
  return command
    .option('--vm <name>', 'the VM')
    .option('--source-qmp <socket>', "the source QEMU's QMP socket")
    .option('--destination-qmp <socket>', "the destination QEMU's QMP socket (started with -incoming defer)")
    .option('--source-host <addr:port>', 'the XIA host that the source attaches to; unix:PATH for a UNIX socket')
    .option('--destination-host <addr:port>', 'the XIA host that the destination attaches to; unix:PATH as well')
    .option('--source-state <dir>', "directory of the source's state files")
    .option('--destination-state <dir>', "directory of the destination's state files")
    .option('--source-key <file>', 'PEM file of the identity at the source (default: a fresh one)')
    .option('--destination-key <file>', 'PEM file of the identity at the destination (default: a fresh one)')
    .addOption(
      new Option(
        '--guest <hid>',
        'HID of the VM: the hosts are told when it is coming and when it stands still, and the one that gave it away refuses its copy',
      ).argParser(xidArgument(PrincipalType.HID, 'HID')),
    )
    .option(
      '--source-control <socket>',
      "control socket of the XIA host that the VM's network card is plugged into at the source (with --guest)",
    )
    .option('--destination-control <socket>', 'the same at the destination')
    .option('--source-standby <socket>', 'take the program at the source from this standby in place of starting one')
    .option('--destination-standby <socket>', 'the same at the destination')
    .option('--name <name>', "the VM's name: how long its record needs to show the new place is measured")
    .option(
      '--watch <socket...>',
      'control sockets of further routers, such as the old gateway, of which the same is measured (with --guest)',
    )
    .addOption(new Option('--trust <ads>', 'the ADs to believe, separated by commas (default: any)').env('XIA_TRUST'))
    .addOption(
      new Option('--downtime-limit <ms>', 'stop the guest when the rest takes no longer than this (default: 300)').argParser(
        integerArgument(1, MAX_DOWNTIME_MS),
      ),
    )
    .addOption(
      new Option(
        '--max-downtime <ms>',
        'how far that may be raised for a guest that is too busy otherwise (default: not at all)',
      ).argParser(integerArgument(1, MAX_DOWNTIME_MS)),
    )
    .addOption(
      new Option('--bandwidth <size>', 'bytes per second that QEMU may write (default: what the path bears)').argParser(
        sizeArgument(BANDWIDTH.minimumBytes, BANDWIDTH.maximumBytes),
      ),
    )
    .addOption(
      new Option('--max-bandwidth <size>', 'the former name of --bandwidth')
        .argParser(sizeArgument(BANDWIDTH.minimumBytes, BANDWIDTH.maximumBytes))
        .hideHelp(),
    )
    .addOption(
      new Option('--timeout <seconds>', 'give the move up after so long; before the commit, the VM then stays (default: never)').argParser(
        numberArgument(0.1, MAX_TIMEOUT_SECONDS),
      ),
    )
    .option('--no-adapt', 'do not slow down a guest that changes its memory faster than it is carried')
    .addOption(new Option('--chunk <size>', 'plain bytes per chunk').argParser(sizeArgument(CHUNK.minimumBytes, CHUNK.maximumBytes)))
    .addOption(new Option('--window <size>', 'sealed bytes in flight').argParser(sizeArgument(WINDOW.minimumBytes, WINDOW.maximumBytes)))
    .addOption(
      new Option(
        '--qemu-stream <way>',
        'unix: xmigrate starts first and QEMU comes to its socket; exec: each QEMU starts its xmigrate (default: unix)',
      ).choices(['unix', 'exec']),
    )
    .option('--secret <file>', "the secret of the VM's owner: what of its memory was moved before comes from caches")
    .option('--prefault', "touch the destination's memory before the move: it is faster, and takes all of that memory")
    .addOption(
      new Option(
        '--disk <how>',
        'how disks move: auto (copy what is not shared, by nbd), none, nbd (a mirror over a stream), block (in the VM stream, until QEMU 9.0) (default: auto)',
      ).choices(diskModes),
    )
    .option('--shared-storage', 'every disk is on storage that both sides see: none is copied')
    .addOption(
      new Option('--disk-bandwidth <size>', 'bytes per second of the copy of a disk').argParser(
        sizeArgument(BANDWIDTH.minimumBytes, BANDWIDTH.maximumBytes),
      ),
    )
    .option('--events-dir <dir>', 'keep the event files of both ends here');
}

/** What the command line says, checked for completeness. @throws XiaError `usage` naming all that is missing */
export function settingsOf(options: Partial<MoveSettings> & { readonly maxBandwidth?: number }): MoveSettings {
  const missing = REQUIRED_SETTINGS.filter((setting) => options[setting] === undefined);
  if (missing.length > 0) {
    throw new XiaError(
      'usage',
      `${missing.map(optionName).join(', ')}: missing ("xmigrate run --help" has an example; --plan takes a file)`,
    );
  }
  const { qemuStream, sourceStandby, destinationStandby } = options;
  if (qemuStream === 'exec' && (sourceStandby ?? destinationStandby) !== undefined) throw new XiaError('usage', STANDBY_NEEDS_UNIX);
  const { bandwidth, maxBandwidth, ...rest } = options as MoveSettings & { readonly maxBandwidth?: number };
  if (bandwidth !== undefined && maxBandwidth !== undefined) {
    throw new XiaError('usage', '--max-bandwidth is the former name of --bandwidth: give one of them');
  }
  return { ...rest, bandwidth: bandwidth ?? maxBandwidth };
}

/** The same in the words of the code that moves. */
export function moveOptions(settings: MoveSettings, signal: AbortSignal): MoveOptions {
  const { vm, guest, name, trust, adapt } = settings;
  const side = (end: 'source' | 'destination') => ({
    qmp: settings[`${end}Qmp`],
    host: settings[`${end}Host`],
    stateDirectory: settings[`${end}State`],
    ...given({ keyFile: settings[`${end}Key`], control: settings[`${end}Control`], standby: settings[`${end}Standby`] }),
  });
  return {
    vm,
    source: side('source'),
    destination: side('destination'),
    adapts: adapt,
    disk: given({
      mode: settings.disk,
      sharedStorage: settings.sharedStorage,
      maxBandwidthBytesPerSecond: settings.diskBandwidth,
    }),
    signal,
    ...given({
      guest,
      name,
      trust,
      watchedControls: settings.watch,
      downtimeLimitMs: settings.downtimeLimit,
      maxDowntimeMs: settings.maxDowntime,
      maxBandwidthBytesPerSecond: settings.bandwidth,
      timeoutMs: settings.timeout === undefined ? undefined : settings.timeout * 1000,
      chunkBytes: settings.chunk,
      windowBytes: settings.window,
      qemuStream: settings.qemuStream,
      secretFile: settings.secret,
      prefaults: settings.prefault,
      eventsDirectory: settings.eventsDir,
    }),
  };
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what is undefined. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}
