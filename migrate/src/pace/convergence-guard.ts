import type { MigrationProgress, QmpClient } from '../qemu/index.js';
import { ConvergencePolicy, type ConvergenceLimits, type PaceStep } from './convergence-policy.js';
import { PaceMeter, type Estimate } from './pace-meter.js';

/** QEMU's own values, given back when the guest stays. */
const QEMU_DEFAULTS = {
  'cpu-throttle-initial': 20,
  'cpu-throttle-increment': 10,
  'max-cpu-throttle': 99,
  'throttle-trigger-threshold': 50,
};
/**
 * With these QEMU's own throttle is armed and takes the least it can, one percent, from the guest. It can only be armed before the
 * first byte. How far it goes can be changed at any time, and where anything at all changes it follows within seconds.
 */
const ARMED = { 'cpu-throttle-initial': 1, 'cpu-throttle-increment': 99, 'max-cpu-throttle': 1, 'throttle-trigger-threshold': 1 };

export interface ConvergenceGuardOptions {
  readonly qmp: QmpClient;
  readonly limits: ConvergenceLimits;
  readonly onStep: (step: PaceStep) => void;
  /** False: watches and estimates, and does nothing. */
  readonly adapts: boolean;
}

/** Watches a running migration, estimates its end, and does what {@link ConvergencePolicy} says at the source's QEMU. */
export class ConvergenceGuard {
  readonly #options: ConvergenceGuardOptions;
  readonly #policy: ConvergencePolicy;
  readonly #meter = new PaceMeter();
  #failures = 0;

  constructor(options: ConvergenceGuardOptions) {
    this.#options = options;
    this.#policy = new ConvergencePolicy(options.limits);
  }

  /** Steps that QEMU did not take. */
  get failures(): number {
    return this.#failures;
  }

  /** Prepares the source; to be called before the migration starts. @throws XiaError `qmp-error` */
  async arm(): Promise<void> {
    if (!this.#options.adapts) return;
    await this.#options.qmp.execute('migrate-set-parameters', ARMED);
    await this.#setThrottle(true);
  }

  /** Gives QEMU its own settings back. One that has gone, or is busy with its last bytes, is left as it is. */
  async disarm(): Promise<void> {
    if (!this.#options.adapts || this.#options.qmp.closed) return;
    try {
      await this.#setThrottle(false);
      await this.#options.qmp.execute('migrate-set-parameters', QEMU_DEFAULTS);
    } catch {
      this.#failures++;
    }
  }

  /** What QEMU said of the migration at a moment of a monotonic clock, ms. */
  handle(atMs: number, { status, pass, remainingBytes, dirtyBytesPerSecond }: MigrationProgress): void {
    if (status !== 'active') return;
    const sample = { atMs, pass, remainingBytes, dirtyBytesPerSecond };
    this.#meter.handle(sample);
    if (!this.#options.adapts) return;
    const step = this.#policy.handle(sample, this.#meter.bytesPerSecond);
    if (step === undefined) return;
    this.#options.onStep(step);
    if (step.kind === 'throttle') this.#set({ 'max-cpu-throttle': step.percent });
    if (step.kind === 'downtime') this.#set({ 'downtime-limit': step.limitMs });
  }

  estimate(atMs: number): Estimate {
    return this.#meter.estimate(atMs, this.#policy.downtimeLimitMs);
  }

  #set(parameters: Readonly<Record<string, number>>): void {
    this.#options.qmp.execute('migrate-set-parameters', parameters).catch(() => void this.#failures++);
  }

  async #setThrottle(state: boolean): Promise<void> {
    await this.#options.qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'auto-converge', state }] });
  }
}
