import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { QmpClient } from '../../../migrate/src/qemu/qmp-client.js';
import { endWithTest } from './end-with-test.js';

/** Not a multiple of 64 pages: with such sizes QEMU 7.2 overlooks writes under TCG. */
const MEMORY = '32832K';

/** QEMUs of 32 MB with firmware and nothing else, and the folder of their sockets, all of it for the time of a test. */
export class BareMachines {
  readonly folder = mkdtempSync(join(tmpdir(), 'bare-'));

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  /** Starts one and gives the path of its monitor. A word of `extra` counts instead of the same one of ours. */
  async start(name: string, ...extra: string[]): Promise<string> {
    const socket = join(this.folder, `${name}.qmp`);
    const words = ['-accel', 'tcg', '-m', MEMORY, '-display', 'none', '-nodefaults', '-qmp', `unix:${socket},server=on,wait=off`, ...extra];
    endWithTest(spawn('qemu-system-x86_64', words, { stdio: 'ignore' }));
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
