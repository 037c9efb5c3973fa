import type { PaceSample } from './pace-sample.js';

/** What is to be done so that a migration ends. */
export type PaceStep =
  /** Give the guest's processors this much less time, percent. */
  | { readonly kind: 'throttle'; readonly percent: number }
  /** Let the guest stand still for so long at the end. */
  | { readonly kind: 'downtime'; readonly limitMs: number }
  /** Nothing is left to try: the guest stays where it is. */
  | { readonly kind: 'give-up'; readonly reason: string };

export interface ConvergenceLimits {
  /** For how long the guest may stand still, as QEMU was told. */
  readonly downtimeLimitMs: number;
  /** For how long at most, when nothing else helps. */
  readonly maxDowntimeMs: number;
  /** The steps of the throttle, percent; none: the guest is never slowed down. Default 40, 80, 99. */
  readonly throttleSteps?: readonly number[];
}

const THROTTLE_STEPS = [40, 80, 99];
/** Passes that must not have got on before anything is done, and again after each step. */
const PATIENCE_PASSES = 3;
/** Passes of an idle guest may follow each other within milliseconds and say little. */
const PATIENCE_MS = 500;
/** QEMU looks once a second whether its throttle is to change, and wants to see the same thing twice. */
const SETTLE_MS = 3000;
/** The rest must have become smaller by this much over those passes, or it does not count as getting on. */
const LARGEST_SHARE = 0.7;
/** A throttled guest is to change its memory at this share of the bandwidth. */
const WANTED_SHARE = 0.7;
/** A raised limit has some room: the rest is never the same twice. */
const DOWNTIME_ROOM = 1.25;

interface PassStart {
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * Decides what to do about a guest that changes its memory faster than it is carried. Fed with samples of the running migration; time
 * is that of the samples.
 *
 *     watching --3 passes without getting on--> throttle 40, 80, 99 %, not all of them --the same--> downtime --the same--> give up
 *
 * Wherever the rest would fit into `maxDowntimeMs`, and the first two steps of the throttle did not help, the downtime is raised at
 * once: slowing a guest to a crawl for long is worse than stopping it for a moment longer. Post-copy is never used: it would leave
 * the guest in two halves.
 */
export class ConvergencePolicy {
  readonly #limits: ConvergenceLimits;
  readonly #throttles: number[];
  #throttled = 0;
  #throttle = 0;
  #downtimeMs: number;
  #pass = 0;
  /** What was left when each pass began, since the last step. */
  #starts: PassStart[] = [];
  #bytesPerSecond = 0;
  /** What was changed last shows its effect from here on. */
  #settledAtMs = 0;
  #gaveUp = false;

  constructor(limits: ConvergenceLimits) {
    this.#limits = limits;
    this.#throttles = [...(limits.throttleSteps ?? THROTTLE_STEPS)];
    this.#downtimeMs = limits.downtimeLimitMs;
  }

  /** For how long the guest may stand still now. */
  get downtimeLimitMs(): number {
    return this.#downtimeMs;
  }

  /** @param bytesPerSecond guest memory carried per second lately; 0 while that is unknown */
  handle(sample: PaceSample, bytesPerSecond: number): PaceStep | undefined {
    if (bytesPerSecond > 0) this.#bytesPerSecond = bytesPerSecond;
    if (this.#gaveUp || sample.pass === this.#pass) return undefined;
    this.#pass = sample.pass;
    // The first pass goes through everything whatever the guest does.
    if (sample.pass < 2) return undefined;
    if (sample.atMs < this.#settledAtMs) return undefined;
    this.#starts.push({ atMs: sample.atMs, bytes: sample.remainingBytes });
    if (this.#starts.length > PATIENCE_PASSES + 1) this.#starts.shift();
    if (!this.#isStuck()) return undefined;
    const step = this.#nextStep(sample.dirtyBytesPerSecond);
    this.#starts = [];
    this.#settledAtMs = sample.atMs + SETTLE_MS;
    return step;
  }

  #isStuck(): boolean {
    const [first, last] = [this.#starts[0], this.#starts.at(-1)];
    if (first === undefined || last === undefined || this.#starts.length <= PATIENCE_PASSES) return false;
    return last.atMs - first.atMs >= PATIENCE_MS && last.bytes > first.bytes * LARGEST_SHARE;
  }

  #nextStep(dirtyBytesPerSecond: number): PaceStep {
    const restMs = this.#restMs();
    const wantedMs = Math.ceil(restMs * DOWNTIME_ROOM);
    const fits = wantedMs > this.#downtimeMs && wantedMs <= this.#limits.maxDowntimeMs;
    if (!fits || this.#throttled < 2) {
      const percent = this.#nextThrottle(dirtyBytesPerSecond);
      if (percent !== undefined) {
        this.#throttled++;
        this.#throttle = percent;
        return { kind: 'throttle', percent };
      }
    }
    if (this.#downtimeMs < this.#limits.maxDowntimeMs) {
      this.#downtimeMs = fits ? wantedMs : this.#limits.maxDowntimeMs;
      return { kind: 'downtime', limitMs: this.#downtimeMs };
    }
    this.#gaveUp = true;
    const rest = Number.isFinite(restMs) ? `the rest would take ${Math.round(restMs)} ms` : 'nothing gets through';
    const reason = `the guest changes its memory faster than it is carried: ${rest}, and it may stand still for ${this.#downtimeMs} ms`;
    return { kind: 'give-up', reason };
  }

  /**
   * The first step that leaves the guest less than it takes to converge; the next one at least. What is measured is too low where
   * the guest writes to the same pages again, so more steps may follow.
   */
  #nextThrottle(dirtyBytesPerSecond: number): number | undefined {
    const unthrottled = dirtyBytesPerSecond / (1 - this.#throttle / 100);
    const wanted = unthrottled === 0 ? 0 : 100 * (1 - (WANTED_SHARE * this.#bytesPerSecond) / unthrottled);
    while (this.#throttles.length > 1 && this.#throttles[0]! < wanted) this.#throttles.shift();
    return this.#throttles.shift();
  }

  /** How long the least that was left lately would take. */
  #restMs(): number {
    const least = Math.min(...this.#starts.map(({ bytes }) => bytes));
    return this.#bytesPerSecond === 0 ? Infinity : (1000 * least) / this.#bytesPerSecond;
  }
}
