/** What a driver drives: a state machine with a deadline. Times are monotonic ms. */
export interface Driven {
  /** When `handleTimeout` wants to be called, `Infinity` for never. */
  nextTimeout(): number;
  handleTimeout(now: number): void;
  /** Added to monotonic time it gives wall-clock ms; statements are dated with it. */
  wallOffsetMs: number;
}

/** `setTimeout` takes 31 bits of ms. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/**
 * Gives a sans-IO state machine the machine's clock and wakes it at its deadlines.
 *
 * The timer is only moved when the deadline came nearer. One that moved away is found out when the timer fires, because
 * deadlines move with every packet and `setTimeout` costs more than a look.
 */
export class Driver {
  readonly #driven: Driven;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #armedFor = Infinity;
  #stopped = false;

  constructor(driven: Driven) {
    this.#driven = driven;
    this.#readWallClock();
  }

  /** Monotonic ms, with fractions. */
  now(): number {
    return performance.now();
  }

  /** To be called after every input, so that a nearer deadline is kept. */
  rearm(): void {
    if (this.#stopped) return;
    const next = this.#driven.nextTimeout();
    if (next >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = next;
    const waitMs = next - this.now();
    if (waitMs <= 0) this.#immediate = setImmediate(this.#fire);
    else this.#timer = setTimeout(this.#fire, Math.min(Math.ceil(waitMs), LONGEST_WAIT_MS));
  }

  stop(): void {
    this.#stopped = true;
    this.#disarm();
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#immediate = undefined;
    this.#armedFor = Infinity;
    this.#readWallClock();
    const now = this.now();
    if (this.#driven.nextTimeout() <= now) this.#driven.handleTimeout(now);
    this.rearm();
  };

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
    this.#armedFor = Infinity;
  }

  #readWallClock(): void {
    this.#driven.wallOffsetMs = Date.now() - performance.now();
  }
}
