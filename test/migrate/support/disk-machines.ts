import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { ownXmigrate, type RunMigrationOptions } from '../../../migrate/src/run/index.js';
import { startHost, startRouter } from '../../xia-core/node/testbed.js';
import { endWithTest } from './end-with-test.js';

type Node = Awaited<ReturnType<typeof startHost>>['node'];

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Two XIA hosts of one network, and QEMUs with disks at them, for the time of a test. */
export class DiskMachines {
  readonly folder = mkdtempSync(join(tmpdir(), 'disk-'));
  readonly #nodes: Node[] = [];
  readonly #access: string[] = [];

  static async start(): Promise<DiskMachines> {
    const machines = new DiskMachines();
    onTestFinished(() => machines.#end());
    const router = await startRouter();
    machines.#nodes.unshift(router.node);
    for (let host = 0; host < 2; host++) {
      const { node, access } = await startHost(router.access);
      machines.#nodes.unshift(node);
      machines.#access.push(access);
    }
    return machines;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts a QEMU whose monitor is `NAME.qmp` and whose console goes to `NAME.log`. */
  async qemu(name: string, ...extra: string[]): Promise<string> {
    const socket = this.path(`${name}.qmp`);
    const words = [
      '-name',
      this.path(name),
      '-nodefaults',
      '-no-user-config',
      '-display',
      'none',
      '-no-reboot',
      '-machine',
      'q35',
      '-accel',
      'tcg',
      '-cpu',
      'max',
      '-m',
      '98368K',
    ];
    words.push('-chardev', `file,id=serial0,path=${this.path(`${name}.log`)}`, '-serial', 'chardev:serial0');
    words.push('-qmp', `unix:${socket},server=on,wait=off`, ...extra);
    const child = spawn('qemu-system-x86_64', words, { stdio: ['ignore', 'ignore', 'inherit'] });
    endWithTest(child);
    for (let tries = 0; ; tries++) {
      try {
        // The file is there a moment before QEMU listens on it.
        await (await QmpClient.connect({ path: socket })).close();
        return socket;
      } catch (error) {
        if (tries === 500 || child.exitCode !== null) throw error;
        await sleep(20);
      }
    }
  }

  /** What a migration from `a` to `b` needs to be told. */
  plan(extra: Partial<RunMigrationOptions> = {}): RunMigrationOptions {
    const side = (name: string, host: number) => ({
      qmp: this.path(`${name}.qmp`),
      host: this.#access[host]!,
      stateDirectory: this.path(`state-${name}`),
    });
    return { vm: 'vm1', source: side('a', 0), destination: side('b', 1), ...extra };
  }

  /** How the two ends of a tunnel are started here. */
  get tunnel(): { xmigrate: readonly string[]; sourceHost: string; destinationHost: string } {
    return { xmigrate: ownXmigrate(), sourceHost: this.#access[0]!, destinationHost: this.#access[1]! };
  }

  /** The lines on a guest's console so far. */
  console(name: string): string[] {
    try {
      return readFileSync(this.path(`${name}.log`), 'latin1')
        .split(/\r?\n/)
        .slice(0, -1);
    } catch {
      return [];
    }
  }

  /** Waits for a line on a console after the first `skip` ones. */
  async untilSaid(name: string, text: RegExp, skip = 0, timeoutMs = 200_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (
      !this.console(name)
        .slice(skip)
        .some((line) => text.test(line))
    ) {
      if (Date.now() > deadline) throw new Error(`${name} never said ${text}: ${this.console(name).slice(-5).join(' | ')}`);
      await sleep(50);
    }
  }

  /** Runs one command on a monitor. */
  async ask(name: string, command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    await using qmp = await QmpClient.connect({ path: this.path(`${name}.qmp`) });
    return await qmp.execute(command, args);
  }

  /** What a copy has left in a QEMU: jobs, exports, and nodes of ours. */
  async leftIn(name: string): Promise<unknown[]> {
    const nodes = (await this.ask(name, 'query-named-block-nodes', { flat: true })) as { 'node-name': string }[];
    const jobs = (await this.ask(name, 'query-block-jobs')) as unknown[];
    const exports = (await this.ask(name, 'query-block-exports')) as unknown[];
    return [...jobs, ...exports, ...nodes.map((node) => node['node-name']).filter((node) => node.startsWith('xmigrate'))];
  }

  /** Processes of the tunnel, by their command lines: those of other tests have another folder's hosts. */
  tunnels(end: 'disk-connect' | 'disk-listen' | 'disk-' = 'disk-'): number[] {
    const found: number[] = [];
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const line = commandLine(entry);
      if (line.includes(`\0${end}`) && this.#access.some((host) => line.includes(host))) found.push(Number(entry));
    }
    return found;
  }

  async #end(): Promise<void> {
    for (const node of this.#nodes) await node.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
