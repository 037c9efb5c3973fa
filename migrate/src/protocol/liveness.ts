/** When to say that we are alive, and when the other end has been silent for too long. */
export interface LivenessOptions {
  /** An ALIVE goes out after this long without any other message. */
  readonly keepAliveMs: number;
  /**
   * The peer counts as lost after this long without a byte from it. An outage of 10 s shall pass unnoticed, and the stream below
   * may take as long again until it tries at a moment when the path is back.
   */
  readonly idleTimeoutMs: number;
}

/** So many words in a row are not lost by chance. */
const MISSED_WORDS = 3;

export const defaultLiveness: LivenessOptions = { keepAliveMs: 2_000, idleTimeoutMs: 30_000 };

/**
 * What is said of an end that counts as lost.
 * @param nearer what is known to be missing on this side: then nothing is known of the other one
 */
export function unreached(end: 'source' | 'destination', silentMs: number, nearer?: string): string {
  return nearer ?? `the ${end} could not be reached for ${Math.round(silentMs / 1000)} s`;
}

/** Times in milliseconds of the caller's clock. Silent (no deadline) until `start` and after `stop`. */
export class Liveness {
  readonly #options: LivenessOptions;
  #running = false;
  #sentAt = 0;
  #heardAt = 0;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  start(now: number): void {
    this.#running = true;
    this.#sentAt = now;
    this.#heardAt = now;
  }

  stop(): void {
    this.#running = false;
  }

  sent(now: number): void {
    this.#sentAt = now;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** When a byte came last, or the stream was opened. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** For how long the peer has missed its word that it is there, ms; 0 while it has not. */
  silentMs(now: number): number {
    const silentMs = now - this.#heardAt;
    return this.#running && silentMs > MISSED_WORDS * this.#options.keepAliveMs ? silentMs : 0;
  }

  nextTimeout(): number {
    if (!this.#running) return Infinity;
    return Math.min(this.#sentAt + this.#options.keepAliveMs, this.#heardAt + this.#options.idleTimeoutMs);
  }

  due(now: number): 'lost' | 'say-alive' | undefined {
    if (!this.#running) return undefined;
    if (now >= this.#heardAt + this.#options.idleTimeoutMs) return 'lost';
    return now >= this.#sentAt + this.#options.keepAliveMs ? 'say-alive' : undefined;
  }
}
