import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QmpClient } from 'xmigrate';
import { countingKernel } from './counting-kernel.js';

/** Not a multiple of 64 pages: with such sizes QEMU 7.2 overlooks writes under TCG, and the guest finds its memory changed. */
const MEMORY = '32832K';
const TRIES = 500;
const DISK_BYTES = 4 * 1024 ** 2;
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

  /** `environment`: what the programs see that it starts. */
  static async start(folder: string, name: 'a' | 'b', hasDisk: boolean, environment: Record<string, string>): Promise<Machine> {
    const path = (suffix: string) => join(folder, `${name}.${suffix}`);
    const socket = (suffix: string) => ['-qmp', `unix:${path(suffix)},server=on,wait=off`];
    const words = ['-accel', 'tcg', '-m', MEMORY, '-display', 'none', '-nodefaults', ...socket('qmp'), ...socket('own')];
    if (name === 'a') writeFileSync(path('kernel'), countingKernel());
    const guest = name === 'a' ? ['-kernel', path('kernel')] : ['-incoming', 'defer'];
    if (hasDisk) writeFileSync(path('img'), name === 'a' ? randomBytes(DISK_BYTES) : Buffer.alloc(DISK_BYTES));
    const drive = `file=${path('img')},if=none,id=disk0,format=raw,discard=unmap`;
    const disk = hasDisk ? ['-drive', drive, '-device', 'virtio-blk-pci,drive=disk0'] : [];
    const child = spawn('qemu-system-x86_64', [...words, ...disk, '-serial', `file:${path('console')}`, ...guest], {
      stdio: 'ignore',
      env: { ...process.env, ...environment },
    });
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

  /** What a move of its disk has left in it: copies in work, and images that it serves. */
  async diskLeftovers(): Promise<string[]> {
    const ask = async (command: string) => ((await this.monitor.execute(command).catch(() => [])) as object[]).length;
    const found = { 'copies in work': await ask('query-block-jobs'), 'images served': await ask('query-block-exports') };
    return Object.entries(found).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what} at ${this.name}`]));
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
