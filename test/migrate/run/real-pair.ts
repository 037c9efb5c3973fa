import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { XiaNode } from 'xia-core';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import type { RunMigrationOptions } from '../../../migrate/src/run/index.js';
import { startHost, startRouter } from '../../xia-core/node/testbed.js';

export const XMIGRATE = fileURLToPath(new URL('../../../migrate/bin/xmigrate.js', import.meta.url));

/** Two QEMUs with firmware and nothing to boot, each beside a host of a real network: enough to be stopped, moved and resumed. */
export class RealPair {
  readonly directory = mkdtempSync(join(tmpdir(), 'pair-'));
  readonly machines: ChildProcess[] = [];
  readonly #nodes: XiaNode[] = [];
  hosts: readonly [string, string] = ['', ''];

  static async start(): Promise<RealPair> {
    const pair = new RealPair();
    const router = await startRouter();
    const [a, b] = [await startHost(router.access), await startHost(router.access)];
    pair.#nodes.push(a.node, b.node, router.node);
    pair.hosts = [a.access, b.access];
    return pair;
  }

  /** Starts a QEMU and returns its QMP socket. */
  async machine(name: string, extra: readonly string[] = []): Promise<string> {
    const socket = join(this.directory, `${name}.qmp`);
    const words = ['-accel', 'tcg', '-display', 'none', '-nodefaults', '-qmp', `unix:${socket},server=on,wait=off`];
    const memory = extra.includes('-m') ? [] : ['-m', '32'];
    this.machines.push(spawn('qemu-system-x86_64', [...words, ...memory, ...extra], { stdio: 'ignore' }));
    for (let tries = 0; ; tries++) {
      try {
        // The file is there a moment before QEMU listens on it.
        await (await QmpClient.connect({ path: socket })).close();
        return socket;
      } catch (error) {
        if (tries === 500) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  state(end: 'a' | 'b'): string {
    return join(this.directory, `state-${end}`);
  }

  plan(a: string, b: string): RunMigrationOptions {
    const [hostA, hostB] = this.hosts;
    return {
      vm: 'vm1',
      source: { qmp: a, host: hostA, stateDirectory: this.state('a') },
      destination: { qmp: b, host: hostB, stateDirectory: this.state('b') },
      xmigrate: [process.execPath, XMIGRATE],
    };
  }

  async stop(): Promise<void> {
    for (const child of this.machines) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    for (const node of this.#nodes) await node.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** QEMU's run state, or `gone`. */
export async function stateOf(socket: string): Promise<string> {
  try {
    await using qmp = await QmpClient.connect({ path: socket });
    return ((await qmp.execute('query-status')) as { status: string }).status;
  } catch {
    return 'gone';
  }
}
