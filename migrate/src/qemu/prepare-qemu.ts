import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { XiaError } from 'xia-core';
import { qemuArguments, type QemuArguments, type QemuFiles } from './qemu-arguments.js';
import { installedVersion, requireQemu } from './qemu-version.js';

/** A machine, and where its process keeps its files. */
export interface QemuPlacement extends QemuArguments {
  /** Holds the sockets, the serial log and the pid file; made when missing, readable by its owner only. */
  readonly directory: string;
  /** Default `qemu-system-x86_64` from the PATH. */
  readonly binary?: string;
}

/** A command line that may be run now. */
export interface PreparedQemu {
  readonly program: string;
  readonly args: string[];
  readonly files: QemuFiles;
}

/**
 * Finds QEMU, makes its folder, and decides its command line.
 * @throws XiaError `missing-prerequisite` when there is no QEMU 7.2 or later, `qemu-failed` when nobody carries the guest's frames,
 * `bad-argument`
 */
export async function prepareQemu(options: QemuPlacement): Promise<PreparedQemu> {
  const { directory } = options;
  const program = await requireQemu(options.binary);
  const files: QemuFiles = {
    qmpSocket: join(directory, 'qmp.sock'),
    launcherSocket: join(directory, 'launcher.sock'),
    serialLog: join(directory, 'serial.log'),
    pidFile: join(directory, 'qemu.pid'),
  };
  const args = qemuArguments(options, files, await installedVersion(program));
  if (options.network !== undefined) await requireListener(options.network.path, options.name);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // What a killed QEMU left behind would be taken for the new one.
  for (const file of Object.values(files) as string[]) await rm(file, { force: true });
  return { program, args, files };
}

/** QEMU connects to the host node once, when it starts, and runs on without a word when nobody is there. */
async function requireListener(path: string, name: string): Promise<void> {
  const isSocket = await stat(path).then(
    (found) => found.isSocket(),
    () => false,
  );
  if (isSocket) return;
  const message = `${name}: ${path} is no socket: the host node that carries the guest's frames must run before the guest`;
  throw new XiaError('qemu-failed', message, { path });
}
