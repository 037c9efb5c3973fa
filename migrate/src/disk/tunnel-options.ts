import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Option, type Command } from 'commander';
import { addAttachOptions, XiaError, type AttachOptions } from 'xia-core';

/** What both ends of the tunnel take. */
export interface TunnelCommandOptions extends AttachOptions {
  readonly socket: string;
  readonly untilStdinEnds?: true;
}

/** Connections at a time: one for each disk, and some to spare. */
export const MAX_CONNECTIONS = 64;

export function addTunnelOptions(command: Command, socket: string): Command {
  addAttachOptions(command, { json: false });
  return command
    .requiredOption('--socket <path>', socket)
    .addOption(new Option('--until-stdin-ends', 'end when stdin does, which it does when whoever started this has gone'));
}

/** What happens, as JSON lines on stdout. */
export function say(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ event, time: new Date().toISOString(), ...fields })}\n`);
}

/** The lines of stdin that say what was not known at the start, and the signal that is aborted when it ends. */
export class StdinWords {
  readonly #lines: string[] = [];
  readonly #ended = new AbortController();
  readonly #input = createInterface({ input: process.stdin });
  #onLine: (() => void) | undefined;

  constructor() {
    this.#input.on('line', (line) => {
      this.#lines.push(line.trim());
      this.#onLine?.();
    });
    this.#input.on('close', () => this.#ended.abort(new XiaError('interrupted', 'stdin has ended')));
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** An option's value, or the next line when it is `-`. @throws XiaError `usage` when there is no line */
  async valueOf(option: string, signal: AbortSignal): Promise<string> {
    if (option !== '-') return option;
    if (this.#lines.length === 0 && !this.#ended.signal.aborted) {
      const line = new Promise<void>((resolve) => (this.#onLine = resolve));
      const given = signal.aborted ? Promise.resolve() : once(signal, 'abort');
      await Promise.race([line, given, once(this.#ended.signal, 'abort')]);
    }
    const line = this.#lines.shift();
    if (line === undefined) throw new XiaError('usage', 'stdin ended before it said what "-" stands for');
    return line;
  }

  /** The process can end. */
  close(): void {
    this.#input.close();
    process.stdin.destroy();
  }
}

/** Counts connections; resolves when the last one of at least one has ended. */
export class Connections {
  readonly over: Promise<void>;
  #open = 0;
  #tellOver!: () => void;

  constructor() {
    this.over = new Promise((resolve) => (this.#tellOver = resolve));
  }

  /** Follows a connection to its end, and tells of it. */
  async follow(work: Promise<void>, fields: Readonly<Record<string, unknown>>): Promise<void> {
    this.#open++;
    let fault: unknown;
    try {
      await work;
    } catch (error) {
      fault = error;
    }
    say('closed', { ...fields, ...(fault === undefined ? {} : { reason: (fault as Error).message }) });
    if (--this.#open === 0) this.#tellOver();
  }
}
