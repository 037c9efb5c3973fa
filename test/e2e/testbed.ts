import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { binary, processesNaming, run, start, temporaryFolder, type Ended } from './programs.js';

/** A network of real processes that is up while the tests of a `describe` run. */
export interface Testbed {
  /** Its folder, inside of another one that the test may use. */
  readonly path: string;
  readonly folder: string;
  /** The configuration file of a node. */
  readonly config: (node: string) => string;
  /** Runs `xtestbed` on it. */
  readonly xtestbed: (command: string, ...args: string[]) => Promise<Ended>;
  /** Runs a program on a host to its end. */
  readonly on: (host: string, program: string, ...args: string[]) => Promise<Ended>;
  /** Starts a program on a host. It is ended after the tests if they have not done so. */
  readonly begin: (host: string, program: string, ...args: string[]) => ReturnType<typeof start>;
}

/**
 * Brings a network up before the tests and down after them, and sees to it that nothing is left behind.
 * @param topology the name of a built-in one, or what writes one into a folder and says where
 * @param options of `xtestbed up`
 */
export function useTestbed(topology: string | ((folder: string) => Promise<string>), ...options: string[]): Testbed {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const begun: ReturnType<typeof start>[] = [];
  const path = () => join(folder.path, 't');
  const onHost = (host: string, program: string, args: readonly string[]) => [host, '--', process.execPath, binary(program), ...args];
  const xtestbed = (command: string, ...args: string[]) => run('xtestbed', [command, '--dir', path(), ...args]);

  beforeAll(async () => {
    folder = await temporaryFolder();
    const up = await xtestbed('up', typeof topology === 'string' ? topology : await topology(folder.path), ...options);
    expect(up.code, up.stderr).toBe(0);
  });
  afterAll(async () => {
    // Of a test that failed; `exec` passes the signal on.
    for (const { child } of begun) if (child.exitCode === null) child.kill('SIGTERM');
    await Promise.all(begun.map(({ ended }) => ended));
    const down = await xtestbed('down');
    expect(down.code, down.stderr).toBe(0);
    expect(await processesNaming(folder.path)).toEqual([]);
    await folder.remove();
  });

  return {
    get path() {
      return path();
    },
    get folder() {
      return folder.path;
    },
    config: (node) => join(path(), 'config', `${node}.yaml`),
    xtestbed,
    on: (host, program, ...args) => xtestbed('exec', ...onHost(host, program, args)),
    begin: (host, program, ...args) => {
      const started = start(process.execPath, [binary('xtestbed'), 'exec', '--dir', path(), ...onHost(host, program, args)]);
      begun.push(started);
      return started;
    },
  };
}
