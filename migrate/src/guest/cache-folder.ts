import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const TEMPORARY_PREFIX = '.new-';
const ABANDONED_AFTER_MS = 24 * 3600 * 1000;

/**
 * The folder `name` of the cache, filled once. It is filled under another name and renamed when it is complete, so a folder
 * that exists is whole, whatever happened to the process that made it.
 */
export async function provideFolder(cacheDir: string, name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheDir, name);
  if (await exists(folder)) return folder;
  await mkdir(cacheDir, { recursive: true });
  await removeAbandoned(cacheDir);
  const temporary = await mkdtemp(join(cacheDir, TEMPORARY_PREFIX));
  try {
    await fill(temporary);
    await rename(temporary, folder);
  } catch (error) {
    // Another process was faster; its folder is as good as ours.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** What a killed process left half-built. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const folder = join(cacheDir, name);
    const age = await stat(folder).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    );
    if (age > ABANDONED_AFTER_MS) await rm(folder, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
