import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { findProgram } from './find-program.js';
import { prepareQemu, type QemuPlacement } from './prepare-qemu.js';
import type { QemuFiles } from './qemu-arguments.js';
import { QmpClient } from './qmp-client.js';

const STDERR_LIMIT = 16 * 1024;
const START_TIMEOUT_MS = 30_000;
const CONNECT_RETRY_MS = 10;
const STOP_STEP_MS = 2_000;

export interface QemuOptions extends QemuPlacement {
  /** Ends the start, and later the machine. */
  readonly signal?: AbortSignal;
  /** Until QEMU answers on its monitor, default 30 s: pre-faulting memory is part of it. */
  readonly startTimeoutMs?: number;
}

/** How a QEMU ended. */
export interface QemuExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 16 KB that QEMU wrote to its standard error. */
  readonly stderr: string;
}

/**
 * A running `qemu-system-x86_64` that cannot outlive its launcher: it is stopped by `stop`, by the signal, when this process
 * exits, and, where `setpriv` is installed, by the kernel when this process is killed.
 */
export class QemuProcess implements AsyncDisposable {
  readonly name: string;
  readonly files: QemuFiles;
  /** The launcher's own monitor. */
  readonly qmp: QmpClient;
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<QemuExit>;
  readonly #child: ChildProcess;

  private constructor(name: string, files: QemuFiles, qmp: QmpClient, child: ChildProcess, exited: Promise<QemuExit>) {
    this.name = name;
    this.files = files;
    this.qmp = qmp;
    this.exited = exited;
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Starts QEMU and connects to its monitor.
   * @throws XiaError `missing-prerequisite` when there is no QEMU 7.2 or later, `qemu-failed` with QEMU's own words when it does not
   * start, `bad-argument`, `interrupted`.
   */
  static async start(options: QemuOptions): Promise<QemuProcess> {
    const { signal, startTimeoutMs = START_TIMEOUT_MS } = options;
    if (signal?.aborted) throw interrupted(options.name, signal);
    const { program, args, files } = await prepareQemu(options);
    const child = await spawnTied(program, args);
    const exited = watchExit(child);
    const onAbort = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', onAbort, { once: true });
    void exited.then(() => signal?.removeEventListener('abort', onAbort));
    try {
      const qmp = await connectMonitor(files.launcherSocket, exited, startTimeoutMs, options.name, signal);
      return new QemuProcess(options.name, files, qmp, child, exited);
    } catch (error) {
      child.kill('SIGKILL');
      await exited;
      throw signal?.aborted ? interrupted(options.name, signal) : error;
    }
  }

  /** Ends the machine as pulling the plug would, and waits until the process is gone. */
  async stop(): Promise<QemuExit> {
    if (!this.qmp.closed) await this.qmp.execute('quit', {}, { timeoutMs: STOP_STEP_MS }).catch(() => undefined);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const gone = await Promise.race([this.exited, sleep(STOP_STEP_MS, undefined, { ref: false })]);
      if (gone !== undefined) break;
      this.#child.kill(signal);
    }
    const exit = await this.exited;
    await this.qmp.close();
    return exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function connectMonitor(
  path: string,
  exited: Promise<QemuExit>,
  timeoutMs: number,
  name: string,
  signal: AbortSignal | undefined,
): Promise<QmpClient> {
  let exit: QemuExit | undefined;
  void exited.then((value) => (exit = value));
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const remainingMs = deadlineMs - performance.now();
    try {
      return await QmpClient.connect({ path, timeoutMs: Math.max(1, remainingMs), ...(signal && { signal }) });
    } catch (error) {
      if (signal?.aborted) throw error;
      if (remainingMs <= 0) {
        throw new XiaError('qemu-failed', `${name}: QEMU did not answer on its monitor within ${timeoutMs} ms`, { path }, { cause: error });
      }
    }
    // Give the exit a turn to be seen: a QEMU that refused its options is gone before it listens.
    await sleep(CONNECT_RETRY_MS);
    if (exit !== undefined) {
      const reason = exit.stderr.trim() || `it ended with ${exit.signal ?? `code ${exit.code}`} and said nothing`;
      throw new XiaError('qemu-failed', `${name}: QEMU did not start: ${reason}`, { ...exit });
    }
  }
}

/** The children to end with this process. One exit handler for all: Node warns of a leak at the eleventh. */
const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/**
 * Spawns a child that dies with us. `setpriv --pdeathsig` asks the kernel for it, which also covers a SIGKILL of ours; without
 * that program only an exit that Node sees is covered.
 */
async function spawnTied(program: string, args: readonly string[]): Promise<ChildProcess> {
  const setpriv = await findProgram('setpriv');
  const child =
    setpriv === undefined
      ? spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      : spawn(setpriv, ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (running.size === 0) process.on('exit', killAll);
  running.add(child);
  return child;
}

function watchExit(child: ChildProcess): Promise<QemuExit> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_LIMIT);
  });
  return new Promise((resolve) => {
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      running.delete(child);
      if (running.size === 0) process.off('exit', killAll);
      resolve({ code, signal, stderr });
    };
    child.on('close', finish);
    child.on('error', (error) => {
      stderr += error.message;
      if (child.pid === undefined) finish(null, null);
    });
  });
}

function interrupted(name: string, signal: AbortSignal): XiaError {
  return new XiaError('interrupted', `${name}: the start of QEMU was given up`, { name }, { cause: signal.reason });
}
