import { readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { XiaError } from 'xia-core';
import { runTool, type HostTool } from './prerequisites.js';

const XZ: HostTool = { program: 'xz', purpose: "unpack the kernel's modules", install: 'sudo apt-get install xz-utils' };
const ZSTD: HostTool = { program: 'zstd', purpose: "unpack the kernel's modules", install: 'sudo apt-get install zstd' };

/** What the guest cannot do without, and what it is better off with (entropy; reading its configuration is checked later). */
const REQUIRED_MODULES = ['virtio_pci', 'virtio_net', 'qemu_fw_cfg'];
const OPTIONAL_MODULES = ['virtio_rng', 'virtio_balloon'];

const MODULE_FILE = /^(.+)\.ko(\.xz|\.zst|\.gz)?$/;

/** A kernel module, decompressed: busybox's insmod takes nothing else. */
export interface KernelModule {
  /** With underscores, as the kernel shows it. */
  readonly name: string;
  readonly content: Buffer;
}

/**
 * The modules that a guest needs, each after those that it depends on. A module that is built into this kernel is left out.
 * Dependencies are read from the modules themselves: the packages are not installed, so no `modules.dep` was generated, and
 * they differ from kernel to kernel.
 * @param more modules that this guest needs besides
 * @throws XiaError `guest-build-failed` when the kernel lacks a required one, `missing-prerequisite` to decompress.
 */
export async function collectModules(modulesFolder: string, signal?: AbortSignal, more: readonly string[] = []): Promise<KernelModule[]> {
  const files = await indexModules(join(modulesFolder, 'kernel'));
  const builtin = await readBuiltin(join(modulesFolder, 'modules.builtin'));
  const ordered = new Map<string, KernelModule>();
  const visit = async (name: string, optional: boolean): Promise<void> => {
    if (ordered.has(name) || builtin.has(name)) return;
    const file = files.get(name);
    if (file === undefined) {
      if (optional) return;
      throw new XiaError('guest-build-failed', `this kernel has no ${name}, neither built in nor as a module`, { name, modulesFolder });
    }
    const content = await readModule(file, signal);
    for (const dependency of moduleDependencies(content)) await visit(dependency, optional);
    ordered.set(name, { name, content });
  };
  for (const name of [...REQUIRED_MODULES, ...more]) await visit(name, false);
  for (const name of OPTIONAL_MODULES) await visit(name, true);
  return [...ordered.values()];
}

/** The names behind `depends=` in a module's `.modinfo` section, a list of strings that each end in a zero byte. */
export function moduleDependencies(module: Buffer): string[] {
  const key = Buffer.from('depends=');
  for (let at = module.indexOf(key); at >= 0; at = module.indexOf(key, at + 1)) {
    if (at > 0 && module[at - 1] !== 0) continue;
    const end = module.indexOf(0, at);
    const value = module.toString('latin1', at + key.length, end < 0 ? module.length : end);
    return value
      .split(',')
      .filter((name) => name !== '')
      .map(moduleName);
  }
  return [];
}

/** File names use dashes and underscores alike; the kernel shows underscores. */
function moduleName(text: string): string {
  return text.replaceAll('-', '_');
}

async function indexModules(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true })) {
    const match = MODULE_FILE.exec(basename(entry));
    if (match !== null) files.set(moduleName(match[1] ?? ''), join(folder, entry));
  }
  return files;
}

async function readBuiltin(file: string): Promise<Set<string>> {
  const names = new Set<string>();
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    const match = MODULE_FILE.exec(basename(line.trim()));
    if (match !== null) names.add(moduleName(match[1] ?? ''));
  }
  return names;
}

async function readModule(file: string, signal: AbortSignal | undefined): Promise<Buffer> {
  switch (MODULE_FILE.exec(basename(file))?.[2]) {
    case '.xz':
      return runTool(XZ, ['-dc', file], { signal });
    case '.zst':
      return runTool(ZSTD, ['-dc', file], { signal });
    case '.gz':
      return gunzipSync(await readFile(file));
    default:
      return readFile(file);
  }
}
