import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import { peakRssMb, type Testbed } from '../xtestbed/index.js';

const STOP_GRACE_MS = 10_000;
const POLL_MS = 20;
const SETTLE_POLL_MS = 200;

/** A line of a client's `--json` output. */
export type JsonLine = Readonly<Record<string, unknown>> & { readonly type?: string };

/** One of our programs running on a host of the testbed with `--json`; its lines are in a file of the run folder. */
export class Client implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #outputFile: string;
  readonly #errorFile: string;
  #peakRssMb: number | undefined;
  readonly #exited: Promise<number | null>;

  private constructor(name: string, child: ChildProcess, outputFile: string, errorFile: string) {
    this.name = name;
    this.#child = child;
    this.#outputFile = outputFile;
    this.#errorFile = errorFile;
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve(null));
      child.once('exit', (code) => resolve(code));
    });
  }

  /** @param name of the files below `clients/` in the run folder */
  static async start(testbed: Testbed, host: string, name: string, command: string, args: readonly string[]): Promise<Client> {
    const outputFile = join(testbed.runDir, 'clients', `${name}.jsonl`);
    const errorFile = join(testbed.runDir, 'clients', `${name}.err`);
    const output = await open(outputFile, 'w');
    const errors = await open(errorFile, 'w');
    try {
      const child = testbed.exec(host, command, [...args, '--json'], { stdio: ['ignore', output.fd, errors.fd] });
      return new Client(name, child, outputFile, errorFile);
    } finally {
      await output.close();
      await errors.close();
    }
  }

  get peakRssMb(): number | undefined {
    return this.#peakRssMb;
  }

  /** The lines that were written so far. */
  async lines(): Promise<JsonLine[]> {
    const text = await readFile(this.#outputFile, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JsonLine]));
  }

  /**
   * Waits for a line of a type, such as the first answer.
   * @throws XiaError `testbed-failed` with what the client said when it ended before, or `timeout`
   */
  async waitFor(type: string, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<JsonLine> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      const found = (await this.lines()).find((line) => line.type === type);
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new XiaError('testbed-failed', `${this.name} ended: ${(await readFile(this.#errorFile, 'utf8')).trim()}`);
      }
      if (performance.now() > deadline) throw new XiaError('timeout', `${this.name}: no ${type} within ${timeoutMs / 1000} s`);
      await delay(POLL_MS);
    }
  }

  /**
   * Waits until the newest answers came fast: a guest that has just booted compiles its JavaScript first. Gives up silently
   * after `timeoutMs`, since a slow guest can be watched as well.
   */
  async waitUntilFast({
    answers,
    rttMs,
    timeoutMs,
    signal,
  }: {
    answers: number;
    rttMs: number;
    timeoutMs: number;
    signal: AbortSignal;
  }): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      signal.throwIfAborted();
      const newest = (await this.lines()).filter((line) => line.type === 'reply').slice(-answers);
      if (newest.length === answers && newest.every((line) => Number(line['rttMs']) < rttMs)) return true;
      await delay(SETTLE_POLL_MS, undefined, { signal }).catch(() => {});
    }
    return false;
  }

  /** Waits for its own end, and gives the exit code. */
  async ended(): Promise<number | null> {
    return this.#exited;
  }

  /** Ends it as Ctrl-C does, so that it says its summary, and gives all its lines. */
  async stop(): Promise<JsonLine[]> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#peakRssMb = await peakRssMb(this.#child.pid ?? 0);
      this.#child.kill('SIGINT');
      const killer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS);
      await this.#exited;
      clearTimeout(killer);
    }
    return this.lines();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    await Promise.race([once(this.#child, 'exit'), delay(STOP_GRACE_MS, undefined, { ref: false })]);
    this.#child.kill('SIGKILL');
  }
}
