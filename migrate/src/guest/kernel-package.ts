import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { XiaError } from 'xia-core';
import { findProgram } from '../qemu/find-program.js';
import { provideFolder } from './cache-folder.js';
import { missing, runTool, type HostTool, type ToolOptions } from './prerequisites.js';

/** Small kernels first. Debian names them "cloud", Ubuntu "virtual". */
const META_PACKAGES = ['linux-image-cloud-amd64', 'linux-image-virtual', 'linux-image-amd64', 'linux-image-generic'];
/** The image itself, and the packages that Ubuntu keeps its modules in. */
const VERSIONED_PACKAGE = /^linux-(image|modules)(-unsigned)?-\d/;

const APT_CACHE: HostTool = { program: 'apt-cache', purpose: "find the guest's kernel", install: 'sudo apt-get install apt' };
const APT_GET: HostTool = { program: 'apt-get', purpose: "download the guest's kernel", install: 'sudo apt-get install apt' };
const DPKG_DEB: HostTool = { program: 'dpkg-deb', purpose: "unpack the guest's kernel", install: 'sudo apt-get install dpkg' };

/** A kernel that was unpacked into the cache. */
export interface GuestKernel {
  /** The compressed kernel image, `vmlinuz-RELEASE`. */
  readonly image: string;
  readonly release: string;
  /** `.../modules/RELEASE`, with `kernel/` and `modules.builtin` in it. */
  readonly modulesFolder: string;
}

/**
 * The distribution's kernel for virtual machines, unpacked into `cacheDir/kernel`. It is downloaded once; nothing is installed
 * and root is not needed. Remove that folder to get a newer one.
 * @throws XiaError `missing-prerequisite` when there is no apt or no package list, `guest-build-failed`, `interrupted`.
 */
export async function provideKernel(cacheDir: string, signal?: AbortSignal): Promise<GuestKernel> {
  const folder = await provideFolder(cacheDir, 'kernel', async (temporary) => {
    await downloadKernel(temporary, { signal });
    await findKernel(temporary);
  });
  return findKernel(folder);
}

async function downloadKernel(folder: string, options: ToolOptions): Promise<void> {
  if ((await findProgram('apt-get')) === undefined) {
    const what = "The guest's kernel comes from a Debian or Ubuntu package, and this system has no apt-get.";
    throw new XiaError('missing-prerequisite', `${what} Build it on Debian 12 or Ubuntu 24.04.`, { program: 'apt-get' });
  }
  const packages = await resolveKernelPackages(options);
  const downloads = join(folder, 'downloads');
  const root = join(folder, 'root');
  await mkdir(downloads);
  await mkdir(root);
  try {
    await runTool(APT_GET, ['download', ...packages], { ...options, cwd: downloads });
  } catch (error) {
    if (error instanceof XiaError && error.code === 'guest-build-failed') {
      throw missing(`The guest's kernel cannot be downloaded (${error.message}).`, 'sudo apt-get update', { packages }, error);
    }
    throw error;
  }
  for (const file of await readdir(downloads)) {
    if (file.endsWith('.deb')) await runTool(DPKG_DEB, ['-x', join(downloads, file), root], options);
  }
  await rm(downloads, { recursive: true });
}

/** The real packages behind the first meta package that this system knows. */
async function resolveKernelPackages(options: ToolOptions): Promise<string[]> {
  for (const meta of META_PACKAGES) {
    const found = new Set<string>();
    const open = [meta];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      for (const dependency of await listDependencies(name, options)) {
        if (!VERSIONED_PACKAGE.test(dependency) || found.has(dependency)) continue;
        found.add(dependency);
        open.push(dependency);
      }
    }
    if (found.size > 0) return [...found].toSorted();
  }
  const what = `No kernel package is known to apt (tried ${META_PACKAGES.join(', ')}).`;
  throw missing(what, 'sudo apt-get update', { tried: META_PACKAGES });
}

async function listDependencies(name: string, options: ToolOptions): Promise<string[]> {
  try {
    return parseDependencies((await runTool(APT_CACHE, ['depends', name], options)).toString('utf8'));
  } catch (error) {
    // apt-cache fails for a package that it does not know.
    if (error instanceof XiaError && error.code === 'guest-build-failed') return [];
    throw error;
  }
}

/** The packages that `apt-cache depends` lists as dependencies; of alternatives ("|Depends") the first is enough. */
export function parseDependencies(output: string): string[] {
  const names: string[] = [];
  let alternativeTaken = false;
  for (const line of output.split('\n')) {
    const match = /^\s+(\|?)Depends: ([^<\s]\S*)/.exec(line);
    if (match === null) continue;
    if (!alternativeTaken) names.push(match[2] ?? '');
    alternativeTaken = match[1] === '|';
  }
  return names;
}

async function findKernel(folder: string): Promise<GuestKernel> {
  const root = join(folder, 'root');
  const image = (await list(join(root, 'boot'))).find((file) => basename(file).startsWith('vmlinuz-'));
  const release = image === undefined ? '' : basename(image).slice('vmlinuz-'.length);
  // A system with a merged /usr ships its modules below it.
  for (const modules of ['lib/modules', 'usr/lib/modules']) {
    const modulesFolder = join(root, modules, release);
    if (image !== undefined && (await list(modulesFolder)).length > 0) return { image, release, modulesFolder };
  }
  throw new XiaError('guest-build-failed', `${folder} holds no kernel image with its modules`, { folder });
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).map((name) => join(folder, name));
  } catch {
    return [];
  }
}
