import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XiaError } from 'xia-core';
import { findProgram } from '../qemu/find-program.js';
import { runTool, type HostTool } from './prerequisites.js';

const LDD: HostTool = { program: 'ldd', purpose: "find Node's shared libraries", install: 'sudo apt-get install libc-bin' };
const STRIP: HostTool = { program: 'strip', purpose: 'make Node smaller', install: 'sudo apt-get install binutils' };

/** A file of the host that goes into the guest under the same path. */
export interface HostFile {
  /** Where the guest has it, without a leading slash. */
  readonly guestPath: string;
  readonly content: Buffer;
}

export interface NodeRuntime {
  /** The binary as it is installed. */
  readonly node: Buffer;
  readonly libraries: readonly HostFile[];
}

/**
 * A Node binary and the shared libraries that it loads.
 * @throws XiaError `guest-build-failed`, `missing-prerequisite`, `interrupted`
 */
export async function collectNode(binary: string, signal?: AbortSignal): Promise<NodeRuntime> {
  const libraries: HostFile[] = [];
  for (const library of await listLibraries(binary, signal)) {
    // Often a link to a versioned file; the guest has the content under the name that the loader asks for.
    libraries.push({ guestPath: library.slice(1), content: await readFile(library) });
  }
  return { node: await readFile(binary), libraries };
}

/**
 * The binary without its symbols: 12 of the 99 MB of Node 20, and the guest holds the file in memory. Without `strip` on this
 * system they stay.
 */
export async function stripped(binary: string, signal?: AbortSignal): Promise<Buffer> {
  if ((await findProgram(STRIP.program)) === undefined) return readFile(binary);
  const folder = await mkdtemp(join(tmpdir(), 'xia-strip-'));
  try {
    const copy = join(folder, 'node');
    await copyFile(binary, copy);
    await runTool(STRIP, [copy], { signal });
    return await readFile(copy);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function listLibraries(binary: string, signal: AbortSignal | undefined): Promise<string[]> {
  const output = (await runTool(LDD, [binary], { signal })).toString('utf8');
  const lost = /^\s*(\S+) => not found/m.exec(output)?.[1];
  if (lost !== undefined) throw new XiaError('guest-build-failed', `${binary} needs ${lost}, which this system lacks`, { binary });
  return parseLibraries(output);
}

/** The absolute paths in the output of `ldd`: `name => /path (address)` and `/path/of/loader (address)`. */
export function parseLibraries(output: string): string[] {
  const paths: string[] = [];
  for (const line of output.split('\n')) {
    const path = /(?:=> |^\s*)(\/\S+) \(0x[0-9a-f]+\)/.exec(line)?.[1];
    if (path !== undefined) paths.push(path);
  }
  return paths;
}
