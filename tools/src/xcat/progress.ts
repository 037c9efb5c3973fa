import { SingleBar } from 'cli-progress';

const REDRAW_MS = 200;
/** Over how long a rate is averaged. */
const RATE_WINDOW_MS = 3000;

/** The rate of the last few seconds, and the time that the rest takes at it. */
export class TransferRate {
  readonly #samples: Array<{ readonly atMs: number; readonly bytes: number }> = [];

  /** @param bytes so far */
  add(bytes: number, nowMs: number): void {
    this.#samples.push({ atMs: nowMs, bytes });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= nowMs - RATE_WINDOW_MS) this.#samples.shift();
  }

  /** 0 until there are two moments to compare. */
  get bytesPerSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000;
  }

  /** Undefined while nothing moves. */
  secondsFor(bytes: number): number | undefined {
    const rate = this.bytesPerSecond;
    return rate === 0 ? undefined : bytes / rate;
  }
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Such as `12.3 MB`, in powers of 1000. */
export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value.toFixed(unit === 0 || value >= 99.95 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Such as `1:02:03` or `0:07`. */
export function durationText(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '-:--';
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A line on a terminal that tells how far a transfer is; `bytes` is asked for it a few times a second. */
export class ProgressLine implements Disposable {
  readonly #bytes: () => number;
  readonly #rate = new TransferRate();
  readonly #timer: NodeJS.Timeout;
  readonly #totalBytes: number | undefined;
  readonly #bar: SingleBar;

  /** @param totalBytes undefined when nobody knows */
  constructor(label: string, totalBytes: number | undefined, bytes: () => number) {
    this.#bytes = bytes;
    this.#totalBytes = totalBytes;
    const known = totalBytes === undefined ? '' : ` [{bar}] {percentage}%`;
    const rest = totalBytes === undefined ? '' : ', {left} left';
    const format = `${label.replaceAll('{', '(').replaceAll('}', ')')}${known} {size}, {rate}/s${rest}`;
    this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: null, gracefulExit: false, clearOnComplete: false });
    this.#bar.start(Math.max(1, totalBytes ?? 1), 0, { size: sizeText(0), rate: sizeText(0), left: durationText(undefined) });
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#draw();
    this.#bar.stop();
  }

  #draw(): void {
    const bytes = this.#bytes();
    this.#rate.add(bytes, performance.now());
    const total = this.#totalBytes;
    this.#bar.update(total === undefined ? 0 : total === 0 ? 1 : bytes, {
      size: sizeText(bytes),
      rate: sizeText(this.#rate.bytesPerSecond),
      left: durationText(total === undefined ? undefined : this.#rate.secondsFor(total - bytes)),
    });
  }
}
