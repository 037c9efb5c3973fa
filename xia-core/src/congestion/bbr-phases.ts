/** What BBR is doing (draft-ietf-ccwg-bbr section 5.3); `down` to `up` are one cycle of probing for bandwidth. */
export const BbrPhase = {
  STARTUP: 'startup',
  DRAIN: 'drain',
  DOWN: 'down',
  CRUISE: 'cruise',
  REFILL: 'refill',
  UP: 'up',
  PROBE_RTT: 'probe-rtt',
} as const;
export type BbrPhase = (typeof BbrPhase)[keyof typeof BbrPhase];

/** How much faster than the bandwidth packets leave, and how many times what fills the path may be in flight. */
export const bbrGains: Readonly<Record<BbrPhase, { readonly pace: number; readonly window: number }>> = {
  startup: { pace: 2.77, window: 2 },
  drain: { pace: 0.5, window: 2 },
  down: { pace: 0.9, window: 2 },
  cruise: { pace: 1, window: 2 },
  refill: { pace: 1, window: 2 },
  up: { pace: 1.25, window: 2.25 },
  'probe-rtt': { pace: 1, window: 0.5 },
};

/** Startup ends when the bandwidth did not grow by this factor in so many rounds: the path is full. */
const GROWTH = 1.25;
const ROUNDS_WITHOUT_GROWTH = 3;

/** Notices that more in flight brings no more bandwidth. */
export class PlateauDetector {
  #bandwidth = 0;
  #rounds = 0;

  /** Takes the bandwidth at the end of a round. Returns whether it has stopped growing. */
  add(bandwidth: number): boolean {
    if (bandwidth >= this.#bandwidth * GROWTH) {
      this.#bandwidth = bandwidth;
      this.#rounds = 0;
      return false;
    }
    return ++this.#rounds >= ROUNDS_WITHOUT_GROWTH;
  }

  clear(): void {
    this.#bandwidth = 0;
    this.#rounds = 0;
  }
}
