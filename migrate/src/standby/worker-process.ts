import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { readWorkerMessage, type WorkerMessage } from './worker-messages.js';
import type { WorkerOptions } from './worker.js';

export interface WorkerSettings extends WorkerOptions {
  /** The command that starts `xmigrate`. */
  readonly xmigrate: readonly string[];
}

interface WorkerListeners {
  readonly onMessage: (message: WorkerMessage) => void;
  /** The process has gone: how, in words. */
  readonly onEnd: (how: string) => void;
}

/** A worker as its standby sees it. It has a session of its own: a Ctrl-C on the terminal reaches the standby only. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor({ xmigrate, warmUps, maxPrograms, maxRssMb }: WorkerSettings, listeners: WorkerListeners) {
    const [file = '', ...words] = xmigrate;
    const figures = ['--warm-ups', warmUps.join(','), '--max-programs', maxPrograms, '--max-memory', maxRssMb].map(String);
    this.#child = spawn(file, [...words, 'standby', '--worker', ...figures], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: true,
      env: withoutDefaults(process.env),
    });
    this.#child.on('message', (value) => {
      const message = readWorkerMessage(value);
      if (message !== undefined) listeners.onMessage(message);
    });
    this.#child.once('exit', (code, signal) =>
      listeners.onEnd(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`),
    );
    this.#child.once('error', ({ message }) => listeners.onEnd(message));
    this.#ended = Promise.race([once(this.#child, 'exit'), once(this.#child, 'error')]);
    this.#ended.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Gives it a connection, which is not this process' any more. */
  hand(socket: Socket): void {
    this.#child.send({ kind: 'connection' }, socket, {}, (error) => {
      if (error !== null) socket.destroy();
    });
  }

  /** Somebody waits: it is to be ready as soon as it can. */
  hurry(): void {
    if (this.#child.connected) this.#child.send({ kind: 'hurry' }, () => undefined);
  }

  /** As a signal to `xmigrate`: a program before its commit aborts, one in it finishes. Resolves when the process has gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    this.#child.kill('SIGTERM');
    await this.#ended.catch(() => undefined);
  }
}

/** What a program is to do is what `xmigrate run` says: no option of it comes from whoever started the standby. */
function withoutDefaults(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const defaults = new Set(['XIA_HOST', 'XIA_KEY', 'XIA_TRUST', 'XMIGRATE_STATE']);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !defaults.has(name)));
}
