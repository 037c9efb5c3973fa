import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isStaticProgram } from '../../../migrate/src/guest/busybox.js';
import { provideFolder } from '../../../migrate/src/guest/cache-folder.js';
import { parseDependencies, provideKernel } from '../../../migrate/src/guest/kernel-package.js';
import { parseLibraries } from '../../../migrate/src/guest/node-runtime.js';
import { buildGuest } from '../../../migrate/src/guest/guest-image.js';
import { temporaryFolder } from '../support/temporary-folder.js';

function onlyPath(folder: string): void {
  const before = process.env['PATH'];
  process.env['PATH'] = folder;
  onTestFinished(() => void (process.env['PATH'] = before));
}

describe("what the guest takes from the host's packages", () => {
  test('finds the dependencies of a meta package, the first of alternatives', () => {
    const output = `linux-image-virtual
  Depends: linux-image-6.8.0-60-generic
 |Depends: linux-modules-6.8.0-60-generic
  Depends: linux-modules-other
  Depends: <virtual-thing>
  Recommends: grub-pc
`;
    expect(parseDependencies(output)).toEqual(['linux-image-6.8.0-60-generic', 'linux-modules-6.8.0-60-generic']);
  });

  test('finds the libraries of a program', () => {
    const output = `\tlinux-vdso.so.1 (0x00007ffd)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f5c)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f5d)
`;
    expect(parseLibraries(output)).toEqual(['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2']);
    expect(parseLibraries('\tstatically linked\n')).toEqual([]);
  });

  test('tells a static program from others', async () => {
    const text = join(await temporaryFolder(), 'text');
    await writeFile(text, '#!/bin/sh\n');
    expect(await isStaticProgram(process.execPath)).toBe(false);
    expect(await isStaticProgram(text)).toBe(false);
    expect(await isStaticProgram('/nowhere')).toBe(false);
  });
});

describe('the cache', () => {
  test('fills a folder once, however many ask at a time', async () => {
    const cacheDir = await temporaryFolder();
    let fills = 0;
    const provide = () => provideFolder(cacheDir, 'x', async (folder) => writeFile(join(folder, 'part'), `${++fills}`));
    const folders = await Promise.all([provide(), provide()]);
    expect(new Set(folders)).toEqual(new Set([join(cacheDir, 'x')]));
    const before = fills;
    await provide();
    expect(fills).toBe(before);
    expect(await readdir(cacheDir)).toEqual(['x']);
  });

  test('keeps nothing of a build that failed', async () => {
    const cacheDir = await temporaryFolder();
    const failing = provideFolder(cacheDir, 'x', async (folder) => {
      await writeFile(join(folder, 'half'), '');
      throw new Error('disk full');
    });
    await expect(failing).rejects.toThrow('disk full');
    expect(await readdir(cacheDir)).toEqual([]);
  });
});

describe('missing prerequisites', () => {
  test('without apt, says where it can be built, and keeps nothing', async () => {
    const cacheDir = await temporaryFolder();
    onlyPath(await temporaryFolder());
    await expect(provideKernel(cacheDir)).rejects.toMatchObject({
      code: 'missing-prerequisite',
      message: expect.stringContaining('Debian 12'),
    });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test.each([
    ['apt knows no kernel', '#!/bin/sh\necho "E: No packages found" >&2; exit 100\n'],
    ['the download fails', '#!/bin/sh\ncase "$1" in depends) echo "  Depends: linux-image-9.9-cloud-amd64";; *) exit 100;; esac\n'],
  ])('names the command when %s', async (_what, script) => {
    const [cacheDir, bin] = [await temporaryFolder(), await temporaryFolder()];
    for (const name of ['apt-cache', 'apt-get', 'dpkg-deb']) await writeFile(join(bin, name), script, { mode: 0o755 });
    onlyPath(bin);
    await expect(provideKernel(cacheDir)).rejects.toMatchObject({
      code: 'missing-prerequisite',
      context: { install: 'sudo apt-get update' },
    });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('refuses a bundle that is not there before anything else', async () => {
    const cacheDir = await temporaryFolder();
    onlyPath(await temporaryFolder());
    await expect(buildGuest({ cacheDir, bundle: join(cacheDir, 'none.mjs') })).rejects.toMatchObject({ code: 'guest-build-failed' });
  });
});
