import type { AckSample } from './congestion.js';
import { MinRttFilter } from './min-rtt-filter.js';
import { PeriodMax } from './period-max.js';

/** A loop of the event loop takes about as long: no path answers sooner, whatever a lucky sample says. */
const SHORTEST_RTT_MS = 2;
/** Losses above this share mean that the path is too full, if a queue shows as well; without one they need more. */
const LOSS_SHARE = 0.02;
const LOSS_SHARE_WITHOUT_QUEUE = 0.2;
/** By chance a round may lose so many standard deviations more than its share. */
const LOSS_DEVIATIONS = 2;
/** A round trip this much over the shortest one shows a queue. */
const QUEUE_RTT_SHARE = 0.1;
const QUEUE_MS = 1;
/** What a burst of acknowledgements adds is remembered for this many rounds, in two periods. */
const AGGREGATION_ROUNDS = 5;

/** What BBR knows of a path: bandwidth, shortest round trip, how acknowledgements bunch, what the present round lost. */
export class BbrModel {
  readonly rtt = new MinRttFilter();
  /** Bandwidth over the last two cycles of probing, bytes per ms. */
  readonly bandwidth = new PeriodMax();
  readonly #extraAcked = new PeriodMax();
  #packetBytes = 1200;
  /** The last sample began a round trip. */
  roundStarted = false;
  rounds = 0;
  /** It is time to look for the shortest round trip. */
  rttProbeDue = false;
  #roundEndBytes = 0;
  #roundBandwidth = 0;
  #roundDelivered = 0;
  #roundLost = 0;
  #roundShortestRttMs = Infinity;
  #roundMostInFlight = 0;
  /** Of the round that has ended, or the present one where that has more. */
  latestBandwidth = 0;
  latestInFlight = 0;
  #lastRoundRttMs = Infinity;
  #aggregateSinceMs = 0;
  #aggregateBytes = 0;

  get extraAckedBytes(): number {
    return this.#extraAcked.value;
  }

  /** Bytes that fill the path at a bandwidth without a queue; 0 while unknown. */
  pathBytes(bandwidth = this.bandwidth.value): number {
    return this.rtt.minMs === Infinity ? 0 : bandwidth * Math.max(this.rtt.minMs, SHORTEST_RTT_MS);
  }

  setPacketBytes(packetBytes: number): void {
    this.#packetBytes = packetBytes;
  }

  sent(inFlightBytes: number): void {
    if (inFlightBytes > this.#roundMostInFlight) this.#roundMostInFlight = inFlightBytes;
  }

  acked(sample: Readonly<AckSample>): void {
    this.#countRound(sample);
    this.#roundDelivered += sample.bytes;
    const rate = sample.rateBytesPerMs;
    if (rate > this.#roundBandwidth) this.#roundBandwidth = rate;
    this.latestBandwidth = Math.max(this.latestBandwidth, this.#roundBandwidth);
    if (rate > 0 && (!sample.rateIsAppLimited || rate >= this.bandwidth.value)) this.bandwidth.add(rate);
    if (sample.latestRttMs < this.#roundShortestRttMs) this.#roundShortestRttMs = sample.latestRttMs;
    this.rttProbeDue = this.rtt.add(sample.latestRttMs, sample.now);
    this.#aggregate(sample);
  }

  lost(bytes: number): void {
    this.#roundLost += bytes;
  }

  /** The path was away. It is empty now, so the round trips of now are the shortest, and nothing needs to be done for that. */
  interrupted(now: number): void {
    this.forgive();
    this.rtt.probed(now);
  }

  /** What was taken for lost was not. */
  forgive(): void {
    this.#roundLost = 0;
  }

  /** The present round lost so much that the path must be too full. */
  get tooMuchLost(): boolean {
    if (this.#roundLost === 0) return false;
    const share = this.hasQueue ? LOSS_SHARE : LOSS_SHARE_WITHOUT_QUEUE;
    const packets = Math.max(this.#roundDelivered + this.#roundLost, this.latestInFlight) / this.#packetBytes;
    const usual = packets * share;
    return this.#roundLost / this.#packetBytes > 1 + usual + LOSS_DEVIATIONS * Math.sqrt(usual);
  }

  /** Even the shortest round trip of the last round shows that packets waited. */
  get hasQueue(): boolean {
    const { minMs } = this.rtt;
    const shortestMs = Math.min(this.#lastRoundRttMs, this.#roundShortestRttMs);
    return shortestMs !== Infinity && shortestMs > minMs + Math.max(QUEUE_MS, minMs * QUEUE_RTT_SHARE);
  }

  clear(): void {
    this.rtt.clear();
    this.bandwidth.clear();
    this.#extraAcked.clear();
    this.#endRound();
    this.latestBandwidth = 0;
    this.latestInFlight = 0;
    this.#lastRoundRttMs = Infinity;
    this.#aggregateBytes = 0;
  }

  #countRound(sample: Readonly<AckSample>): void {
    this.roundStarted = sample.priorDeliveredBytes >= this.#roundEndBytes;
    if (!this.roundStarted) return;
    this.#roundEndBytes = sample.deliveredBytes;
    this.rounds++;
    this.latestBandwidth = this.#roundBandwidth;
    this.latestInFlight = this.#roundMostInFlight;
    this.#lastRoundRttMs = this.#roundShortestRttMs;
    this.#endRound();
    this.#roundMostInFlight = sample.inFlightBytes;
    if (this.rounds % AGGREGATION_ROUNDS === 0) this.#extraAcked.advance();
  }

  #endRound(): void {
    this.#roundBandwidth = 0;
    this.#roundDelivered = 0;
    this.#roundLost = 0;
    this.#roundShortestRttMs = Infinity;
  }

  /** How much more was acknowledged at once than the bandwidth explains (draft-ietf-ccwg-bbr section 5.5.9). */
  #aggregate({ now, bytes }: Readonly<AckSample>): void {
    let expectedBytes = this.bandwidth.value * (now - this.#aggregateSinceMs);
    if (this.#aggregateBytes <= expectedBytes) {
      this.#aggregateBytes = 0;
      this.#aggregateSinceMs = now;
      expectedBytes = 0;
    }
    this.#aggregateBytes += bytes;
    this.#extraAcked.add(this.#aggregateBytes - expectedBytes);
  }
}
