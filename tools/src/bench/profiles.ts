import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ownXmigrate } from 'xmigrate';

/** Options of Node that leave a processor profile of a process in a folder when it ends. */
export function profileOptions(folder: string | undefined): string[] {
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(folder)}`];
}

/** The command that starts `xmigrate` with a profile. */
export function profiledXmigrate(folder: string): string[] {
  const [node = process.execPath, ...words] = ownXmigrate();
  return [node, ...profileOptions(folder), ...words];
}

/** The number of the process in the name that V8 gives a profile: CPU.DATE.TIME.PID.THREAD.NUMBER.cpuprofile. */
export function profilePid(name: string): number | undefined {
  const pid = /^CPU\.\d+\.\d+\.(\d+)\.\d+\.\d+\.cpuprofile$/.exec(name)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Puts what a process was before the name of its profile. @param names by process number */
export async function nameProfiles(folder: string, names: ReadonlyMap<number, string>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of await readdir(folder)) {
    const name = names.get(profilePid(file) ?? -1);
    if (name !== undefined) await rename(join(folder, file), join(folder, `${name}.${file}`));
  }
}

/** The processes of the two ends of every move, from the event files that `xmigrate` left in a folder. */
export async function endsByPid(eventsFolder: string): Promise<Map<number, string>> {
  const ends = new Map<number, string>();
  for (const file of await readdir(eventsFolder)) {
    const end = /^(.+\.(?:send|recv))\.\d+\.jsonl$/.exec(file)?.[1];
    if (end === undefined) continue;
    const pid = /"pid":(\d+)/.exec(await readFile(join(eventsFolder, file), 'utf8'))?.[1];
    if (pid !== undefined) ends.set(Number(pid), end);
  }
  return ends;
}
