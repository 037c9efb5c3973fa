import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { XiaError } from 'xia-core';

const STDERR_LIMIT = 4096;
const STOP_TIMEOUT_MS = 2_000;
/** As the ends of the memory's transfer: the VM goes on answering meanwhile. */
const NICE = 5;

const eventSchema = v.looseObject({ event: v.string() });
type Fields = Readonly<Record<string, unknown>>;

/** One end of the tunnel: a process of ours, which ends when our end of its stdin does, however we ended. */
export class TunnelProcess {
  /** Resolves with why it ended when the process is gone. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #seen = new Map<string, Fields>();
  readonly #waiting = new Map<string, (fields: Fields) => void>();
  #isOver = false;
  #stderr = '';
  #reason = '';

  /** @param argv the command and its arguments */
  constructor(argv: readonly string[]) {
    const [program, ...args] = argv;
    // A group of its own: Ctrl-C is for whoever decides what becomes of the VM.
    this.#child = spawn(program ?? '', args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    const { stdin, stdout, stderr, pid } = this.#child;
    if (pid !== undefined) giveWay(pid);
    // A program that has gone reads nothing; its end is told below.
    stdin?.on('error', () => undefined);
    stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr = (this.#stderr + text).slice(-STDERR_LIMIT)));
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#line(line));
    this.ended = new Promise((resolve) => {
      const over = (reason: string) => {
        this.#isOver = true;
        resolve(reason);
      };
      this.#child.on('error', (error) => over(error.message));
      this.#child.on('close', (code, signal) => {
        over(this.#reason || this.#stderr.trim() || `the disk tunnel's process ended with ${signal ?? `code ${code}`}`);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it is over, and not because its work was done. */
  get hasFailed(): boolean {
    return this.#isOver && this.#child.exitCode !== 0;
  }

  /**
   * What the process says under this name, once.
   * @throws XiaError `disk-failed` when it ends before, `timeout`, `interrupted`
   */
  async said(event: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Fields> {
    const known = this.#seen.get(event);
    if (known !== undefined) return known;
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<Fields>((resolve, reject) => {
        this.#waiting.set(event, resolve);
        void this.ended.then((reason) => reject(new XiaError('disk-failed', `the disk tunnel did not open: ${reason}`)));
        timer = setTimeout(() => reject(new XiaError('timeout', `the disk tunnel did not open within ${timeoutMs} ms`)), timeoutMs);
        onAbort = () => reject(new XiaError('interrupted', 'stopped while the disk tunnel opened'));
        signal?.addEventListener('abort', onAbort, { once: true });
        if (signal?.aborted) onAbort();
      });
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      this.#waiting.delete(event);
    }
  }

  /** Gives it a line on its stdin. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Ends it and waits until it is gone. */
  async stop(): Promise<void> {
    if (!this.#isOver) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.ended;
    clearTimeout(timer);
  }

  #line(line: string): void {
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), eventSchema), line);
    if (!parsed.success) return;
    const { event, ...fields } = parsed.output;
    if (event === 'ended' && typeof fields['reason'] === 'string') this.#reason = fields['reason'];
    this.#seen.set(event, fields);
    this.#waiting.get(event)?.(fields);
  }
}

function giveWay(pid: number): void {
  try {
    setPriority(pid, NICE);
  } catch {
    // Not worth a failed migration.
  }
}
