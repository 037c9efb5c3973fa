import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QmpClient } from 'xmigrate';
import { countingKernel } from './counting-kernel.js';

const TRIES = 500;
const LOOK_AGAIN_MS = 20;

/** A QEMU with the counting guest, or one that waits for it. It has a second monitor, for whoever looks on. */
export class Machine {
  readonly name: 'a' | 'b';
  /** The monitor that the move uses. */
  readonly qmp: string;
  readonly monitor: QmpClient;
  readonly child: ChildProcess;
  readonly #console: string;

  private constructor(folder: string, name: 'a' | 'b', child: ChildProcess, monitor: QmpClient) {
    this.name = name;
    this.qmp = join(folder, `${name}.qmp`);
    this.#console = join(folder, `${name}.console`);
    this.child = child;
    this.monitor = monitor;
  }

  static async start(folder: string, name: 'a' | 'b'): Promise<Machine> {
    const path = (suffix: string) => join(folder, `${name}.${suffix}`);
    const socket = (suffix: string) => ['-qmp', `unix:${path(suffix)},server=on,wait=off`];
    const words = ['-accel', 'tcg', '-m', '32', '-display', 'none', '-nodefaults', ...socket('qmp'), ...socket('own')];
    if (name === 'a') writeFileSync(path('kernel'), countingKernel());
    const guest = name === 'a' ? ['-kernel', path('kernel')] : ['-incoming', 'defer'];
    const child = spawn('qemu-system-x86_64', [...words, '-serial', `file:${path('console')}`, ...guest], { stdio: 'ignore' });
    for (let tries = 0; ; tries++) {
      try {
        return new Machine(folder, name, child, await QmpClient.connect({ path: path('own') }));
      } catch (error) {
        if (tries === TRIES || child.exitCode !== null) throw error;
        await sleep(LOOK_AGAIN_MS);
      }
    }
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** What its guest has written. */
  console(): string {
    return readFileSync(this.#console, 'latin1');
  }

  /** QEMU's run state, or `gone`. */
  async state(): Promise<string> {
    try {
      return ((await this.monitor.execute('query-status')) as { status: string }).status;
    } catch {
      return 'gone';
    }
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  async end(): Promise<void> {
    await this.monitor.close();
    if (this.hasEnded) return;
    this.kill();
    await once(this.child, 'exit');
  }
}
