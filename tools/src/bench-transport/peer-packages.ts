import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { XiaError } from 'xia-core';

/** The packages and their exact versions. Not ours to depend on: they are only there to be measured. */
const LIST_FILE = fileURLToPath(new URL('../../src/bench-transport/peers.json', import.meta.url));
/** Imports a package from the folder that this file is in. */
const LOADER = 'load.mjs';
const INSTALLED = 'installed.json';
const INSTALL_TIMEOUT_MS = 180_000;

/** Where the peers are kept unless told otherwise: outside the project, as any cache. */
export function defaultPeersFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'xia-bench-peers');
}

/**
 * Installs the peers by npm, without running anything of theirs, unless they are there already.
 * @throws XiaError `missing-prerequisite` when npm cannot get them
 */
export async function installPeers(folder: string): Promise<void> {
  const list = await readFile(LIST_FILE, 'utf8');
  if ((await readFile(join(folder, INSTALLED), 'utf8').catch(() => '')) === list) return;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), list);
  await writeFile(join(folder, LOADER), 'export const load = (name) => import(name);\n');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--silent'];
  const npm = spawn('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_TIMEOUT_MS });
  let said = '';
  npm.stderr.on('data', (piece: Buffer) => (said += piece.toString()));
  const [code] = (await once(npm, 'close').catch((error: Error) => [error.message])) as [number | string | null];
  if (code !== 0) {
    const reason = said.trim().split('\n').at(-1) || `exit code ${code}`;
    throw new XiaError('missing-prerequisite', `npm could not install the peers into ${folder}: ${reason}`, { folder });
  }
  await writeFile(join(folder, INSTALLED), list);
}

/** Imports one of the peers' packages. */
export async function loadPeer<Module>(folder: string, name: string): Promise<Module> {
  const { load } = (await import(pathToFileURL(join(folder, LOADER)).href)) as { load: (name: string) => Promise<Module> };
  return load(name);
}
