import { XiaError } from 'xia-core';
import { ConvergenceGuard, type Estimate, type PaceStep } from '../pace/index.js';
import { DEFAULT_DOWNTIME_LIMIT_MS, QmpClient, type MigrationProgress } from '../qemu/index.js';
import type { RunMigrationOptions, RunProgress, RunResult } from './migration-plan.js';
import { runMigration } from './run-migration.js';
import { UpdateWatch, type UpdateTime } from './update-watch.js';

/** A move with everything that an operator can say about it. */
export interface MoveOptions extends RunMigrationOptions {
  /** The whole move may take so long; after that it is given up while the VM is still the source's. Default: as long as it takes. */
  readonly timeoutMs?: number;
  /** Whether something is done about a guest that changes its memory faster than it is carried. */
  readonly adapts: boolean;
  /** For how long the guest may stand still at most, when nothing else helps; default: `downtimeLimitMs`. */
  readonly maxDowntimeMs?: number;
  /** A name of the guest: its record is watched for the update time. */
  readonly name?: string;
  /** Control sockets of further routers, such as the old gateway, whose bindings are watched for the update time. */
  readonly watchedControls?: readonly string[];
}

export interface MoveProgress extends RunProgress {
  readonly estimate: Estimate;
}

/** A step that was taken so that the move ends. */
export type MoveStep = PaceStep & { readonly atMs: number };

export interface MoveResult extends RunResult {
  readonly steps: readonly MoveStep[];
  /** Undefined when nobody could be asked, or the guest did not move. */
  readonly update: UpdateTime | undefined;
}

export interface MoveListener {
  readonly onProgress?: (progress: MoveProgress) => void;
  readonly onStep?: (step: MoveStep) => void;
}

/**
 * `runMigration` within limits: it ends in time, adapts where the guest is too busy, estimates its end, and measures the update time.
 * @throws XiaError what `runMigration` throws; `timeout` also when the time was over before the migration began
 */
export async function guardedMigration(options: MoveOptions, listener: MoveListener = {}): Promise<MoveResult> {
  const limit = new TimeLimit(options);
  const { qmp } = options.source;
  const own = typeof qmp === 'string' ? await QmpClient.connect({ path: qmp, signal: limit.signal }) : undefined;
  const source = own ?? (qmp as QmpClient);
  const watch = await watchUpdate(options);
  try {
    return await new GuardedMove(options, listener, source, watch, limit).run();
  } finally {
    limit.close();
    await Promise.all([watch?.close(), own?.close()]);
  }
}

/** Is aborted by the operator, by the clock, or by whoever gives up; remembers which it was. */
class TimeLimit {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#outer?.reason);

  constructor({ signal, timeoutMs, vm }: MoveOptions) {
    this.#outer = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
    if (timeoutMs === undefined) return;
    const over = () => this.giveUp(new XiaError('timeout', `the move of ${vm} took longer than ${timeoutMs / 1000} s and was given up`));
    this.#timer = setTimeout(over, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why it was given up from inside; undefined when it was not, or by the operator. */
  get cause(): XiaError | undefined {
    const { signal } = this.#controller;
    return signal.aborted && !this.#outer?.aborted && signal.reason instanceof XiaError ? signal.reason : undefined;
  }

  giveUp(reason: XiaError): void {
    this.#controller.abort(reason);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}

/** The measurement is no reason not to move: where it cannot be had there is none. */
async function watchUpdate({
  guest,
  name,
  source,
  destination,
  trust,
  watchedControls = [],
}: MoveOptions): Promise<UpdateWatch | undefined> {
  const controls = [source.control, destination.control, ...watchedControls].filter((path) => path !== undefined);
  const start = (asked: { name: string | undefined; controls: string[] }) =>
    UpdateWatch.start({ guest, host: destination.host, trust, ...asked }).catch(() => undefined);
  return (await start({ name, controls })) ?? (name === undefined ? undefined : start({ name: undefined, controls }));
}

class GuardedMove {
  readonly #options: MoveOptions;
  readonly #listener: MoveListener;
  readonly #source: QmpClient;
  readonly #watch: UpdateWatch | undefined;
  readonly #limit: TimeLimit;
  readonly #steps: MoveStep[] = [];
  readonly #guard: ConvergenceGuard;
  #heard: MigrationProgress | undefined;
  #phase = '';
  #atMs = 0;

  constructor(options: MoveOptions, listener: MoveListener, source: QmpClient, watch: UpdateWatch | undefined, limit: TimeLimit) {
    this.#options = options;
    this.#listener = listener;
    this.#source = source;
    this.#watch = watch;
    this.#limit = limit;
    const { downtimeLimitMs = DEFAULT_DOWNTIME_LIMIT_MS, maxDowntimeMs = downtimeLimitMs } = options;
    const limits = { downtimeLimitMs, maxDowntimeMs: Math.max(downtimeLimitMs, maxDowntimeMs) };
    this.#guard = new ConvergenceGuard({ qmp: source, limits, adapts: options.adapts, onStep: (step) => this.#step(step) });
  }

  async run(): Promise<MoveResult> {
    const { source } = this.#options;
    await this.#guard.arm();
    let result: RunResult;
    try {
      const options = { ...this.#options, source: { ...source, qmp: this.#source }, signal: this.#limit.signal };
      result = await runMigration(options, (progress) => this.#progress(progress));
    } catch (error) {
      throw this.#limit.cause ?? error;
    } finally {
      await this.#guard.disarm();
    }
    if (result.outcome === 'stayed' && this.#limit.cause !== undefined) result = { ...result, reason: this.#limit.cause.message };
    const update = result.outcome === 'moved' && result.runner === 'destination' ? await this.#watch?.result() : undefined;
    return { ...result, steps: this.#steps, update };
  }

  #progress(progress: RunProgress): void {
    this.#atMs = progress.atMs;
    // Told more often than QEMU is asked: an answer counts once.
    if (progress.qemu !== undefined && progress.qemu !== this.#heard) this.#guard.handle(progress.atMs, progress.qemu);
    this.#heard = progress.qemu;
    if (progress.phase !== this.#phase) {
      this.#phase = progress.phase;
      if (progress.phase === 'stopped') this.#watch?.stopped();
      if (progress.phase === 'resumed') this.#watch?.resumed();
    }
    this.#listener.onProgress?.({ ...progress, estimate: this.#guard.estimate(progress.atMs) });
  }

  #step(paceStep: PaceStep): void {
    const step = { ...paceStep, atMs: this.#atMs };
    this.#steps.push(step);
    this.#listener.onStep?.(step);
    if (step.kind === 'give-up') this.#limit.giveUp(new XiaError('limit-reached', step.reason));
  }
}
