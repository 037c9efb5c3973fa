/** What a clock drives: a sans-IO machine's deadlines. */
interface TimedMachine {
  nextTimeout(): number;
  handleTimeout(now: number): void;
}

/** Milliseconds of a monotonic clock. */
export function monotonicMs(): number {
  return performance.now();
}

/**
 * Calls a machine when its deadline comes. `rearm` after every input; a deadline that moved back costs nothing, because
 * the timer that is set already fires early and looks again.
 */
export class MachineClock {
  readonly #machine: TimedMachine;
  readonly #afterwards: () => void;
  #timer: NodeJS.Timeout | undefined;
  #firesAt = Infinity;

  /** `afterwards` runs after each timeout that the machine has handled. */
  constructor(machine: TimedMachine, afterwards: () => void) {
    this.#machine = machine;
    this.#afterwards = afterwards;
  }

  rearm(): void {
    const at = this.#machine.nextTimeout();
    if (at === Infinity || this.#firesAt <= at) return;
    clearTimeout(this.#timer);
    this.#firesAt = at;
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, Math.ceil(at - monotonicMs())));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#firesAt = Infinity;
  }

  #fire(): void {
    this.#firesAt = Infinity;
    const now = monotonicMs();
    if (this.#machine.nextTimeout() <= now) {
      this.#machine.handleTimeout(now);
      this.#afterwards();
    }
    this.rearm();
  }
}
