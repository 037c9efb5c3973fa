import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { XiaNode } from 'xia-core';
import type { RunMigrationOptions } from '../../../migrate/src/run/index.js';
import { startHost, startRouter } from '../../xia-core/node/testbed.js';
import { BareMachines } from '../support/bare-machines.js';

export const XMIGRATE = fileURLToPath(new URL('../../../migrate/bin/xmigrate.js', import.meta.url));

/**
 * Two QEMUs with firmware and nothing to boot, each beside a host of a real network: enough to be stopped, moved and resumed. For the time of
 * a test.
 */
export class RealPair {
  readonly #machines = new BareMachines();
  readonly #nodes: XiaNode[] = [];
  hosts: readonly [string, string] = ['', ''];

  static async start(): Promise<RealPair> {
    const pair = new RealPair();
    onTestFinished(() => pair.#end());
    const router = await startRouter();
    pair.#nodes.unshift(router.node);
    const a = await startHost(router.access);
    pair.#nodes.unshift(a.node);
    const b = await startHost(router.access);
    pair.#nodes.unshift(b.node);
    pair.hosts = [a.access, b.access];
    return pair;
  }

  /** Starts a QEMU and returns its QMP socket. */
  machine(name: string, extra: readonly string[] = []): Promise<string> {
    return this.#machines.start(name, ...extra);
  }

  /** Goes with the machines. */
  get directory(): string {
    return this.#machines.folder;
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

  async #end(): Promise<void> {
    for (const node of this.#nodes) await node.close();
  }
}
