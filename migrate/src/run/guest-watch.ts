import type { QmpClient, QmpEvent } from '../qemu/index.js';

/**
 * What one QEMU's monitor told about its guest since the watch began. Events leave QEMU in the moment that they name, also
 * while its main loop is busy or just before it dies, so "no RESUME was seen and the monitor is closed" means: never ran.
 */
export class GuestWatch {
  readonly qmp: QmpClient;
  readonly #onEvent = (event: QmpEvent) => this.#event(event);
  #stoppedAtMs: number | undefined;
  #resumedAtMs: number | undefined;
  readonly #onChange: (what: 'STOP' | 'RESUME') => void;

  constructor(qmp: QmpClient, onChange: (what: 'STOP' | 'RESUME') => void) {
    this.qmp = qmp;
    this.#onChange = onChange;
    qmp.on('event', this.#onEvent);
  }

  /** Monotonic time of the last STOP. */
  get stoppedAtMs(): number | undefined {
    return this.#stoppedAtMs;
  }

  /** Monotonic time of the last RESUME. */
  get resumedAtMs(): number | undefined {
    return this.#resumedAtMs;
  }

  close(): void {
    this.qmp.off('event', this.#onEvent);
  }

  #event({ event }: QmpEvent): void {
    if (event === 'STOP') this.#stoppedAtMs = performance.now();
    else if (event === 'RESUME') this.#resumedAtMs = performance.now();
    else return;
    this.#onChange(event);
  }
}
