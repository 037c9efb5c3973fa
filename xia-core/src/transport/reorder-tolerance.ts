import { PeriodMax } from '../congestion/period-max.js';

/** RFC 9002 section 6.1.1: a packet is lost when one sent three after it has arrived. */
const PACKET_THRESHOLD = 3;
/** Paths that reorder further than this are left to the time threshold. */
const MAX_PACKET_THRESHOLD = 4096;
/** RFC 9002 section 6.1.2: or when it was sent this many round trips before one that has arrived. */
const TIME_THRESHOLD = 9 / 8;
/** A packet that comes late by more than a round trip has been lost, as far as it matters (RFC 8985 section 6.2). */
const MAX_TIME_THRESHOLD = 2;
/** A packet may come a little later than the latest one before. */
const MARGIN = 1 / 16;
const GRANULARITY_MS = 1;
/** What was seen counts for one to two of these. */
const MEMORY_MS = 10_000;

/**
 * How far packets may fall behind others before they count as lost: as RFC 9002 section 6.1 has it, and further after packets
 * came that late, as its section 6.1.1 allows. So a path that reorders is found out in a round trip.
 */
export class ReorderTolerance {
  readonly #distance = new PeriodMax();
  /** Round trips of packets that arrived after later ones. */
  readonly #roundTripMs = new PeriodMax();
  #periodMs = 0;

  /** So many packets later one must have arrived. */
  get packetThreshold(): number {
    const seen = this.#distance.value;
    return Math.min(MAX_PACKET_THRESHOLD, Math.max(PACKET_THRESHOLD, Math.ceil(seen * (1 + MARGIN)) + 1));
  }

  /** So long after it was sent a packet is lost when a later one has arrived. @param rttMs the present round trip */
  delayMs(rttMs: number): number {
    const seenMs = this.#roundTripMs.value * (1 + MARGIN);
    const usualMs = Math.max(TIME_THRESHOLD * rttMs, GRANULARITY_MS);
    return Math.max(usualMs, Math.min(seenMs, MAX_TIME_THRESHOLD * rttMs));
  }

  /** A packet arrived `distance` packets after one that was sent later. */
  late(distance: number, roundTripMs: number, now: number): void {
    this.#pass(now);
    this.#distance.add(distance);
    this.#roundTripMs.add(roundTripMs);
  }

  /** Another path. */
  reset(): void {
    this.#distance.clear();
    this.#roundTripMs.clear();
  }

  #pass(now: number): void {
    if (now < this.#periodMs + MEMORY_MS) return;
    this.#periodMs = now;
    this.#distance.advance();
    this.#roundTripMs.advance();
  }
}
