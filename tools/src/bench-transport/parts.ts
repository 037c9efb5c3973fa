import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { XiaError } from 'xia-core';
import { programFile } from '../xtestbed/index.js';
import type { EndReady, ProgressQuestion, TransferDone, TransferOrder } from './end-messages.js';

/** What is shown of a process that failed. */
const SAID_CHARACTERS = 300;
/** How long an end may take to find its peer, or to carry out an order. */
const START_TIMEOUT_MS = 20_000;

export type EndName =
  | 'chunk-source'
  | 'chunk-sink'
  | 'stream-source'
  | 'stream-sink'
  | 'tcp-source'
  | 'tcp-sink'
  | 'libp2p-source'
  | 'libp2p-sink'
  | 'ndn-source'
  | 'ndn-sink';

/** A process of the benchmark. */
export class PartProcess {
  readonly child: ChildProcess;
  readonly name: string;
  /** Rejects when the process ends. */
  readonly #ended: Promise<never>;
  #said = '';

  constructor(child: ChildProcess, name: string) {
    this.child = child;
    this.name = name;
    child.stderr?.on('data', (piece: Buffer) => (this.#said += piece.toString()));
    this.#ended = once(child, 'close').then(([code]) => {
      const said = this.#said.trim().slice(0, SAID_CHARACTERS);
      throw new XiaError('testbed-failed', `${name} ended with exit code ${code}: ${said}`, { name });
    });
    // Told to whoever waits for something of it.
    this.#ended.catch(() => {});
  }

  /** A promise of something that comes of this process. @throws XiaError `testbed-failed` when it ends before, or is too slow */
  async orEnd<Value>(value: Promise<Value>, timeoutMs = START_TIMEOUT_MS): Promise<Value> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const said = this.#said.trim().slice(0, SAID_CHARACTERS);
        reject(new XiaError('testbed-failed', `${this.name} did nothing for ${timeoutMs} ms. ${said}`, { name: this.name }));
      }, timeoutMs);
    });
    return Promise.race([value, this.#ended, late]).finally(() => clearTimeout(timer));
  }

  /** CPU time so far, all threads, seconds; by the scheduler's clock, which is finer than the ticks of `stat`. */
  async cpuSeconds(): Promise<number> {
    const folder = `/proc/${this.child.pid}/task`;
    let totalNs = 0;
    for (const task of await readdir(folder)) {
      const text = await readFile(`${folder}/${task}/schedstat`, 'latin1').catch(() => '0');
      totalNs += Number(text.split(' ')[0]);
    }
    return totalNs / 1e9;
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    else child.kill('SIGTERM');
    await exited;
  }
}

/** An end of a transfer. */
export class EndProcess extends PartProcess {
  address = '';

  order(order: TransferOrder): void {
    this.child.send(order);
  }

  /** How far a receiving end is. */
  async progress(): Promise<TransferDone> {
    this.child.send({ progress: true } satisfies ProgressQuestion);
    return this.done(START_TIMEOUT_MS);
  }

  async done(timeoutMs: number): Promise<TransferDone> {
    const [done] = (await this.orEnd(once(this.child, 'message'), timeoutMs)) as [TransferDone];
    return done;
  }
}

/** Where a process is started: this machine, or a network namespace of it. */
export interface Place {
  spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess;
}

const HERE: Place = { spawn: (command, args, options) => spawn(command, args, options) };

/** How the processes of a run are started. */
export interface StartOptions {
  readonly place?: Place | undefined;
  /** Where every process of ours leaves a CPU profile when it ends; undefined for none. */
  readonly profileFolder?: string | undefined;
}

function nodeOptions({ profileFolder }: StartOptions): string[] {
  return profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
}

/** As `xmigrate run` starts the two ends of a migration. */
export const END_V8_OPTIONS = ['--single-threaded', '--max-semi-space-size=4', '--interrupt-budget=600000'] as const;

/** Starts an end, which is ready when it has its peer. */
export async function startEnd(name: EndName, options: StartOptions, argument: object = {}): Promise<EndProcess> {
  const file = fileURLToPath(new URL(`../../dist/bench-transport/${name}.js`, import.meta.url));
  const execArgv = [...nodeOptions(options), ...END_V8_OPTIONS];
  const args = [...execArgv, file, JSON.stringify(argument)];
  const child = (options.place ?? HERE).spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const end = new EndProcess(child, name);
  try {
    const [{ address }] = (await end.orEnd(once(child, 'message'))) as [EndReady];
    end.address = address;
    return end;
  } catch (error) {
    await end.stop();
    throw error;
  }
}

/** Starts a program of ours, which is ready when it says something: a line of JSON. */
export async function startProgram(
  name: 'xrouter' | 'xlink',
  args: readonly string[],
  options: StartOptions,
): Promise<{ part: PartProcess; said: unknown }> {
  const nodeArgs = [...nodeOptions(options), programFile(name), ...args];
  const child = (options.place ?? HERE).spawn(process.execPath, nodeArgs, { stdio: ['ignore', 'pipe', 'pipe'] });
  const part = new PartProcess(child, name);
  const [line] = (await part.orEnd(once(child.stdout!, 'data'))) as [Buffer];
  return { part, said: JSON.parse(line.toString()) as unknown };
}

/** Starts a program of the system that says nothing. */
export async function startCommand(command: string, args: readonly string[]): Promise<PartProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const part = new PartProcess(child, command);
  await part.orEnd(once(child, 'spawn'));
  return part;
}
