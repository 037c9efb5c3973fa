import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateFolder } from '../state/index.js';

/**
 * A place for one UNIX socket in a folder that only this user may enter. The folder goes as soon as the two ends are connected; one
 * whose process was killed before that goes with the next that comes.
 */
export function privateSocket(name: string): { readonly path: string; remove(): void } {
  const folder = makePrivateFolder('qemu');
  return { path: join(folder, `${name}.sock`), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
