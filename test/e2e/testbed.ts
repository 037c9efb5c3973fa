import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { binary, processesNaming, run, start, temporaryFolder, type Ended } from './programs.js';

/** What is known of a process of a testbed from its start on. */
export interface TestbedNode {
  readonly name: string;
  readonly kind: string;
  readonly ad: string;
  readonly hid: string;
  readonly control: string;
  /** Where programs attach; links and the name server have no such place. */
  readonly access?: string;
  readonly process: { readonly pid: number };
}

/** What `xtestbed up` has left in its folder. To ask `xtestbed status` costs a process. */
export function testbedState(folder: string): { readonly ads: Readonly<Record<string, string>>; readonly nodes: readonly TestbedNode[] } {
  return JSON.parse(readFileSync(join(folder, 'testbed.json'), 'utf8'));
}

/** In which a program attaches to a host, as `xtestbed exec` starts it, without another process that only waits for it. */
export function environmentOf(folder: string, host: string): Record<string, string> {
  const { ads, nodes } = testbedState(folder);
  const access = nodes.find(({ name }) => name === host)?.access;
  expect(access, `${host} has a place for programs`).toBeDefined();
  return { XIA_HOST: access!, XIA_TRUST: Object.values(ads).join(','), XMIGRATE_STATE: join(folder, 'state', host), XTESTBED_DIR: folder };
}

/** A network of real processes that is up while the tests of a `describe` run. */
export interface Testbed {
  /** Its folder, inside of another one that the test may use. */
  readonly path: string;
  readonly folder: string;
  /** The configuration file of a node. */
  readonly config: (node: string) => string;
  /** A process of it. */
  readonly node: (name: string) => TestbedNode;
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
  const xtestbed = (command: string, ...args: string[]) => run('xtestbed', [command, '--dir', path(), ...args]);

  beforeAll(async () => {
    folder = await temporaryFolder();
    const up = await xtestbed('up', typeof topology === 'string' ? topology : await topology(folder.path), ...options);
    expect(up.code, up.stderr).toBe(0);
  });
  afterAll(async () => {
    // Of a test that failed.
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
    node: (name) => testbedState(path()).nodes.find((node) => node.name === name)!,
    xtestbed,
    on: (host, program, ...args) => run(program, args, { env: environmentOf(path(), host) }),
    begin: (host, program, ...args) => {
      const started = start(process.execPath, [binary(program), ...args], environmentOf(path(), host));
      begun.push(started);
      return started;
    },
  };
}
