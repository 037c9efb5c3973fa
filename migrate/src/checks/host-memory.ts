import { readdir, readFile, readlink } from 'node:fs/promises';
import { realpathSync } from 'node:fs';

const KIB = 1024;

/** The process that serves a UNIX socket on this machine, as far as this user may see it. */
export interface SocketOwner {
  readonly pid: number;
  readonly uid: number;
  /** Memory that it has touched already, without its program. */
  readonly residentBytes: number;
}

/**
 * Finds who listens on a UNIX socket (Linux: `/proc/net/unix` gives the inode, `/proc/PID/fd` who has it).
 * @returns undefined when it is nobody on this machine, or another user's process
 */
export async function socketOwner(path: string): Promise<SocketOwner | undefined> {
  const inode = await listeningInode(path);
  if (inode === undefined) return undefined;
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    // A process that is another user's, or that has just ended, has nothing to show.
    for (const fd of await readdir(`/proc/${entry}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${entry}/fd/${fd}`).catch(() => '');
      if (target !== `socket:[${inode}]`) continue;
      const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '');
      const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
      return { pid: Number(entry), uid: field('Uid'), residentBytes: (field('RssAnon') + field('RssShmem')) * KIB };
    }
  }
  return undefined;
}

/** The inode of the UNIX socket that somebody on this machine listens on; undefined when nobody does, or the system does not tell. */
export async function listeningInode(path: string): Promise<string | undefined> {
  let table: string;
  let names: ReadonlySet<string>;
  try {
    table = await readFile('/proc/net/unix', 'utf8');
    names = new Set([path, realpathSync(path)]);
  } catch {
    return undefined;
  }
  for (const line of table.split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path; a listening socket has the flag __SO_ACCEPTCON.
    const [, , , flags, , , inode, ...rest] = line.trim().split(/\s+/);
    if (flags === '00010000' && names.has(rest.join(' '))) return inode;
  }
  return undefined;
}

/** Memory that new work may take on this machine without swapping, bytes (Linux `MemAvailable`); undefined where it is not told. */
export async function availableMemoryBytes(): Promise<number | undefined> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(text);
  return match === null ? undefined : Number(match[1]) * KIB;
}
