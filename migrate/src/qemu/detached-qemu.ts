import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { XiaError } from 'xia-core';
import { prepareQemu, type QemuPlacement } from './prepare-qemu.js';
import type { QemuFiles } from './qemu-arguments.js';

/** Pre-faulting memory is part of a start. */
const START_TIMEOUT_MS = 30_000;
const run = promisify(execFile);

/**
 * Starts a QEMU that goes on when this process ends; whoever starts it has to see that it is ended. It serves its monitors
 * when this returns. Its folder is the root, so paths that it is told later must be absolute.
 * @param environment what the programs see that QEMU runs for a migration
 * @throws XiaError `missing-prerequisite`, `bad-argument`, `qemu-failed` with QEMU's own words when it does not start
 */
export async function startDetachedQemu(
  options: QemuPlacement,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly pid: number; readonly files: QemuFiles }> {
  const { program, args, files } = await prepareQemu(options);
  try {
    // QEMU leaves for the background by itself when nothing can go wrong any more.
    await run(program, [...args, '-daemonize'], { env: { ...process.env, ...environment }, timeout: START_TIMEOUT_MS });
  } catch (cause) {
    const { stderr = '', message } = cause as { stderr?: string; message: string };
    throw new XiaError('qemu-failed', `${options.name}: QEMU did not start: ${stderr.trim() || message}`, {}, { cause });
  }
  return { pid: Number(await readFile(files.pidFile, 'utf8')), files };
}
