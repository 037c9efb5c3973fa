/** The smallest idle timeout that a peer can ask for, ms. */
const MINIMUM_IDLE_MS = 1000;
/** Keep-alives leave at multiples of this share of their interval: those of all connections that are due by then together. */
const GRID_SHARE = 64;
/** A server waits this share of the interval longer: nearly always its client has said something by then. */
const SERVER_SHARE = 16;

/** When a silent connection has to say something, and when it is over. */
export class IdleClock {
  readonly #keepAliveMs: number;
  readonly #gridMs: number;
  #idleTimeoutMs: number;
  #heardMs: number;

  /** @param keepAliveMs 0 for never */
  constructor(idleTimeoutMs: number, keepAliveMs: number, isServer: boolean, now: number) {
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#gridMs = keepAliveMs / GRID_SHARE;
    this.#keepAliveMs = keepAliveMs === 0 ? Infinity : keepAliveMs + (isServer ? keepAliveMs / SERVER_SHARE : 0);
    this.#heardMs = now;
  }

  /** When the connection is over unless something is heard. */
  get deadlineMs(): number {
    return this.#heardMs + this.#idleTimeoutMs;
  }

  /** The peer said something. */
  heard(now: number): void {
    this.#heardMs = now;
  }

  /** The peer ends the connection after this much silence; the smaller timeout of both ends counts. */
  agree(peerIdleMs: number): void {
    this.#idleTimeoutMs = Math.min(this.#idleTimeoutMs, Math.max(MINIMUM_IDLE_MS, peerIdleMs));
  }

  /**
   * When to say PING, at the latest one 64th of the interval after the interval is over.
   * @param lastElicitingMs when something was last said that the peer must acknowledge
   */
  keepAliveAtMs(lastElicitingMs: number): number {
    const dueMs = Math.max(this.#heardMs, lastElicitingMs) + this.#keepAliveMs;
    return dueMs === Infinity ? Infinity : Math.ceil(dueMs / this.#gridMs) * this.#gridMs;
  }
}
