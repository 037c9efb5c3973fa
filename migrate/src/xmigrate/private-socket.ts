import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isProcessAlive } from '../state/index.js';

const PREFIX = 'xmigrate-qemu-';

/**
 * A place for one UNIX socket in a folder that only this user may enter. The folder goes as soon as the two ends are connected; one
 * whose process was killed before that goes with the next that comes.
 */
export function privateSocket(name: string): { readonly path: string; remove(): void } {
  sweepPrivateSockets();
  const path = join(mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)), `${name}.sock`);
  return { path, remove: () => rmSync(dirname(path), { recursive: true, force: true }) };
}

/** Removes the folders of processes that are gone. */
export function sweepPrivateSockets(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : 0;
    if (!(pid > 0) || isProcessAlive(pid)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
}
