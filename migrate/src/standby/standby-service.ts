import { lstat, mkdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { listenUnix, XiaError } from 'xia-core';
import type { Upward } from '../channel/index.js';
import { WorkerPool, type PoolSize, type WorkerStart } from './worker-pool.js';
import { WorkerProcess, type WorkerSettings } from './worker-process.js';

/** What a standby tells of its workers, for logs. */
export type StandbyEvent =
  | { readonly event: 'ready'; readonly pid: number; readonly cpuSeconds: number; readonly rssMb: number; readonly fault: string }
  | { readonly event: 'taken'; readonly pid: number }
  | { readonly event: 'free'; readonly pid: number; readonly programs: number; readonly rssMb: number }
  | { readonly event: 'left'; readonly pid: number; readonly reason: string }
  | { readonly event: 'busy' };

export interface StandbyOptions extends PoolSize {
  /** Path of the socket. */
  readonly socket: string;
  readonly worker: WorkerSettings;
  readonly onEvent: (event: StandbyEvent) => void;
}

/**
 * Keeps workers for the moves of this host, and hands each connection over to one: what is said on it then is between `xmigrate run`
 * and the worker, and goes on when this process ends.
 */
export class StandbyService {
  readonly #options: StandbyOptions;
  readonly #server: Server;
  readonly #pool: WorkerPool;
  readonly #workers = new Map<number, WorkerProcess>();
  readonly #waiting: Socket[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;

  private constructor(options: StandbyOptions) {
    this.#options = options;
    this.#pool = new WorkerPool(options);
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#serve(socket));
  }

  /**
   * Listens in a folder that this user alone may enter, and starts the workers.
   * @throws XiaError `refused` when others may enter the folder, `address-in-use`, `bad-config`
   */
  static async open(options: StandbyOptions): Promise<StandbyService> {
    await makePrivate(dirname(options.socket));
    const service = new StandbyService(options);
    await listenUnix(service.#server, options.socket);
    service.#staff();
    return service;
  }

  /** Takes nobody any more, tells every program to stop, and waits until all workers have ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) refuse(socket, 'the standby is being stopped');
    await Promise.all([...this.#workers.values()].map(async (worker) => worker.stop()));
  }

  #serve(socket: Socket): void {
    const grant = this.#isClosing ? 'busy' : this.#pool.wanted();
    if (grant === 'busy') {
      const { maximum } = this.#options;
      this.#options.onEvent({ event: 'busy' });
      refuse(socket, `the standby is busy: ${maximum} ${maximum === 1 ? 'program runs' : 'programs run'} already`);
      return;
    }
    if (grant === 'wait') {
      this.#waiting.push(socket);
      for (const worker of this.#workers.values()) worker.hurry();
      this.#staff();
    } else this.#hand(grant, socket);
  }

  #hand(id: number, socket: Socket): void {
    const worker = this.#workers.get(id)!;
    this.#options.onEvent({ event: 'taken', pid: worker.pid });
    worker.hand(socket);
  }

  /** Starts and ends workers as the pool says. */
  #staff(): void {
    if (this.#isClosing) return;
    const now = performance.now();
    for (const start of this.#pool.starts(now)) this.#start(start);
    for (const id of this.#pool.dismissed()) void this.#workers.get(id)?.stop();
    clearTimeout(this.#timer);
    const next = this.#pool.nextStartMs(now);
    if (next !== Infinity) this.#timer = setTimeout(() => this.#staff(), next - now);
  }

  #start({ id, how }: WorkerStart): void {
    const { worker: settings, onEvent } = this.#options;
    let reason = '';
    const placed = (isWanted: boolean) => {
      if (isWanted) this.#hand(id, this.#waiting.shift()!);
      this.#staff();
    };
    const worker = new WorkerProcess(how === 'warm' ? settings : { ...settings, warmUps: [] }, {
      onMessage: ({ kind, ...rest }) => {
        if (kind === 'leaving') {
          ({ reason } = rest as { reason: string });
          this.#pool.left(id, performance.now());
          this.#staff();
          return;
        }
        onEvent({ event: kind, pid: worker.pid, ...rest } as StandbyEvent);
        placed(kind === 'ready' ? this.#pool.ready(id) : this.#pool.free(id));
      },
      onEnd: (end) => {
        this.#workers.delete(id);
        this.#pool.left(id, performance.now());
        onEvent({ event: 'left', pid: worker.pid, reason: reason === '' ? end : reason });
        this.#staff();
      },
    });
    this.#workers.set(id, worker);
  }
}

/** @throws XiaError `refused` */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { mode, uid } = await lstat(folder);
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return;
  throw new XiaError('refused', `${folder}: others may enter this folder; a standby's socket needs one of its own with mode 0700`, {
    folder,
  });
}

function refuse(socket: Socket, reason: string): void {
  socket.on('error', () => undefined);
  socket.end(`${JSON.stringify({ kind: 'unavailable', reason } satisfies Upward)}\n`);
  socket.resume();
}
