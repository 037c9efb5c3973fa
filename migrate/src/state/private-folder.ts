import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from './process-alive.js';

/** What a folder is for. */
export type PrivateFolderUse = 'disk' | 'qemu' | 'warm-up';

const prefixOf = (use: PrivateFolderUse) => `xmigrate-${use}-`;

/**
 * Makes a folder that this user alone can enter (mode 0700), short enough for UNIX sockets in it, and removes those that were left
 * behind. Whoever makes one removes it.
 */
export function makePrivateFolder(use: PrivateFolderUse): string {
  sweepPrivateFolders(use);
  return mkdtempSync(join(tmpdir(), `${prefixOf(use)}${process.pid}-`));
}

/** Removes the folders of this user whose makers were killed. */
export function sweepPrivateFolders(use: PrivateFolderUse): void {
  const prefix = prefixOf(use);
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('-')[0]) : 0;
    if (!(pid > 0) || isProcessAlive(pid)) continue;
    const path = join(tmpdir(), name);
    try {
      const stat = lstatSync(path);
      if (stat.isDirectory() && stat.uid === process.getuid?.()) rmSync(path, { recursive: true, force: true });
    } catch {
      // Somebody else has removed it meanwhile.
    }
  }
}
