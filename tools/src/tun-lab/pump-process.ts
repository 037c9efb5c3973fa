import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { XiaError } from 'xia-core';
import type { PumpAnswer, PumpReport, PumpRequest } from './pump-messages.js';

interface Waiting {
  readonly resolve: (report: PumpReport | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** The process that carries packets. */
export class PumpProcess {
  readonly #child: ChildProcess;
  /** In the order of the requests, in which they are answered. */
  readonly #waiting: Waiting[] = [];
  #ended: XiaError | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    let said = '';
    child.stderr?.on('data', (piece: Buffer) => (said += piece.toString()));
    child.on('message', (answer: PumpAnswer) => {
      const waiting = this.#waiting.shift();
      if (answer.ok) waiting?.resolve(answer.report);
      else waiting?.reject(new XiaError(answer.code, answer.message));
    });
    child.once('close', (code) => {
      this.#ended = new XiaError('testbed-failed', `the process that emulates the link ended with exit code ${code}: ${said.trim()}`);
      for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
    });
  }

  /** @param namespaces what it removes when this process is killed */
  static async start(namespaces: readonly string[]): Promise<PumpProcess> {
    const file = fileURLToPath(new URL('../../dist/tun-lab/pump.js', import.meta.url));
    const child = fork(file, namespaces, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true });
    const pump = new PumpProcess(child);
    await once(child, 'spawn');
    return pump;
  }

  /** @throws XiaError `testbed-failed`, `missing-prerequisite` */
  readonly ask = async (request: PumpRequest): Promise<PumpReport | undefined> => {
    if (this.#ended !== undefined) throw this.#ended;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.send(request);
    });
  };

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
