import { SingleBar } from 'cli-progress';
import type { ParentChannel } from '../channel/index.js';
import { megabytes } from './byte-size.js';
import { EventLog } from './event-log.js';

const PROGRESS_INTERVAL_MS = 250;

interface TransferFigures {
  readonly bytes: number;
  readonly chunks: number;
  readonly windowBytes: number;
}

export interface TransferReportOptions {
  readonly role: 'send' | 'recv';
  readonly vm: string;
  readonly eventsFile: string | undefined;
  readonly json: boolean;
  /** Who has started this program and hears of everything; people hear nothing then. */
  readonly channel?: ParentChannel | undefined;
}

/**
 * What `xmigrate send` and `recv` tell: events for programs, and for people one line that moves on a terminal, or a line
 * for each turn of events elsewhere. All of it on stderr, because stdout is the VM's.
 */
export class TransferReport {
  readonly #events: EventLog;
  readonly #options: TransferReportOptions;
  readonly #bar: SingleBar | undefined;
  #timer: NodeJS.Timeout | undefined;
  #figures: (() => TransferFigures) | undefined;
  #lastBytes = 0;
  #lastAtMs = 0;

  constructor(options: TransferReportOptions) {
    this.#options = options;
    this.#events = new EventLog({ file: options.eventsFile, toStderr: options.json });
    if (this.#isQuiet || !process.stderr.isTTY) return;
    const format = `${options.role} ${options.vm}: {megabytes} MB in {chunks} chunks, {rate} MB/s, {window} MB in flight`;
    this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: null, gracefulExit: false });
  }

  /** Starts telling figures every quarter of a second. */
  follow(figures: () => TransferFigures): void {
    this.#figures = figures;
    this.#bar?.start(1, 0, { megabytes: '0', chunks: 0, rate: '0', window: '0' });
    this.#lastAtMs = this.#events.elapsedMs;
    this.#timer = setInterval(() => this.#progress(), PROGRESS_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Records an event; with `words`, people are told too. */
  event(name: string, fields: Record<string, unknown> = {}, words?: string): void {
    this.#record(name, fields);
    if (words !== undefined && !this.#isQuiet && this.#bar === undefined)
      process.stderr.write(`xmigrate ${this.#options.role}: ${words}\n`);
  }

  /** The last word: figures of the whole transfer, and the end of the moving line. */
  summary(fields: Record<string, unknown>, words: string): void {
    clearInterval(this.#timer);
    if (this.#figures !== undefined) this.#progress();
    this.#bar?.stop();
    const { bytes = 0, chunks = 0 } = this.#figures?.() ?? {};
    const totalTimeMs = this.#events.elapsedMs;
    // ru_maxrss is in kilobytes.
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    const usedSeconds = (userCPUTime + systemCPUTime) / 1e6 - (this.#options.channel?.earlierCpuSeconds ?? 0);
    const [peakRssMb, cpuSeconds] = [Math.round(maxRSS / 1024), Math.round(usedSeconds * 100) / 100];
    this.#record('summary', { bytes, chunks, totalTimeMs, peakRssMb, cpuSeconds, ...fields });
    if (!this.#isQuiet) process.stderr.write(`xmigrate ${this.#options.role}: ${words}\n`);
    this.#events.close();
  }

  get #isQuiet(): boolean {
    return this.#options.json || this.#options.channel !== undefined;
  }

  #record(event: string, fields: Record<string, unknown>): void {
    this.#events.write(event, fields);
    // As it would be read from a file: undefined is absent.
    this.#options.channel?.say({ kind: 'event', event, fields: JSON.parse(JSON.stringify(fields)) as Record<string, unknown> });
  }

  #progress(): void {
    const figures = this.#figures!();
    const nowMs = this.#events.elapsedMs;
    const seconds = Math.max(nowMs - this.#lastAtMs, 1) / 1000;
    const bytesPerSecond = Math.round((figures.bytes - this.#lastBytes) / seconds);
    this.#lastBytes = figures.bytes;
    this.#lastAtMs = nowMs;
    const { bytes, chunks, windowBytes } = figures;
    this.#record('progress', { bytes, chunks, bytesPerSecond, windowBytes });
    this.#bar?.update(1, { megabytes: megabytes(bytes), chunks, rate: megabytes(bytesPerSecond), window: megabytes(windowBytes) });
  }
}
