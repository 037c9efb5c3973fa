import { copyFile, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { XiaError } from 'xia-core';
import { findProgram } from '../qemu/find-program.js';
import { provideFolder } from './cache-folder.js';
import { missing, runTool, type HostTool } from './prerequisites.js';

const INSTALL = 'sudo apt-get install busybox-static';
const APT_GET: HostTool = { program: 'apt-get', purpose: 'download busybox', install: INSTALL };
const DPKG_DEB: HostTool = { program: 'dpkg-deb', purpose: 'unpack busybox', install: 'sudo apt-get install dpkg' };

const ELF_MAGIC = 0x464c457f;
const ELF_CLASS_64 = 2;
const SEGMENT_INTERPRETER = 3;

/**
 * A busybox that needs no libraries: the system's, or one from the package, which is unpacked into the cache and not installed.
 * @throws XiaError `missing-prerequisite`, `interrupted`
 */
export async function provideBusybox(cacheDir: string, signal?: AbortSignal): Promise<string> {
  const installed = await findProgram('busybox');
  if (installed !== undefined && (await isStaticProgram(installed))) return installed;
  const folder = await provideFolder(cacheDir, 'busybox', async (temporary) => {
    try {
      await runTool(APT_GET, ['download', 'busybox-static'], { cwd: temporary, signal });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw missing('The guest needs a statically linked busybox, and it cannot be downloaded.', INSTALL, {}, cause);
    }
    for (const file of await readdir(temporary)) {
      if (file.endsWith('.deb')) await runTool(DPKG_DEB, ['-x', join(temporary, file), temporary], { signal });
    }
    for (const place of ['bin/busybox', 'usr/bin/busybox']) {
      const unpacked = join(temporary, place);
      if (await isStaticProgram(unpacked)) return copyFile(unpacked, join(temporary, 'busybox.static'));
    }
    throw new XiaError('guest-build-failed', 'the package busybox-static holds no static busybox', {});
  });
  return join(folder, 'busybox.static');
}

/** Whether a file is a 64-bit little-endian ELF program that asks for no loader, and so for no shared library. */
export async function isStaticProgram(path: string): Promise<boolean> {
  const head = Buffer.alloc(4096);
  try {
    const file = await open(path);
    try {
      await file.read(head, 0, head.length, 0);
    } finally {
      await file.close();
    }
  } catch {
    return false;
  }
  if (head.readUInt32LE(0) !== ELF_MAGIC || head[4] !== ELF_CLASS_64) return false;
  const segmentsAt = Number(head.readBigUInt64LE(32));
  const segmentBytes = head.readUInt16LE(54);
  const segmentCount = head.readUInt16LE(56);
  if (segmentsAt + segmentCount * segmentBytes > head.length) return false;
  for (let segment = 0; segment < segmentCount; segment++) {
    if (head.readUInt32LE(segmentsAt + segment * segmentBytes) === SEGMENT_INTERPRETER) return false;
  }
  return true;
}
