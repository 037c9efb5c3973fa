import { SingleBar } from 'cli-progress';
import type { Inspection, MoveProgress, MoveResult, MoveStep } from '../run/index.js';
import { megabytes } from './byte-size.js';
import { diskProgressWords } from './disk-words.js';
import { estimateText, findingLines, resultText, stepText } from './run-report.js';

/** Between two lines of a phase that takes long, where there is no terminal. */
const LINE_EVERY_MS = 5000;

/** What a running move tells. */
export interface RunPrinter {
  inspection(inspection: Inspection): void;
  progress(progress: MoveProgress): void;
  step(step: MoveStep): void;
  /** The bar is over; nothing moves on the terminal after it. */
  stop(): void;
  result(result: MoveResult): void;
}

export type OutputStyle = 'json' | 'bar' | 'lines';

/** JSON lines on stdout; or a bar on a terminal, and plain lines elsewhere, on stderr, with the result on stdout. */
export function runPrinter(vm: string, style: OutputStyle): RunPrinter {
  switch (style) {
    case 'json':
      return new JsonPrinter(vm);
    case 'bar':
      return new BarPrinter(vm);
    case 'lines':
      return new LinePrinter(vm);
  }
}

export function writeJson(value: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

class JsonPrinter implements RunPrinter {
  readonly #vm: string;

  constructor(vm: string) {
    this.#vm = vm;
  }

  inspection(inspection: Inspection): void {
    writeJson({ event: 'plan', ...inspection });
  }

  progress(progress: MoveProgress): void {
    writeJson({ event: 'progress', vm: this.#vm, ...progress });
  }

  step(step: MoveStep): void {
    writeJson({ event: 'step', vm: this.#vm, ...step, words: stepText(step) });
  }

  stop(): void {}

  result(result: MoveResult): void {
    writeJson({ event: 'result', ...result });
  }
}

class LinePrinter implements RunPrinter {
  readonly #vm: string;
  #phase = '';
  #saidAtMs = 0;

  constructor(vm: string) {
    this.#vm = vm;
  }

  inspection({ vm, findings }: Inspection): void {
    for (const line of findingLines(vm, findings)) process.stderr.write(`${line}\n`);
  }

  progress(progress: MoveProgress): void {
    const { phase, atMs, qemu } = progress;
    const isNew = phase !== this.#phase;
    const disks = diskProgressWords(progress.disks);
    if (!isNew && ((qemu?.status !== 'active' && disks === '') || atMs - this.#saidAtMs < LINE_EVERY_MS)) return;
    this.#phase = phase;
    this.#saidAtMs = atMs;
    const memory = qemu?.status === 'active' ? [figuresText(progress), estimateText(progress.estimate)] : [];
    this.#line(atMs, isNew ? phase : `${phase}: ${[...memory, disks].filter(Boolean).join(', ')}`);
  }

  step(step: MoveStep): void {
    this.#line(step.atMs, stepText(step));
  }

  stop(): void {}

  result(result: MoveResult): void {
    process.stdout.write(`${resultText(result)}\n`);
  }

  #line(atMs: number, text: string): void {
    process.stderr.write(`${(atMs / 1000).toFixed(3)} s  ${this.#vm}  ${text}\n`);
  }
}

class BarPrinter implements RunPrinter {
  readonly #bar: SingleBar;
  #began = false;

  constructor(vm: string) {
    const format = `${vm} [{bar}] {figures}, {phase}{estimate}`;
    this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: null, gracefulExit: false });
  }

  inspection({ vm, findings }: Inspection): void {
    for (const line of findingLines(vm, findings)) process.stderr.write(`${line}\n`);
  }

  progress(progress: MoveProgress): void {
    const { qemu, phase } = progress;
    if (!this.#began) this.#bar.start(100, 0, { figures: '', phase, estimate: '' });
    this.#began = true;
    // QEMU may send a page again, so what is left says more than what was sent.
    const done = qemu === undefined || qemu.totalBytes === 0 ? 0 : 100 * (1 - qemu.remainingBytes / qemu.totalBytes);
    const estimate = qemu?.status === 'active' ? estimateText(progress.estimate) : '';
    const what = diskProgressWords(progress.disks) || phase;
    this.#bar.update(Math.round(done), { figures: figuresText(progress), phase: what, estimate: estimate === '' ? '' : `, ${estimate}` });
  }

  step(step: MoveStep): void {
    // The bar stays above, as it was, and goes on below.
    process.stderr.write(`\n${stepText(step)}\n`);
  }

  stop(): void {
    if (this.#began) this.#bar.stop();
    this.#began = false;
  }

  result(result: MoveResult): void {
    process.stdout.write(`${resultText(result)}\n`);
  }
}

function figuresText({ bytes, bytesPerSecond, qemu }: MoveProgress): string {
  const left = qemu === undefined ? '' : `, pass ${qemu.pass}, ${megabytes(qemu.remainingBytes)} MB left`;
  return `${megabytes(bytes)} MB, ${megabytes(bytesPerSecond)} MB/s${left}`;
}
