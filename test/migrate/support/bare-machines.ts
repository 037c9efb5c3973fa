import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';

/** Not a multiple of 64 pages: with such sizes QEMU 7.2 overlooks writes under TCG. */
const MEMORY = '32832K';

/** QEMUs of 32 MB with firmware and nothing else, and the folder of their sockets. */
export class BareMachines implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'bare-'));
  readonly #machines: ChildProcess[] = [];

  /** Starts one and gives the path of its monitor. A word of `extra` counts instead of the same one of ours. */
  async start(name: string, ...extra: string[]): Promise<string> {
    const socket = join(this.folder, `${name}.qmp`);
    const words = ['-accel', 'tcg', '-m', MEMORY, '-display', 'none', '-nodefaults', '-qmp', `unix:${socket},server=on,wait=off`, ...extra];
    this.#machines.push(spawn('qemu-system-x86_64', words, { stdio: 'ignore' }));
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

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#machines) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** QEMU's run state, or `gone`. */
export async function stateOf(monitor: string): Promise<string> {
  try {
    await using qmp = await QmpClient.connect({ path: monitor });
    return ((await qmp.execute('query-status')) as { status: string }).status;
  } catch {
    return 'gone';
  }
}
