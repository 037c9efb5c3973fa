import { XiaError } from 'xia-core';
import type { QemuVersion } from './qmp-messages.js';

/** How QEMU runs the guest's instructions: translated (works everywhere) or by the processor itself. */
export type Accelerator = 'tcg' | 'kvm';

/**
 * Added to the guest's memory. Under TCG, QEMU 7.2 loses writes during a migration when the size is a multiple of 64 pages:
 * guests crashed after 5 of 12 moves, by `tcp:` too, and after none of 38 with this on top. The likely cause is that its
 * word-wise path through the dirty bitmap, taken for such sizes only, clears bits without making the TLB notice the next
 * write. Both ends must have it, so it is there under KVM as well.
 */
const WRITE_LOSS_GUARD_KIB = 64;

/** The guest's network card: Ethernet frames over a UNIX socket that the host node listens on. */
export interface QemuNetwork {
  /** The socket. QEMU connects when it starts, so the host node must listen already. */
  readonly path: string;
  /** Must be the same at every site: it is part of the state that moves. */
  readonly mac: string;
  /** The MTU told to the guest, default 1500. The same at every site. */
  readonly mtu?: number;
}

/** What decides the command line of a QEMU. Both ends of a migration need the same machine. */
export interface QemuMachine {
  readonly accelerator: Accelerator;
  readonly memoryMb: number;
  /** Default `q35`. */
  readonly machineType?: string;
  /** Default `max` under TCG and `host` under KVM; name a model when the sites have different processors. */
  readonly cpuModel?: string;
  readonly network?: QemuNetwork;
}

export interface QemuBoot {
  readonly kernel: string;
  readonly initrd: string;
  /** Added to the kernel's command line. */
  readonly kernelArguments?: readonly string[];
  /** A file that the guest reads as `opt/xia/config` from the firmware configuration device. */
  readonly configFile?: string;
}

export interface QemuFiles {
  /** The monitor that is left free for `xmigrate` and for people. */
  readonly qmpSocket: string;
  /** The monitor that the launcher keeps. */
  readonly launcherSocket: string;
  readonly serialLog: string;
  readonly pidFile: string;
}

export interface QemuArguments extends QemuMachine {
  /** Shown in the process list. */
  readonly name: string;
  /** Absent on the destination: the memory, and with it the kernel, arrives by migration. */
  readonly boot?: QemuBoot;
  /** Wait for `migrate-incoming` in place of booting. */
  readonly incoming?: boolean;
  /** Start with the processor stopped: the guest runs after `cont`. */
  readonly paused?: boolean;
  /** Touch all guest memory at start: slower to start, faster to load into (a migration's destination). */
  readonly preallocate?: boolean;
}

/** `sun_path` holds 108 bytes with the terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107;
/** The least that IPv4 asks of a link, and the most that virtio can tell. */
const MIN_MTU = 68;
const MAX_MTU = 65_535;

/** A panic stops the guest at once in place of hanging; the console is what the serial log keeps. */
const KERNEL_ARGUMENTS = ['console=ttyS0', 'quiet', 'panic=-1', 'mitigations=off', 'init_on_alloc=0', 'no_timer_check'];

/**
 * The arguments of `qemu-system-x86_64`. Nothing comes from QEMU's defaults or the user's configuration: what is not listed
 * is not in the machine, so two QEMUs with the same options can take over from each other.
 * @throws XiaError `bad-argument` when a value cannot be expressed, such as a socket path of more than 107 bytes.
 */
export function qemuArguments(options: QemuArguments, files: QemuFiles, version: QemuVersion): string[] {
  const { accelerator, memoryMb, machineType = 'q35', network, boot } = options;
  const cpu = options.cpuModel ?? (accelerator === 'kvm' ? 'host' : 'max');
  if (!Number.isInteger(memoryMb) || memoryMb < 32) {
    throw new XiaError('bad-argument', `memoryMb must be a whole number of at least 32, not ${memoryMb}`, { memoryMb });
  }
  const args = ['-name', escapeValue(options.name), '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'];
  args.push('-machine', `${machineType},memory-backend=ram0`, '-accel', accelerator, '-cpu', cpu, '-smp', '1');
  const memory = `${memoryMb * 1024 + WRITE_LOSS_GUARD_KIB}K`;
  args.push('-m', memory);
  args.push('-object', `memory-backend-ram,id=ram0,size=${memory}${options.preallocate ? ',prealloc=on' : ''}`);
  if (boot !== undefined) {
    const append = [...KERNEL_ARGUMENTS, ...(boot.kernelArguments ?? [])].join(' ');
    args.push('-kernel', boot.kernel, '-initrd', boot.initrd, '-append', append);
    if (boot.configFile !== undefined) args.push('-fw_cfg', `name=opt/xia/config,file=${escapeValue(boot.configFile)}`);
  }
  args.push('-device', 'virtio-rng-pci,addr=2');
  // The guest tells which memory it does not use, and a move does not carry it: some 80 MB less after a boot.
  args.push('-device', 'virtio-balloon-pci,addr=4,free-page-reporting=on');
  if (network !== undefined) args.push(...networkArguments(network, version));
  args.push('-chardev', `file,id=serial0,path=${escapeValue(files.serialLog)}`, '-serial', 'chardev:serial0');
  for (const path of [files.launcherSocket, files.qmpSocket]) args.push('-qmp', `unix:${socketPath(path)},server=on,wait=off`);
  args.push('-pidfile', files.pidFile);
  if (options.incoming) args.push('-incoming', 'defer');
  if (options.paused) args.push('-S');
  return args;
}

function networkArguments(network: QemuNetwork, version: QemuVersion): string[] {
  const { path, mac, mtu = 1500 } = network;
  if (!/^([\da-f]{2}:){5}[\da-f]{2}$/i.test(mac)) throw new XiaError('bad-argument', `${mac} is no MAC address`, { mac });
  if (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU) {
    throw new XiaError('bad-argument', `mtu must be a whole number from ${MIN_MTU} to ${MAX_MTU}, not ${mtu}`, { mtu });
  }
  const socket = `addr.type=unix,addr.path=${socketPath(path)}${reconnectOption(version)}`;
  const device = `virtio-net-pci,netdev=net0,mac=${mac},host_mtu=${mtu},addr=3,romfile=`;
  return ['-netdev', `stream,id=net0,server=off,${socket}`, '-device', device];
}

/** How this QEMU is told to connect again when the host node restarts. 7.2 cannot, and 9.2 changed the unit. */
function reconnectOption({ major, minor }: QemuVersion): string {
  if (major < 8) return '';
  return major > 9 || (major === 9 && minor >= 2) ? ',reconnect-ms=200' : ',reconnect=1';
}

/** A comma ends a value in QEMU's option lists; doubled, it is a comma. */
function escapeValue(text: string): string {
  return text.replaceAll(',', ',,');
}

function socketPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    const message = `${path}: a UNIX socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes, this one has ${bytes}`;
    throw new XiaError('bad-argument', message, { path, bytes });
  }
  return escapeValue(path);
}
