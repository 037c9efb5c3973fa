import { SingleBar } from 'cli-progress';
import type { RunProgress } from 'xmigrate';
import { resultRows, type Report } from '../report/index.js';

const LINE_INTERVAL_MS = 1000;

function figures({ bytes, chunks, bytesPerSecond, qemu }: RunProgress): {
  mb: string;
  chunks: number;
  rate: string;
  pass: string;
  left: string;
} {
  return {
    mb: (bytes / 1e6).toFixed(0),
    chunks,
    rate: (bytesPerSecond / 1e6).toFixed(0),
    pass: String(qemu?.pass ?? 0),
    left: ((qemu?.remainingBytes ?? 0) / 1e6).toFixed(0),
  };
}

/** A bar on a terminal, a line a second elsewhere. */
export class MigrationBar {
  readonly #bar: SingleBar | undefined;
  #lastLineMs = -Infinity;

  constructor(title: string) {
    if (!process.stdout.isTTY) return;
    this.#bar = new SingleBar({
      format: `     ${title} [{bar}] {mb} MB in {chunks} chunks, {rate} MB/s, pass {pass}, {left} MB left`,
      hideCursor: null,
      gracefulExit: false,
      stream: process.stdout,
    });
    this.#bar.start(1000, 0, { mb: '0', chunks: 0, rate: '0', pass: '0', left: '?' });
  }

  update(progress: RunProgress): void {
    const shown = figures(progress);
    const { transferredBytes = 0, remainingBytes = 1 } = progress.qemu ?? {};
    const done = transferredBytes / Math.max(1, transferredBytes + remainingBytes);
    if (this.#bar !== undefined) {
      this.#bar.update(Math.round(done * 1000), shown);
      return;
    }
    if (progress.atMs - this.#lastLineMs < LINE_INTERVAL_MS) return;
    this.#lastLineMs = progress.atMs;
    process.stdout.write(
      `     ${progress.phase}: ${shown.mb} MB in ${shown.chunks} chunks, ${shown.rate} MB/s, pass ${shown.pass}, ${shown.left} MB left\n`,
    );
  }

  stop(): void {
    this.#bar?.stop();
  }
}

/** Says what is done and how long it took. */
export class Steps {
  readonly #quiet: boolean;
  readonly #startedAtMs = performance.now();

  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  note(text: string): void {
    if (this.#quiet) return;
    const seconds = ((performance.now() - this.#startedAtMs) / 1000).toFixed(1);
    process.stdout.write(`${seconds.padStart(5)} s  ${text}\n`);
  }
}

/** The table at the end. */
export function resultTable(report: Report): string {
  const rows = resultRows(report);
  const width = Math.max(...rows.map(([name]) => name.length));
  const checks = report.checks.map(
    ({ name, ok, detail }) => `  ${ok ? 'ok  ' : 'FAIL'}  ${name}${ok || detail === undefined ? '' : `: ${detail}`}`,
  );
  return `\n${rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n')}\n\n${checks.join('\n')}\n\n`;
}
