import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { provideBusybox } from '../../../migrate/src/guest/busybox.js';
import { writeInitrd } from '../../../migrate/src/guest/guest-image.js';
import { collectModules } from '../../../migrate/src/guest/kernel-modules.js';
import { provideKernel } from '../../../migrate/src/guest/kernel-package.js';
import { CACHE_FOLDER } from './guest-under-test.js';

/** The disk as the guest uses it: blocks of 4 KiB, each with its number all over, one after the other, around and around. */
export const BLOCK_BYTES = 4096;
export const SLOTS = 8;
/** Where the first block is, in blocks. */
export const FIRST_BLOCK = 256;

const NEEDED = /^(virtio|virtio_ring|virtio_pci.*|virtio_blk)$/;

/** What the guest writes as its n-th block. */
export function blockContent(number: number): Buffer {
  const line = `block ${String(number).padStart(9, '0')}\n`;
  return Buffer.from(line.repeat(BLOCK_BYTES / line.length));
}

/**
 * Writes a block, then reads all of them past the page cache, and says so on the console: "wrote N", "verified N", or "DAMAGE" with
 * what it found where. `n` is never forgotten, so a disk that is older than the memory is found out.
 */
function script(modules: readonly string[]): string {
  return `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin
for module in ${modules.join(' ')}; do insmod /modules/$module.ko; done
while [ ! -e /dev/vda ]; do sleep 0.1; done
content() { line=$(printf 'block %09d' $1); yes "$line" | head -c ${BLOCK_BYTES}; }
n=0
echo "up"
while true; do
  n=$((n + 1))
  content $n | dd of=/dev/vda bs=${BLOCK_BYTES} seek=$((${FIRST_BLOCK} + n % ${SLOTS})) iflag=fullblock oflag=direct conv=fsync,notrunc 2> /dev/null || echo "DAMAGE: block $n was not written"
  echo "wrote $n"
  sleep 0.1
  [ $((n % ${SLOTS})) -eq 0 ] || continue
  dd if=/dev/vda of=/tmp/read bs=${BLOCK_BYTES} skip=${FIRST_BLOCK} count=${SLOTS} iflag=direct 2> /dev/null || echo "DAMAGE: cannot read"
  (content $n; for k in $(seq $((n - ${SLOTS} + 1)) $((n - 1))); do content $k; done) > /tmp/want
  if cmp /tmp/read /tmp/want > /tmp/difference; then echo "verified $n"; else echo "DAMAGE: at $n: $(cat /tmp/difference)"; fi
done
`;
}

/** Builds it into a folder: the distribution's kernel, a busybox, and the modules for a virtio disk. */
export async function prepareDiskGuest(folder: string): Promise<{ kernel: string; initrd: string }> {
  const kernel = await provideKernel(CACHE_FOLDER);
  const busybox = await readFile(await provideBusybox(CACHE_FOLDER));
  const modules = (await collectModules(kernel.modulesFolder, undefined, ['virtio_blk'])).filter(({ name }) => NEEDED.test(name));
  const initrd = join(folder, 'disk-guest.cpio');
  await writeInitrd(initrd, [
    { guestPath: 'init', content: Buffer.from(script(modules.map(({ name }) => name))), mode: 0o755 },
    { guestPath: 'bin/busybox', content: busybox, mode: 0o755 },
    ...modules.map(({ name, content }) => ({ guestPath: `modules/${name}.ko`, content, mode: 0o644 })),
  ]);
  return { kernel: kernel.image, initrd };
}
