import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { XiaError } from 'xia-core';
import { findProgram } from './find-program.js';
import type { QemuVersion } from './qmp-messages.js';

/** The program that is looked for in the PATH. */
export const QEMU_BINARY = 'qemu-system-x86_64';

const INSTALL = 'sudo apt-get install qemu-system-x86';
const VERSION_TIMEOUT_MS = 10_000;
const run = promisify(execFile);

/**
 * The path of the installed QEMU.
 * @throws XiaError `missing-prerequisite` with the command that installs it.
 */
export async function requireQemu(binary: string = QEMU_BINARY): Promise<string> {
  const path = await findProgram(binary);
  if (path !== undefined) return path;
  const context = { program: binary, install: INSTALL };
  throw new XiaError('missing-prerequisite', `${binary} is not installed. Run: ${INSTALL}`, context);
}

/**
 * Asks a QEMU for its version.
 * @throws XiaError `missing-prerequisite` when it is older than 7.2, the first that has `-netdev stream`; `qemu-failed` when it
 * does not say.
 */
export async function installedVersion(program: string): Promise<QemuVersion> {
  let output: string;
  try {
    ({ stdout: output } = await run(program, ['--version'], { timeout: VERSION_TIMEOUT_MS }));
  } catch (cause) {
    throw new XiaError('qemu-failed', `${program} does not tell its version`, { program }, { cause });
  }
  const version = parseVersion(output);
  if (version === undefined) throw new XiaError('qemu-failed', `${program} tells no version: ${output.trim()}`, { program });
  const { major, minor } = version;
  if (major > 7 || (major === 7 && minor >= 2)) return version;
  const message = `QEMU 7.2 or later is needed, ${program} is ${major}.${minor}. Run: ${INSTALL}`;
  throw new XiaError('missing-prerequisite', message, { program, version, install: INSTALL });
}

/** The version in the output of `qemu-system-x86_64 --version`. */
export function parseVersion(output: string): QemuVersion | undefined {
  const match = /^QEMU emulator version (\d+)\.(\d+)\.(\d+)/m.exec(output);
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), micro: Number(match[3]) };
}
