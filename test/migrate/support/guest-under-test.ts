import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleGuest } from '../../../migrate/src/guest/bundle-guest.js';
import { formatGuestConfig, type GuestConfig } from '../../../migrate/src/guest/guest-config.js';
import { buildGuest } from '../../../migrate/src/guest/guest-image.js';

const repository = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** Shared by all runs: the kernel is 27 MB to download. */
export const CACHE_FOLDER = repository('.cache/guest');

/** The image of `counter-guest.ts` from the sources, and its configuration, ready to boot. */
export async function prepareCounterGuest(folder: string, config: GuestConfig) {
  const bundle = join(folder, 'counter-guest.mjs');
  await bundleGuest({
    entry: repository('test/migrate/support/counter-guest.ts'),
    outFile: bundle,
    alias: { 'xia-core': repository('xia-core/src/index.ts') },
  });
  const { kernel, initrd } = await buildGuest({ cacheDir: CACHE_FOLDER, bundle });
  const configFile = join(folder, 'config.json');
  await writeFile(configFile, formatGuestConfig(config), { mode: 0o600 });
  return { kernel, initrd, configFile };
}
