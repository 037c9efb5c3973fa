import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { XiaError } from 'xia-core';
import { provideBusybox } from './busybox.js';
import { provideFolder } from './cache-folder.js';
import { writeInitrd, type GuestImage } from './guest-image.js';
import { provideKernel } from './kernel-package.js';

/** How often the guest rewrites, at most: each time is a process of the guest. */
const TICK_SECONDS = '0.1';
const PAGE_KIB = 4;
/** A stall (the move itself) is not made up for. */
const MAX_BURST_KIB = 4096;

/** What a load guest holds. Sizes in KiB: its shell counts in them. */
export interface LoadGuestLoad {
  /** Memory that is filled with random bytes. */
  readonly fillKib: number;
  /** How much of it is rewritten each second, from its start to its end and over again; 0 leaves it alone. */
  readonly rewriteKibPerSecond: number;
}

/** The kernel hands what it does not know to the first process, as environment. @throws XiaError `bad-argument` */
export function loadGuestArguments({ fillKib, rewriteKibPerSecond }: LoadGuestLoad): string[] {
  for (const value of [fillKib, rewriteKibPerSecond]) {
    if (!Number.isSafeInteger(value) || value < 0) throw new XiaError('bad-argument', `${value} is no number of KiB`, { value });
  }
  return [`xia_fill_kib=${fillKib}`, `xia_rewrite_kib=${rewriteKibPerSecond}`];
}

/**
 * The first process of a load guest: fills its memory, says `ready` as the demo's guest does, then sleeps, or rewrites whole
 * pages at its rate by the guest's own clock.
 */
export function loadGuestScript(): string {
  return `#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t devtmpfs dev /dev
$bb mount -t proc proc /proc
$bb mkdir /load
$bb mount -t tmpfs -o size=100% load /load
$bb dd if=/dev/urandom of=/load/data bs=64k count=$((xia_fill_kib / 64)) 2> /dev/null
size=$(($($bb stat -c %s /load/data) / 1024))
if [ $size -ne $((xia_fill_kib / 64 * 64)) ]; then
  echo '{"guest":"failed","error":"the load does not fit into the memory"}'
  $bb poweroff -f
fi
echo "{\\"guest\\":\\"ready\\",\\"filledKib\\":$size}"
centiseconds() { read -r up rest < /proc/uptime; now=\${up%.*}\${up#*.}; now=\${now#0}; }
centiseconds
last=$now
debt=0
place=0
while [ $xia_rewrite_kib -gt 0 ] && [ $size -gt 0 ]; do
  $bb sleep ${TICK_SECONDS}
  centiseconds
  debt=$((debt + (now - last) * xia_rewrite_kib / 100))
  last=$now
  if [ $debt -gt ${MAX_BURST_KIB} ]; then debt=${MAX_BURST_KIB}; fi
  pages=$((debt / ${PAGE_KIB}))
  if [ $((place + pages * ${PAGE_KIB})) -gt $size ]; then place=0; fi
  if [ $pages -gt $((size / ${PAGE_KIB})) ]; then pages=$((size / ${PAGE_KIB})); fi
  if [ $pages -gt 0 ]; then
    $bb dd if=/dev/urandom of=/load/data bs=${PAGE_KIB}k count=$pages seek=$((place / ${PAGE_KIB})) conv=notrunc 2> /dev/null
  fi
  place=$((place + pages * ${PAGE_KIB}))
  debt=$((debt - pages * ${PAGE_KIB}))
done
while $bb sleep 1000; do :; done
`;
}

/**
 * A guest with nothing in it but memory to carry: the kernel of the demo's guest and a busybox. It has no network and no program of
 * ours, so nothing but the transfer takes processor time when it is idle. Built once; needs no module.
 * @throws XiaError `missing-prerequisite`, `guest-build-failed`, `interrupted`
 */
export async function provideLoadGuest(cacheDir: string, signal?: AbortSignal): Promise<GuestImage> {
  const kernel = await provideKernel(cacheDir, signal);
  const busybox = await readFile(await provideBusybox(cacheDir, signal));
  const script = Buffer.from(loadGuestScript());
  const key = createHash('sha256').update(script).update(busybox).digest('hex').slice(0, 16);
  const folder = await provideFolder(cacheDir, `load-${key}`, async (temporary) => {
    const files = [
      { guestPath: 'init', content: script, mode: 0o755 },
      { guestPath: 'bin/busybox', content: busybox, mode: 0o755 },
    ];
    await writeInitrd(join(temporary, 'initrd.cpio'), files, signal);
  });
  return { kernel: kernel.image, initrd: join(folder, 'initrd.cpio'), kernelRelease: kernel.release };
}
