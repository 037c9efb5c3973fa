import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { XiaError } from 'xia-core';
import { programFile } from '../xtestbed/index.js';
import { cpuSum, readCpu, type CpuReading } from './process-cpu.js';

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 10;

const eventSchema = v.looseObject({ event: v.string(), pid: v.optional(v.number(), 0) });

/** An `xmigrate standby` for each host, and which of its workers are free. */
export class Standbys implements AsyncDisposable {
  readonly #folder: string;
  readonly #children = new Map<string, ChildProcess>();
  readonly #free = new Map<string, Set<number>>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param nodeOptions for the Node that runs the workers, such as `--cpu-prof` */
  static async start(hosts: readonly string[], nodeOptions: readonly string[]): Promise<Standbys> {
    const standbys = new Standbys(await mkdtemp(join(tmpdir(), 'xsb-')));
    for (const host of hosts) standbys.#start(host, nodeOptions);
    return standbys;
  }

  socket(host: string): string {
    return join(this.#folder, `${host}.sock`);
  }

  /** Until every standby has a worker that is warm and has nothing to do. @throws XiaError `testbed-failed` */
  async ready(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS;
    for (const [host, free] of this.#free) {
      while (free.size === 0) {
        if (performance.now() > deadline) throw new XiaError('testbed-failed', `the standby at ${host} has no worker`, { host });
        await delay(POLL_MS, undefined, { signal });
      }
    }
  }

  /** Processor time of every standby with its workers. */
  async readCpu(): Promise<Map<string, CpuReading>> {
    const readings = new Map<string, CpuReading>();
    for (const [host, { pid }] of this.#children) {
      const all = await Promise.all([readCpu(pid), ...(await childrenOf(pid)).map(readCpu)]);
      readings.set(`standby/${host}`, { own: all.reduce((sum, reading) => sum + cpuSum(reading), 0), children: 0 });
    }
    return readings;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  #start(host: string, nodeOptions: readonly string[]): void {
    const child = spawn(process.execPath, [programFile('xmigrate'), 'standby', '--socket', this.socket(host), '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: [process.env['NODE_OPTIONS'] ?? '', ...nodeOptions].join(' ').trim() },
      // A Ctrl-C on the terminal is for the benchmark, which ends it.
      detached: true,
    });
    const free = new Set<number>();
    this.#children.set(host, child);
    this.#free.set(host, free);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { event, pid } = v.parse(eventSchema, JSON.parse(line));
      if (event === 'ready' || event === 'free') free.add(pid);
      if (event === 'taken' || event === 'left') free.delete(pid);
    });
  }
}

async function childrenOf(pid: number | undefined): Promise<number[]> {
  const list = await readdir(`/proc/${pid}/task`).catch(() => []);
  const texts = await Promise.all(list.map(async (thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')));
  return texts.flatMap((text) => text.split(' ').filter((word) => word !== '')).map(Number);
}
