import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

type End = 'send' | 'recv';
type Fields = Readonly<Record<string, unknown>>;

const PIECE_BYTES = 64 * 1024;

/** Reads what the programs of a move write into their event files, while they do. */
export class EventFiles {
  readonly #folder: string;
  readonly #files = new Map<End, number>();
  readonly #rests = new Map<End, string>();
  readonly #said = new Map<string, Fields>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The last event of this name. */
  said(end: End, event: string): Fields | undefined {
    this.#read(end);
    return this.#said.get(`${end} ${event}`);
  }

  #read(end: End): void {
    const file = this.#files.get(end) ?? this.#open(end);
    if (file === undefined) return;
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    let text = this.#rests.get(end) ?? '';
    for (let count = readSync(file, piece); count > 0; count = readSync(file, piece)) text += piece.toString('latin1', 0, count);
    const lines = text.split('\n');
    this.#rests.set(end, lines.pop() ?? '');
    for (const line of lines) {
      const { event, ...fields } = JSON.parse(line) as { event: string };
      this.#said.set(`${end} ${event}`, fields);
    }
  }

  #open(end: End): number | undefined {
    let names: string[] = [];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return undefined;
    }
    const name = names.find((one) => one.includes(`.${end}.`) && one.endsWith('.jsonl'));
    if (name === undefined) return undefined;
    const file = openSync(join(this.#folder, name), 'r');
    this.#files.set(end, file);
    return file;
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }
}
