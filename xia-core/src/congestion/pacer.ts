import { initialWindowBytes } from './congestion.js';

/** Timers come this late: what would leave within it may leave at once. */
const RESOLUTION_MS = 1;
/** What was not sent while the window was closed may be made up for, up to this much time. */
const CATCH_UP_MS = 4;
/** What was not sent because the timer was late: a busy machine is often that late. */
const LATE_CATCH_UP_MS = 10;

/**
 * Spreads packets over time: a bucket of bytes that fills at the rate given, up to {@link CATCH_UP_MS} of it; when the sender
 * comes late up to {@link LATE_CATCH_UP_MS} of it, or an initial window (RFC 9002 section 7.7). Made for timers of a
 * millisecond: what is due within that leaves together.
 */
export class Pacer {
  #packetBytes = 1200;
  #creditBytes = 0;
  #updatedMs = -Infinity;
  /** When the packet that waits was to leave; `Infinity` when none does. */
  #dueMs = Infinity;
  #overslept = false;

  /** At least two packets may always leave together. */
  setPacketBytes(packetBytes: number): void {
    this.#packetBytes = packetBytes;
    this.#boundDebt();
  }

  /** At the last {@link nextSendMs} the sender came so late that some of its time is lost: the path could have had more. */
  get overslept(): boolean {
    return this.#overslept;
  }

  /** A packet has left. */
  sent(bytes: number): void {
    this.#creditBytes -= bytes;
    this.#boundDebt();
  }

  /**
   * When the next packet may leave; `now` or earlier means at once.
   * @param rateBytesPerMs `Infinity` for no pacing
   * @param windowBytes a window that fits into the timer's resolution is not paced
   */
  nextSendMs(now: number, rateBytesPerMs: number, windowBytes: number): number {
    this.#overslept = false;
    if (rateBytesPerMs * RESOLUTION_MS >= windowBytes) {
      this.#creditBytes = 0;
      this.#updatedMs = now;
      return now;
    }
    const quantumBytes = Math.max(this.#packetBytes, rateBytesPerMs * RESOLUTION_MS);
    if (now > this.#updatedMs) this.#earn(now, rateBytesPerMs);
    this.#dueMs = Infinity;
    if (this.#creditBytes > 0) return now;
    // Waits for a whole quantum, so that the timer fires once for all of it.
    this.#dueMs = now + (quantumBytes - this.#creditBytes) / rateBytesPerMs;
    return this.#dueMs;
  }

  /** Probes do not wait for the pacer. Many of them, or large ones on a path that then turns out narrow, must not close it for seconds. */
  #boundDebt(): void {
    this.#creditBytes = Math.max(this.#creditBytes, -2 * this.#packetBytes);
  }

  #earn(now: number, rateBytesPerMs: number): void {
    const isLate = now > this.#dueMs;
    const mostBytes = isLate
      ? Math.max(initialWindowBytes(this.#packetBytes), rateBytesPerMs * LATE_CATCH_UP_MS)
      : Math.max(2 * this.#packetBytes, rateBytesPerMs * CATCH_UP_MS);
    const creditBytes = this.#creditBytes + (now - this.#updatedMs) * rateBytesPerMs;
    this.#overslept = isLate && creditBytes > mostBytes;
    this.#creditBytes = Math.min(mostBytes, creditBytes);
    this.#updatedMs = now;
  }

  /** Another path: what was saved up does not count. */
  reset(): void {
    this.#creditBytes = 0;
    this.#updatedMs = -Infinity;
    this.#dueMs = Infinity;
  }
}
