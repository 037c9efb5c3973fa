import { setTimeout as delay } from 'node:timers/promises';
import { XiaError } from 'xia-core';
import type { QmpClient, QmpEvent } from 'xmigrate';

const POLL_MS = 5;

/** What the watch has seen, in ms of the monotonic clock. */
interface Moments {
  migrateAtMs?: number;
  stoppedAtMs?: number;
  resumedAtMs?: number;
}

export interface WatchedTimes {
  /** From the moment that the source's QEMU took the `migrate` command until the guest runs at the destination. */
  readonly totalTimeMs: number;
  /** From the guest's stop at the source until it runs at the destination. */
  readonly pausedMs: number;
}

/** The moments of one move, taken from the events of both monitors: the same clock and the same words for every mode. */
export class MoveWatch {
  readonly #source: QmpClient;
  readonly #destination: QmpClient;
  readonly #moments: Moments = {};
  readonly #onSource = ({ event, data }: QmpEvent) => {
    if (event === 'STOP') this.#moments.stoppedAtMs = performance.now();
    // The first word of a migration, said while the command is carried out.
    if (event === 'MIGRATION' && data['status'] === 'setup') this.#moments.migrateAtMs = performance.now();
  };
  readonly #onDestination = ({ event }: QmpEvent) => {
    if (event === 'RESUME') this.#moments.resumedAtMs ??= performance.now();
  };

  /** The source must have the migration capability `events`. */
  constructor(source: QmpClient, destination: QmpClient) {
    this.#source = source;
    this.#destination = destination;
    source.on('event', this.#onSource);
    destination.on('event', this.#onDestination);
  }

  /** Waits until the guest runs at the destination. @throws XiaError `qmp-error` when it does not, or a moment was not told */
  async times({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<WatchedTimes> {
    const deadline = performance.now() + timeoutMs;
    while (this.#moments.resumedAtMs === undefined) {
      signal.throwIfAborted();
      if (performance.now() > deadline || this.#destination.closed)
        throw new XiaError('qmp-error', 'the guest does not run at the destination');
      await delay(POLL_MS);
    }
    const { migrateAtMs, stoppedAtMs, resumedAtMs } = this.#moments;
    if (migrateAtMs === undefined || stoppedAtMs === undefined)
      throw new XiaError('qmp-error', 'QEMU did not tell when the migration began');
    return { totalTimeMs: resumedAtMs - migrateAtMs, pausedMs: resumedAtMs - stoppedAtMs };
  }

  close(): void {
    this.#source.off('event', this.#onSource);
    this.#destination.off('event', this.#onDestination);
  }
}
