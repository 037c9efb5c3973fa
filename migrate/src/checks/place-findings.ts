import { constants, realpathSync } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { loadIdentity } from 'xia-core';
import { checkMayReceive, checkMaySend, OwnershipFile } from '../state/index.js';
import { fault, warning, type Finding } from './finding.js';

/** The files of one side of a move. */
export interface Place {
  readonly stateDirectory: string;
  readonly keyFile?: string;
}

const OTHERS = 0o077;

/** What the files of both sides have to say against a move of `vm`: state directories, keys, and who owns it. */
export async function placeFindings(vm: string, source: Place, destination: Place): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [where, place] of [['source', source] as const, ['destination', destination] as const]) {
    found.push(...(await directoryFindings(where, place.stateDirectory)));
    if (place.keyFile !== undefined) found.push(...(await keyFindings(where, place.keyFile)));
  }
  if (truePath(source.stateDirectory) === truePath(destination.stateDirectory)) {
    const what = `the source and the destination have the same state directory ${source.stateDirectory}`;
    found.push(fault('both', what, 'give each its own: who owns the VM is written down on both sides'));
  }
  found.push(...ownershipFindings('source', () => checkMaySend(new OwnershipFile(source.stateDirectory, vm))));
  found.push(...ownershipFindings('destination', () => checkMayReceive(new OwnershipFile(destination.stateDirectory, vm))));
  return found;
}

function truePath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

type Side = 'source' | 'destination';

/** The directory, or the nearest one above it that exists, must let us write. */
async function directoryFindings(where: Side, directory: string): Promise<Finding[]> {
  for (let path = resolve(directory); ; path = dirname(path)) {
    const entry = await stat(path).catch((error: NodeJS.ErrnoException) => error);
    if (entry instanceof Error) {
      if (entry.code === 'ENOENT' && path !== dirname(path)) continue;
      return [fault(where, `the state directory ${directory} cannot be used (${entry.code})`, 'name another one, or give access to it')];
    }
    if (!entry.isDirectory()) return [fault(where, `${path} is no directory, so no state can be kept in ${directory}`, 'name another one')];
    try {
      await access(path, constants.W_OK | constants.X_OK);
      return [];
    } catch {
      return [fault(where, `nothing can be written in the state directory ${directory}`, `give this user write access to ${path}`)];
    }
  }
}

async function keyFindings(where: Side, file: string): Promise<Finding[]> {
  try {
    await loadIdentity(file);
  } catch (error) {
    return [fault(where, `key ${(error as Error).message}`, 'name a PEM file that this user may read ("xrouter key FILE" makes one)')];
  }
  const { mode } = await stat(file);
  if ((mode & OTHERS) === 0) return [];
  const what = `others may use the key ${file} (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`;
  return [warning(where, what, `chmod 600 ${file}`)];
}

function ownershipFindings(where: Side, check: () => void): Finding[] {
  try {
    check();
    return [];
  } catch (error) {
    return [fault(where, (error as Error).message, 'see "xmigrate status"')];
  }
}
