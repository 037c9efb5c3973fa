import type { QmpCallOptions, QmpEvent } from '../qemu/index.js';

/** A conversation with a QEMU, whoever holds its socket: a `QmpClient`, or one that another process lends. */
export interface Monitor {
  /** True once QEMU, or the way to it, is gone. */
  readonly closed: boolean;
  /** As `QmpClient.execute`. */
  execute(command: string, args?: Readonly<Record<string, unknown>>, options?: QmpCallOptions): Promise<unknown>;
  on(event: 'event', listener: (event: QmpEvent) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  off(event: 'event', listener: (event: QmpEvent) => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}
