import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleGuest, buildGuest, probeAccelerator, provideLoadGuest, type AcceleratorChoice, type GuestImage } from 'xmigrate';
import { projectRoot } from '../xtestbed/index.js';

/** The kernel package and the images that were built; may be deleted at any time. */
const GUEST_CACHE: string = join(projectRoot, '.cache', 'guest');

const GUEST_ENTRY = fileURLToPath(new URL('../guest/main.js', import.meta.url));
/** An image has some 130 MB, and there is one for every version of the bundle. */
const IMAGES_KEPT = 3;

export interface PreparedGuest extends GuestImage {
  readonly accelerator: AcceleratorChoice;
}

/** Builds the demo's guest from this build of the project, or takes it from the cache, and finds out whether KVM works. */
export async function prepareGuest(
  workDir: string,
  { signal, onStep }: { signal: AbortSignal; onStep?: (step: string) => void },
): Promise<PreparedGuest> {
  await mkdir(GUEST_CACHE, { recursive: true });
  const bundle = join(workDir, 'guest.mjs');
  onStep?.('bundle');
  await bundleGuest({ entry: GUEST_ENTRY, outFile: bundle });
  const image = await buildGuest({ cacheDir: GUEST_CACHE, bundle, signal, ...(onStep === undefined ? {} : { onStep }) });
  await rm(bundle, { force: true });
  await removeOldImages();
  onStep?.('accelerator');
  return { ...image, accelerator: await probeAccelerator(GUEST_CACHE, signal) };
}

/** The guest with nothing but memory to carry, and whether KVM works. */
export async function prepareLoadGuest(signal: AbortSignal): Promise<PreparedGuest> {
  const image = await provideLoadGuest(GUEST_CACHE, signal);
  return { ...image, accelerator: await probeAccelerator(GUEST_CACHE, signal) };
}

async function removeOldImages(): Promise<void> {
  const names = (await readdir(GUEST_CACHE)).filter((name) => name.startsWith('guest-'));
  const dated = await Promise.all(names.map(async (name) => ({ name, usedMs: (await stat(join(GUEST_CACHE, name))).mtimeMs })));
  for (const { name } of dated.toSorted((a, b) => b.usedMs - a.usedMs).slice(IMAGES_KEPT))
    await rm(join(GUEST_CACHE, name), { recursive: true, force: true });
}
