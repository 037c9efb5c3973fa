import { createHash } from 'node:crypto';
import { copyFile, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { XiaError } from 'xia-core';
import { provideBusybox } from './busybox.js';
import { provideFolder } from './cache-folder.js';
import { CpioWriter } from './cpio-archive.js';
import { guestInitScript } from './init-script.js';
import { collectModules } from './kernel-modules.js';
import { provideKernel } from './kernel-package.js';
import { collectNode, stripped, type HostFile } from './node-runtime.js';

export interface GuestImageOptions {
  /** Keeps the kernel package and every image built; may be shared and may be removed at any time. */
  readonly cacheDir: string;
  /** The guest's application: one ES module with everything in it, see `bundleGuest`. */
  readonly bundle: string;
  /** The Node binary that goes into the guest, default the running one. */
  readonly nodeBinary?: string;
  readonly signal?: AbortSignal;
  /** Told what takes long. */
  readonly onStep?: (step: string) => void;
}

/** What `-kernel` and `-initrd` take. */
export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
  readonly kernelRelease: string;
}

/**
 * Builds the image of the demo guest: the distribution's kernel, and a root file system in memory with busybox, Node and the
 * bundle. Built once for equal inputs; the next call takes a fraction of a second.
 *
 * The archive is not compressed: under TCG that boots as fast as lz4 and half a second sooner than zstd, and needs no tool.
 * @throws XiaError `missing-prerequisite` with the command to run, `guest-build-failed`, `interrupted`.
 */
export async function buildGuest(options: GuestImageOptions): Promise<GuestImage> {
  const { cacheDir, signal, nodeBinary = process.execPath, onStep = () => undefined } = options;
  const bundle = await readBundle(options.bundle);
  onStep('kernel');
  const kernel = await provideKernel(cacheDir, signal);
  const busybox = await readFile(await provideBusybox(cacheDir, signal));
  const modules = await collectModules(kernel.modulesFolder, signal);
  const runtime = await collectNode(nodeBinary, signal);

  const small: GuestFile[] = [
    { guestPath: 'init', content: Buffer.from(guestInitScript(modules.map(({ name }) => name))), mode: 0o755 },
    { guestPath: 'bin/busybox', content: busybox, mode: 0o755 },
    { guestPath: 'app/main.mjs', content: bundle, mode: 0o644 },
    ...modules.map(({ name, content }) => ({ guestPath: `modules/${name}.ko`, content, mode: 0o644 })),
    ...runtime.libraries.map((file) => ({ ...file, mode: 0o755 })),
  ];
  // The key is made of Node as it is installed: stripping it takes longer than all the rest, and happens once.
  const key = contentKey(kernel.release, [...small, { guestPath: 'bin/node', content: runtime.node, mode: 0o755 }]);
  const folder = await provideFolder(cacheDir, `guest-${key}`, async (temporary) => {
    onStep('image');
    const node = await stripped(nodeBinary, signal);
    await copyFile(kernel.image, join(temporary, 'vmlinuz'));
    await writeInitrd(join(temporary, 'initrd.cpio'), [...small, { guestPath: 'bin/node', content: node, mode: 0o755 }], signal);
  });
  return { kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd.cpio'), kernelRelease: kernel.release };
}

async function readBundle(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new XiaError('guest-build-failed', `${path}: the guest's application cannot be read`, { path }, { cause });
  }
}

/** A short name for these files under their paths, with the kernel that they run on. */
function contentKey(kernelRelease: string, files: readonly GuestFile[]): string {
  const hash = createHash('sha256').update(kernelRelease);
  for (const { guestPath, content, mode } of files) hash.update(`\0${guestPath}\0${mode}\0${content.length}\0`).update(content);
  return hash.digest('hex').slice(0, 16);
}

interface GuestFile extends HostFile {
  readonly mode: number;
}

/** Mount points, and a place for temporary files. */
const EMPTY_FOLDERS = ['dev', 'proc', 'sys', 'tmp'];

/** Writes an initramfs of the given files. */
export async function writeInitrd(path: string, files: readonly GuestFile[], signal?: AbortSignal): Promise<void> {
  const file = await open(path, 'wx');
  try {
    const archive = new CpioWriter(file);
    for (const folder of EMPTY_FOLDERS) await archive.folder(folder);
    for (const { guestPath, content, mode } of files) {
      if (signal?.aborted) throw new XiaError('interrupted', 'building the guest was given up', {}, { cause: signal.reason });
      await archive.file(guestPath, content, mode);
    }
    await archive.end();
  } finally {
    await file.close();
  }
}
