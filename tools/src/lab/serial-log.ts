import { open, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { XiaError } from 'xia-core';

const POLL_MS = 10;
const LAST_LINES = 15;

/** One JSON line of the guest's console. */
export interface GuestEvent extends Readonly<Record<string, unknown>> {
  readonly guest: string;
}

function parseEvent(line: string): GuestEvent | undefined {
  const start = line.indexOf('{"guest":');
  if (start < 0) return undefined;
  try {
    return JSON.parse(line.slice(start)) as GuestEvent;
  } catch {
    return undefined;
  }
}

/** Follows the serial console that a QEMU writes to a file. */
export class SerialLog {
  readonly #file: string;
  readonly #events: GuestEvent[] = [];
  #offset = 0;
  #rest = '';

  constructor(file: string) {
    this.#file = file;
  }

  /** What the guest has reported so far. */
  async events(): Promise<readonly GuestEvent[]> {
    const handle = await open(this.#file).catch(() => undefined);
    if (handle === undefined) return this.#events;
    try {
      const { size } = await handle.stat();
      if (size > this.#offset) {
        const piece = Buffer.alloc(size - this.#offset);
        await handle.read(piece, 0, piece.length, this.#offset);
        this.#offset = size;
        const lines = (this.#rest + piece.toString('utf8')).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) {
          const event = parseEvent(line);
          if (event !== undefined) this.#events.push(event);
        }
      }
    } finally {
      await handle.close();
    }
    return this.#events;
  }

  /**
   * The first event with that name.
   * @throws XiaError `guest-failed` with the end of the console when the guest says that it failed, or `timeout`
   */
  async waitFor(name: string, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<GuestEvent> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      const events = await this.events();
      const found = events.find(({ guest }) => guest === name);
      if (found !== undefined) return found;
      const failed = events.find(({ guest }) => guest === 'failed');
      if (failed !== undefined) throw new XiaError('guest-failed', `the guest failed: ${String(failed['error'])}`);
      if (performance.now() > deadline) {
        throw new XiaError(
          'timeout',
          `the guest did not say "${name}" within ${timeoutMs / 1000} s; its console ends with\n${await this.#tail()}`,
        );
      }
      await delay(POLL_MS);
    }
  }

  async #tail(): Promise<string> {
    const text = await readFile(this.#file, 'utf8').catch(() => '(no console)');
    return text.trim().split('\n').slice(-LAST_LINES).join('\n');
  }
}
