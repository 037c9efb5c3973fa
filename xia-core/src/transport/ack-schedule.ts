/** Every second packet that asks for it is acknowledged at once (RFC 9000 section 13.2.2). */
const PACKETS_PER_ACK = 2;

/**
 * When to acknowledge: after every second packet, at the latest after a delay, and at once when something is missing,
 * so that the sender learns of a loss as early as possible.
 */
export class AckSchedule {
  readonly #maxDelayMs: number;
  #unacknowledged = 0;
  #deadlineMs = Infinity;
  #dueNow = false;
  #largestArrivedMs = 0;

  constructor(maxDelayMs: number) {
    this.#maxDelayMs = maxDelayMs;
  }

  /** When an acknowledgement has to leave; `Infinity` when nothing waits for one. */
  get deadlineMs(): number {
    return this.#dueNow ? -Infinity : this.#deadlineMs;
  }

  /** Something waits to be acknowledged, so a packet that leaves anyway should say it. */
  get pending(): boolean {
    return this.#unacknowledged > 0 || this.#dueNow;
  }

  isDue(now: number): boolean {
    return this.#dueNow || now >= this.#deadlineMs;
  }

  /**
   * A new packet arrived.
   * @param eliciting it holds more than acknowledgements
   * @param inOrder it is the successor of the largest before it
   * @param largest no larger packet number has arrived
   */
  arrived(eliciting: boolean, inOrder: boolean, largest: boolean, now: number): void {
    if (largest) this.#largestArrivedMs = now;
    if (!eliciting) return;
    this.#unacknowledged++;
    if (!inOrder || this.#unacknowledged >= PACKETS_PER_ACK) this.#dueNow = true;
    else if (this.#deadlineMs === Infinity) this.#deadlineMs = now + this.#maxDelayMs;
  }

  /** Acknowledge with the next packet, without waiting for more. */
  hurry(): void {
    this.#dueNow = true;
  }

  /** How long the largest packet has been held back. */
  delayMs(now: number): number {
    return now - this.#largestArrivedMs;
  }

  /** An acknowledgement of everything has left. */
  sent(): void {
    this.#unacknowledged = 0;
    this.#deadlineMs = Infinity;
    this.#dueNow = false;
  }
}
