import type { Socket } from 'node:net';
import { LineSplitter } from 'xia-core';
import type { ParentLink } from './parent-link.js';

/** Far more than QEMU's longest answer. */
const MAXIMUM_LINE_BYTES = 16 * 1024 ** 2;

/** Messages as lines of JSON over a socket: either end of the way between `xmigrate run` and a program of a standby. */
export class LineLink implements ParentLink {
  readonly #socket: Socket;
  readonly #lines = new LineSplitter(MAXIMUM_LINE_BYTES);
  /** What came while nobody listened. */
  readonly #unheard: unknown[] = [];
  #hear: ((message: unknown) => void) | undefined;
  #gone: (() => void) | undefined;
  #isGone = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    // What went wrong is followed by `close`.
    socket.on('error', () => undefined);
    socket.on('end', () => this.#over());
    socket.on('close', () => this.#over());
  }

  get connected(): boolean {
    return !this.#isGone;
  }

  send(message: unknown): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  listen(hear: (message: unknown) => void, gone: () => void): void {
    this.#hear = hear;
    this.#gone = gone;
    for (const message of this.#unheard.splice(0)) hear(message);
    if (this.#isGone) gone();
  }

  /** The first message, before anybody listens; undefined when the other end goes away, or after so long. */
  async first(timeoutMs: number): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve) => {
        timer = setTimeout(() => resolve(undefined), timeoutMs);
        const hear = (message: unknown) => {
          this.#hear = undefined;
          resolve(message);
        };
        this.listen(hear, () => resolve(undefined));
      });
    } finally {
      clearTimeout(timer);
      this.#hear = undefined;
      this.#gone = undefined;
    }
  }

  /** Ends it; what was said before still arrives. */
  end(): void {
    this.#socket.end();
  }

  #take(bytes: Buffer): void {
    const lines = this.#lines.push(bytes);
    if (lines === 'too-long') {
      this.#socket.destroy();
      return;
    }
    for (const line of lines) {
      const message = parsed(line);
      if (message === undefined) {
        // Neither end says anything else than JSON: whoever does is somebody else.
        this.#socket.destroy();
        return;
      }
      if (this.#hear === undefined) this.#unheard.push(message);
      else this.#hear(message);
    }
  }

  #over(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#gone?.();
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
