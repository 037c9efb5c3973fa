import { spawn, type ChildProcess } from 'node:child_process';
import { XiaError } from 'xia-core';

/** A shell command whose stdin and stdout are a stream; its stderr is ours. It and all that it started ends with the stream. */
export class CommandChild implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;

  constructor(command: string, env: Readonly<Record<string, string>>) {
    this.#child = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env }, detached: true });
    // A command may end without having read everything.
    this.#child.stdin?.on('error', () => {});
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => resolve(code)).once('error', () => resolve(null));
    });
  }

  get input() {
    return this.#child.stdin!;
  }

  get output() {
    return this.#child.stdout!;
  }

  /** @throws XiaError `refused` when it failed */
  async untilDone(): Promise<void> {
    const code = await this.#exited;
    if (code !== 0)
      throw new XiaError('refused', `the command ${code === null ? 'was ended by a signal' : `left with code ${code}`}`, { exit: code });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGTERM');
    } catch {
      // It has ended just now.
    }
    await this.#exited;
  }
}
