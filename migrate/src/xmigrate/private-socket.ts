import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * A place for one UNIX socket in a folder that only this user may enter. The folder goes as soon as the two ends are connected, so
 * that a process which is killed leaves nothing behind.
 */
export function privateSocket(name: string): { readonly path: string; remove(): void } {
  const path = join(mkdtempSync(join(tmpdir(), 'xmigrate-')), `${name}.sock`);
  return { path, remove: () => rmSync(dirname(path), { recursive: true, force: true }) };
}
