import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseAccelerator, type AcceleratorChoice, type ProbeGuest } from '../qemu/accelerator.js';
import { provideBusybox } from './busybox.js';
import { provideFolder } from './cache-folder.js';
import { writeInitrd } from './guest-image.js';
import { provideKernel } from './kernel-package.js';

const MARKER = 'xia-probe-guest-is-up';
const INIT = `#!/bin/busybox sh\necho ${MARKER}\n/bin/busybox poweroff -f\n`;

/** The kernel of the demo guest with nothing but a busybox that greets: 2 MB, and it needs no module. */
export async function provideProbeGuest(cacheDir: string, signal?: AbortSignal): Promise<ProbeGuest> {
  const kernel = await provideKernel(cacheDir, signal);
  const busybox = await provideBusybox(cacheDir, signal);
  const folder = await provideFolder(cacheDir, 'probe', async (temporary) => {
    const files = [
      { guestPath: 'init', content: Buffer.from(INIT), mode: 0o755 },
      { guestPath: 'bin/busybox', content: await readFile(busybox), mode: 0o755 },
    ];
    await writeInitrd(join(temporary, 'initrd.cpio'), files, signal);
  });
  return { kernel: kernel.image, initrd: join(folder, 'initrd.cpio'), marker: MARKER };
}

/**
 * KVM when a guest boots with it on this machine, TCG otherwise, with the reason in words.
 * @throws XiaError `missing-prerequisite` when QEMU or a part of the probe guest cannot be had, `interrupted`.
 */
export async function probeAccelerator(cacheDir: string, signal?: AbortSignal): Promise<AcceleratorChoice> {
  const provideProbe = () => provideProbeGuest(cacheDir, signal);
  return chooseAccelerator({ cacheDir, provideProbe, ...(signal && { signal }) });
}
