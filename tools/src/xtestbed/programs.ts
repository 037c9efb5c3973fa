import { fileURLToPath } from 'node:url';

/** The root of the installed project: this file is two folders below the root of its package. */
export const projectRoot: string = fileURLToPath(new URL('../../../', import.meta.url));

const programPackages = {
  xcal: 'tools',
  xcat: 'tools',
  xchunk: 'tools',
  xdag: 'tools',
  xlink: 'tools',
  xmigrate: 'migrate',
  xnameserver: 'xnameserver',
  xping: 'tools',
  xrouter: 'xrouter',
  xtestbed: 'tools',
  xtraceroute: 'tools',
} as const;

export type ProgramName = keyof typeof programPackages;

/** The file that `node` runs for a program of this project. */
export function programFile(name: ProgramName): string {
  return fileURLToPath(new URL(`../../../${programPackages[name]}/bin/${name}.js`, import.meta.url));
}

/** A command with our program names replaced by the files to run; other commands are left to PATH. */
export function resolveCommand(command: string, args: readonly string[]): { file: string; args: string[] } {
  return Object.hasOwn(programPackages, command)
    ? { file: process.execPath, args: [programFile(command as ProgramName), ...args] }
    : { file: command, args: [...args] };
}
