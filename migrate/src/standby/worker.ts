import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, XiaError } from 'xia-core';
import { LineLink, ParentChannel, readOrder, type Upward } from '../channel/index.js';
import { atLowPriority } from './low-priority.js';
import { collector, keepCode } from './memory.js';
import { runOrder } from './run-order.js';
import { warmUp } from './warm-up.js';
import type { WorkerMessage } from './worker-messages.js';

export interface WorkerOptions {
  /** MB of the stream of each move that it plays before it says that it is ready. */
  readonly warmUps: readonly number[];
  /** Programs that it runs before it is replaced. */
  readonly maxPrograms: number;
  /** MB of memory with which it is replaced. */
  readonly maxRssMb: number;
}

/** Who connects is `xmigrate run`, which says at once what it wants. */
const ORDER_TIMEOUT_MS = 5_000;
/** How long what a program had open may take to close behind it. */
const CLEAN_TIMEOUT_MS = 3_000;
const LOOK_AGAIN_MS = 20;

/**
 * A process of a standby that runs one `send` or `recv` after the other, each for whoever is at the other end of a connection that
 * the standby hands over. It ends with its standby, and when it must not be used again: a program that did not end well, something
 * that a program left open, too much memory.
 */
class Worker {
  readonly #options: WorkerOptions;
  readonly #signal: AbortSignal;
  readonly #orphaned = new AbortController();
  readonly #collect = collector();
  #resources: readonly string[] = [];
  #programs = 0;

  constructor(options: WorkerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    process.once('disconnect', () => this.#orphaned.abort());
  }

  async run(): Promise<void> {
    const ended = AbortSignal.any([this.#signal, this.#orphaned.signal]);
    const connections: Socket[] = [];
    let wake = () => {};
    const hurry = new AbortController();
    process.on('message', (_, handle) => {
      if (handle instanceof Socket) connections.push(handle);
      else hurry.abort();
      wake();
    });
    ended.addEventListener('abort', () => wake(), { once: true });
    keepCode();
    const fault = await this.#warmUp(AbortSignal.any([ended, hurry.signal]));
    this.#collect();
    this.#resources = openResources();
    this.#say({ kind: 'ready', cpuSeconds: usedCpuSeconds(), rssMb: rssMb(), fault });
    while (!ended.aborted) {
      const connection = connections.shift();
      if (connection === undefined) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      const reason = await this.#serve(connection);
      if (reason !== undefined) {
        this.#say({ kind: 'leaving', reason });
        return;
      }
      this.#say({ kind: 'free', programs: this.#programs, rssMb: rssMb() });
    }
    for (const connection of connections) connection.destroy();
  }

  /** Returns what went wrong, which costs warmth only; empty when nothing did. */
  async #warmUp(signal: AbortSignal): Promise<string> {
    try {
      await atLowPriority(() => warmUp(this.#options.warmUps, signal));
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Runs one program. Returns why this process is not to be used again, if so. */
  async #serve(connection: Socket): Promise<string | undefined> {
    const link = new LineLink(connection);
    // Also behind an error, which is no matter of its own: a run that was killed is followed by one.
    const closed = new Promise<void>((resolve) => connection.once('close', () => resolve()));
    if (connection.closed) return undefined;
    const order = readOrder(await link.first(ORDER_TIMEOUT_MS));
    if (order === undefined) {
      connection.destroy();
      await closed;
      return undefined;
    }
    const stop = new AbortController();
    const onSignal = () => stop.abort(this.#signal.reason);
    this.#signal.addEventListener('abort', onSignal, { once: true });
    const channel = new ParentChannel(link, usedCpuSeconds());
    channel.on('message', ({ kind }) => {
      if (kind === 'stop') stop.abort(new XiaError('interrupted', 'stopped by xmigrate run'));
    });
    const { exitCode, text } = await runOrder(order, channel, stop.signal);
    this.#signal.removeEventListener('abort', onSignal);
    this.#programs++;
    const wasLeft = !channel.connected;
    channel.close();
    link.send({ kind: 'ended', exitCode, text } satisfies Upward);
    link.end();
    await Promise.race([closed, sleep(CLEAN_TIMEOUT_MS)]);
    connection.destroy();
    if (exitCode !== ExitCode.OK) return `its program ended with code ${exitCode}`;
    // Its program has a conversation with QEMU of its own then.
    return wasLeft ? 'the xmigrate run of its program had gone' : this.#unfit();
  }

  async #unfit(): Promise<string | undefined> {
    const { maxPrograms, maxRssMb } = this.#options;
    if (this.#programs >= maxPrograms) return `it has run ${this.#programs} programs`;
    const deadline = performance.now() + CLEAN_TIMEOUT_MS;
    for (let left = this.#left(); left.length > 0; left = this.#left()) {
      if (performance.now() > deadline) return `its program left something open: ${left.join(', ')}`;
      await sleep(LOOK_AGAIN_MS);
    }
    this.#collect();
    return rssMb() > maxRssMb ? `it has ${rssMb()} MB of memory` : undefined;
  }

  /** What is open now and was not before the first program. */
  #left(): string[] {
    return leftOver(this.#resources, openResources());
  }

  #say(message: WorkerMessage): void {
    if (process.connected) process.send?.(message, undefined, {}, () => undefined);
  }
}

/** Runs until the standby goes away, or `signal` is aborted. */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  if (!process.connected) throw new XiaError('usage', '--worker is for processes that a standby starts');
  await new Worker(options, signal).run();
}

/** What keeps this process alive, by kind; timers that are not waited for are none. */
function openResources(): string[] {
  // Both are opened when they are first looked at, and stay open.
  void [process.stdout, process.stderr];
  return process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate' && kind !== 'TickObject');
}

/** What is there now and was not before. */
function leftOver(before: readonly string[], now: readonly string[]): string[] {
  const known = [...before];
  return now.filter((kind) => {
    const at = known.indexOf(kind);
    if (at >= 0) known.splice(at, 1);
    return at < 0;
  });
}

function usedCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function rssMb(): number {
  return Math.round(process.memoryUsage.rss() / 1e6);
}
