import { mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadOrCreateIdentity, XiaError } from 'xia-core';
import { startDetachedQemu, type QemuFiles } from 'xmigrate';
import { machineFolder, recordMachine, recordProcess, runningMachine, stopProcesses, type Testbed } from '../xtestbed/index.js';
import { writeGuestFile } from './guest-file.js';
import { prepareGuest } from './guest-image.js';
import { BOOT_TIMEOUT_MS, guestMachine } from './placed-vm.js';
import { SerialLog } from './serial-log.js';

export interface StandingVmOptions {
  readonly testbed: Testbed;
  readonly host: string;
  /** Absent for a destination, which waits for the guest to come. */
  readonly boot?: { readonly name: string; readonly workloadBytes: number };
  readonly signal: AbortSignal;
}

/** A QEMU of `xtestbed boot`. */
export interface StandingVm {
  readonly host: string;
  readonly pid: number;
  /** The monitor's socket. */
  readonly qmp: string;
  readonly serial: string;
}

/** The links to the machines' files, at a path that does not change from one testbed to the next. */
function linkOf({ runDir }: Testbed, host: string): string {
  return join(runDir, 'vm', host);
}

/**
 * Starts a QEMU on a host that stands until the testbed ends, or somebody quits it. When this returns, the guest serves, or the
 * destination waits for one.
 *
 * A name keeps its key in the run folder, so that the guest can register it again after a restart.
 * @throws XiaError `usage`, `already-running` when the host has one, and as `startDetachedQemu` and `SerialLog.waitFor`
 */
export async function startStandingVm({ testbed, host, boot, signal }: StandingVmOptions): Promise<StandingVm> {
  const { socketDir, ads } = testbed.state;
  // Told before the guest is built, which may take a minute.
  testbed.vmSocket(host);
  const earlier = await runningMachine(socketDir, host);
  if (earlier !== undefined) {
    throw new XiaError('already-running', `${host} has a virtual machine already, process ${earlier.pid}; quit it first`, { host });
  }
  const guest = await prepareGuest(testbed.runDir, { signal });
  const machine = guestMachine(testbed, host, guest.accelerator.accelerator);
  const directory = machineFolder(socketDir, host);
  const configFile = join(directory, 'guest.json');
  if (boot !== undefined) {
    const identity = await loadOrCreateIdentity(join(testbed.runDir, 'keys', `${encodeURIComponent(boot.name)}.key`));
    await writeGuestFile(configFile, { identity, trust: Object.values(ads), ...boot });
  }
  signal.throwIfAborted();
  const { kernel, initrd } = guest;
  const placement = boot === undefined ? { incoming: true, preallocate: true } : { boot: { kernel, initrd, configFile } };
  const started = startDetachedQemu({ ...machine, ...placement, name: host, directory }, testbed.environment(host));
  // QEMU has read it, and it holds a key.
  const { pid, files } = await started.finally(async () => rm(configFile, { force: true }));
  await keep(testbed, host, pid, files);
  if (boot !== undefined) await ready(files, pid, signal);
  return { host, pid, qmp: files.qmpSocket, serial: files.serialLog };
}

/** Notes the machine for `xtestbed down`, and makes it easy to find. */
async function keep(testbed: Testbed, host: string, pid: number, files: QemuFiles): Promise<void> {
  const record = await recordProcess(host, pid, files.pidFile);
  if (record !== undefined) await recordMachine(testbed.state.socketDir, host, record);
  const link = linkOf(testbed, host);
  await mkdir(dirname(link), { recursive: true });
  await rm(link, { force: true });
  await symlink(dirname(files.qmpSocket), link);
}

async function ready(files: QemuFiles, pid: number, signal: AbortSignal): Promise<void> {
  try {
    await new SerialLog(files.serialLog).waitFor('ready', { timeoutMs: BOOT_TIMEOUT_MS, signal });
  } catch (error) {
    const record = await recordProcess('', pid, files.pidFile);
    await stopProcesses(record === undefined ? [] : [record]);
    throw error;
  }
}
