/** Timers come this late: what would leave within it may leave at once. */
const RESOLUTION_MS = 1;
/** What was not sent while the timer was late may be made up for, up to this much time. */
const CATCH_UP_MS = 4;

/**
 * Spreads packets over time: a bucket of bytes that fills at the rate given, up to {@link CATCH_UP_MS} of it. Made for timers
 * of a millisecond: what is due within that leaves together.
 */
export class Pacer {
  #packetBytes = 1200;
  #creditBytes = 0;
  #updatedMs = -Infinity;

  /** At least two packets may always leave together. */
  setPacketBytes(packetBytes: number): void {
    this.#packetBytes = packetBytes;
  }

  /** A packet has left. */
  sent(bytes: number): void {
    this.#creditBytes -= bytes;
  }

  /**
   * When the next packet may leave; `now` or earlier means at once.
   * @param rateBytesPerMs `Infinity` for no pacing
   * @param windowBytes a window that fits into the timer's resolution is not paced
   */
  nextSendMs(now: number, rateBytesPerMs: number, windowBytes: number): number {
    if (rateBytesPerMs * RESOLUTION_MS >= windowBytes) {
      this.#creditBytes = 0;
      this.#updatedMs = now;
      return now;
    }
    const quantumBytes = Math.max(this.#packetBytes, rateBytesPerMs * RESOLUTION_MS);
    const mostBytes = Math.max(2 * this.#packetBytes, rateBytesPerMs * CATCH_UP_MS);
    const earnedBytes = Math.max(0, now - this.#updatedMs) * rateBytesPerMs;
    this.#creditBytes = Math.min(mostBytes, this.#creditBytes + earnedBytes);
    this.#updatedMs = now;
    if (this.#creditBytes > 0) return now;
    // Waits for a whole quantum, so that the timer fires once for all of it.
    return now + (quantumBytes - this.#creditBytes) / rateBytesPerMs;
  }

  /** Another path: what was saved up does not count. */
  reset(): void {
    this.#creditBytes = 0;
    this.#updatedMs = -Infinity;
  }
}
