import { discardGuest, startHeldGuest, untilLoaded } from './incoming.js';
import type { Monitor } from './monitor.js';

/** A QEMU that was told to hold what comes (`holdIncoming`), as the receiving end of a transfer wants it. */
export class LoadingQemu {
  readonly #monitor: Monitor;
  readonly #runs: () => boolean;
  readonly #gone = new AbortController();

  /** `runs`: whether the guest is to run at the end; one that was paused stays so. */
  constructor(monitor: Monitor, runs: () => boolean) {
    this.#monitor = monitor;
    this.#runs = runs;
    monitor.on('close', () => this.#gone.abort());
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async untilLoaded(signal: AbortSignal): Promise<void> {
    await untilLoaded(this.#monitor, signal);
  }

  async start(): Promise<void> {
    if (this.#runs()) await startHeldGuest(this.#monitor);
  }

  async discard(): Promise<void> {
    await discardGuest(this.#monitor);
  }
}
