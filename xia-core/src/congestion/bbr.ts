import { BbrBounds } from './bbr-bounds.js';
import { BbrModel } from './bbr-model.js';
import { bbrGains, BbrPhase, PlateauDetector } from './bbr-phases.js';
import { initialWindowBytes, MAX_WINDOW_BYTES, minimumWindowBytes, type AckSample, type CongestionController } from './congestion.js';

/** A little slower than the bandwidth, so that a queue that was built by mistake goes. */
const PACE_MARGIN = 0.99;
/** At least so much in flight, so that acknowledgements keep coming; with large packets two of them are enough. */
const LEAST_PACKETS = 4;
const LEAST_BYTES = 65_536;
/** What leaves between two ticks of a timer must not stall the window. */
const QUANTUM_MS = 1;
const QUANTA = 3;
/** Bandwidth is probed for after this time, spread over so much more: a flow that grows until it loses needs as long to come back. */
const PROBE_AFTER_MS = 2000;
const PROBE_SPREAD_MS = 1000;
const UP_GAIN = 1.25;
/** Probing ends when this many rounds have brought no more than this. */
const UP_ROUNDS = 2;
const UP_GROWTH = 1.05;
const PROBE_RTT_MS = 200;

/**
 * Keeps the path full and its queue empty, by a model of bandwidth and round trip, rather than growing until packets are
 * lost: BBR as draft-ietf-ccwg-bbr describes version 3. Losses count when they are more than chance and come with a queue; so
 * links that lose packets by themselves are used in full.
 */
export class Bbr implements CongestionController {
  readonly #model = new BbrModel();
  readonly #bounds = new BbrBounds();
  readonly #plateau = new PlateauDetector();
  #phase: BbrPhase = BbrPhase.STARTUP;
  #packetBytes = 1200;
  #windowBytes = initialWindowBytes(1200);
  #paceBytesPerMs = Infinity;
  /** The path was full once: pace and window follow the model. */
  #wasFull = false;
  #untouched = true;
  /** Rounds when the phase began. */
  #phaseRounds = 0;
  #upRounds = 0;
  #upBandwidth = 0;
  #cycleMs = 0;
  #probeAfterMs = PROBE_AFTER_MS;
  /** A reaction to losses happens once per round. */
  #reactedRound = -1;
  #probeRttEndMs = Infinity;

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get paceBytesPerMs(): number {
    return this.#paceBytesPerMs;
  }

  get phase(): BbrPhase {
    return this.#phase;
  }

  /** Largest bandwidth seen lately, bytes per ms. */
  get bandwidthBytesPerMs(): number {
    return this.#model.bandwidth.value;
  }

  setPacketBytes(packetBytes: number): void {
    this.#packetBytes = packetBytes;
    this.#model.setPacketBytes(packetBytes);
    if (this.#untouched) this.#windowBytes = initialWindowBytes(packetBytes);
    else this.#windowBytes = Math.max(this.#windowBytes, minimumWindowBytes(packetBytes));
  }

  sent(_bytes: number, inFlightBytes: number, _now: number): void {
    this.#model.sent(inFlightBytes);
  }

  acked(sample: Readonly<AckSample>): void {
    this.#untouched = false;
    this.#model.acked(sample);
    this.#advance(sample);
    this.#checkProbeRtt();
    this.#setPace(sample);
    this.#setWindow(sample);
  }

  lost(bytes: number, _newestSentMs: number, inFlightBytes: number, now: number): void {
    const model = this.#model;
    model.lost(bytes);
    if (this.#reactedRound === model.rounds || !model.tooMuchLost) return;
    this.#reactedRound = model.rounds;
    const mostInFlight = Math.max(inFlightBytes + bytes, model.latestInFlight * 0.85);
    if (this.#phase === BbrPhase.STARTUP) {
      this.#wasFull = true;
      this.#bounds.limitUpper(Math.max(model.pathBytes(), inFlightBytes), model.pathBytes());
      this.#enter(BbrPhase.DRAIN);
    } else if (this.#phase === BbrPhase.UP || this.#phase === BbrPhase.REFILL) {
      this.#bounds.limitUpper(mostInFlight, Math.min(model.pathBytes(), this.#windowBytes));
      if (this.#phase === BbrPhase.UP) this.#beginCycle(now);
    } else if (this.#phase !== BbrPhase.PROBE_RTT) {
      const delivered = model.latestBandwidth * Math.max(1, model.rtt.minMs);
      this.#bounds.limitLower(model.latestBandwidth, model.bandwidth.value, delivered, this.#windowBytes);
    }
  }

  interrupted(_bytes: number, _newestSentMs: number, _inFlightBytes: number, now: number): void {
    this.#windowBytes = Math.max(this.#leastBytes, initialWindowBytes(this.#packetBytes));
    this.#model.interrupted(now);
    if (this.#phase === BbrPhase.STARTUP) {
      // The bandwidth of the time before would look like one that has stopped growing.
      this.#model.bandwidth.clear();
      this.#plateau.clear();
      return;
    }
    // The window doubles by round trips up to what the model says.
    this.#cycleMs = now;
    if (this.#phase !== BbrPhase.DRAIN) this.#enter(BbrPhase.CRUISE);
  }

  spurious(_now: number): void {
    this.#model.forgive();
    this.#bounds.undo();
  }

  collapsed(_now: number): void {
    this.#windowBytes = minimumWindowBytes(this.#packetBytes);
  }

  reset(_now: number): void {
    this.#model.clear();
    this.#bounds.clear();
    this.#plateau.clear();
    this.#wasFull = false;
    this.#untouched = true;
    this.#reactedRound = -1;
    this.#windowBytes = initialWindowBytes(this.#packetBytes);
    this.#paceBytesPerMs = Infinity;
    this.#enter(BbrPhase.STARTUP);
  }

  #enter(phase: BbrPhase): void {
    this.#phase = phase;
    this.#phaseRounds = this.#model.rounds;
  }

  /** Goes on to the next phase when it is time. */
  #advance(sample: Readonly<AckSample>): void {
    const model = this.#model;
    const { now, inFlightBytes } = sample;
    switch (this.#phase) {
      case BbrPhase.STARTUP:
        if (!model.roundStarted || sample.rateIsAppLimited || !this.#plateau.add(model.bandwidth.value)) return;
        this.#wasFull = true;
        return this.#enter(BbrPhase.DRAIN);
      case BbrPhase.DRAIN:
        if (inFlightBytes <= model.pathBytes()) this.#beginCycle(now);
        return;
      case BbrPhase.DOWN:
        if (this.#isTimeToProbe(now)) return this.#refill();
        if (inFlightBytes <= Math.min(model.pathBytes(), this.#bounds.mostBytes(false))) this.#enter(BbrPhase.CRUISE);
        return;
      case BbrPhase.CRUISE:
        if (this.#isTimeToProbe(now)) this.#refill();
        return;
      case BbrPhase.REFILL:
        if (!model.roundStarted || model.rounds <= this.#phaseRounds) return;
        this.#upRounds = 0;
        this.#upBandwidth = model.bandwidth.value;
        return this.#enter(BbrPhase.UP);
      case BbrPhase.UP:
        return this.#probeUp(sample);
      case BbrPhase.PROBE_RTT:
        return this.#probeRtt(sample);
    }
  }

  #beginCycle(now: number): void {
    this.#model.bandwidth.advance();
    this.#cycleMs = now;
    // Flows that began together must not probe together. What they carried differs, and so do the times.
    this.#probeAfterMs = PROBE_AFTER_MS + ((this.#model.rounds * 7919 + Math.floor(now * 1000)) % PROBE_SPREAD_MS);
    this.#enter(BbrPhase.DOWN);
  }

  #isTimeToProbe(now: number): boolean {
    return now - this.#cycleMs >= this.#probeAfterMs;
  }

  #refill(): void {
    this.#bounds.releaseLower();
    this.#enter(BbrPhase.REFILL);
  }

  #probeUp({ now, bytes, inFlightBytes, limited }: Readonly<AckSample>): void {
    const model = this.#model;
    if (limited && inFlightBytes + bytes + this.#packetBytes >= this.#bounds.upperBytes) this.#bounds.raiseUpper(bytes, this.#upRounds);
    if (!model.roundStarted) return;
    this.#upRounds++;
    if (model.bandwidth.value > this.#upBandwidth * UP_GROWTH) {
      this.#upBandwidth = model.bandwidth.value;
      this.#upRounds = 0;
      return;
    }
    const isFull = inFlightBytes + bytes >= UP_GAIN * model.pathBytes();
    if (this.#upRounds >= (isFull ? UP_ROUNDS : 2 * UP_ROUNDS)) this.#beginCycle(now);
  }

  #checkProbeRtt(): void {
    if (!this.#model.rttProbeDue || !this.#wasFull || this.#phase === BbrPhase.PROBE_RTT) return;
    this.#probeRttEndMs = Infinity;
    this.#enter(BbrPhase.PROBE_RTT);
  }

  #probeRtt({ now, inFlightBytes }: Readonly<AckSample>): void {
    const model = this.#model;
    if (this.#probeRttEndMs === Infinity) {
      if (inFlightBytes > this.#probeRttBytes) return;
      this.#probeRttEndMs = now + PROBE_RTT_MS;
      this.#phaseRounds = model.rounds + 1;
    }
    if (now < this.#probeRttEndMs || model.rounds <= this.#phaseRounds) return;
    model.rtt.probed(now);
    this.#bounds.releaseLower();
    this.#enter(BbrPhase.CRUISE);
  }

  get #leastBytes(): number {
    const packet = this.#packetBytes;
    return Math.max(2 * packet, Math.min(LEAST_PACKETS * packet, LEAST_BYTES));
  }

  get #probeRttBytes(): number {
    return Math.max(this.#leastBytes, this.#model.pathBytes() * bbrGains[BbrPhase.PROBE_RTT].window);
  }

  #setPace({ smoothedRttMs }: Readonly<AckSample>): void {
    const bandwidth = Math.min(this.#model.bandwidth.value, this.#bounds.lowerBandwidth);
    const gain = bbrGains[this.#phase].pace;
    const rttMs = Math.max(smoothedRttMs, 1);
    if (bandwidth === 0) {
      this.#paceBytesPerMs = (gain * this.#windowBytes) / rttMs;
      return;
    }
    // A packet per round trip goes on any path.
    const pace = Math.max(gain * bandwidth * PACE_MARGIN, this.#packetBytes / rttMs);
    if (this.#wasFull || this.#paceBytesPerMs === Infinity || pace > this.#paceBytesPerMs) this.#paceBytesPerMs = pace;
  }

  #setWindow({ bytes, deliveredBytes }: Readonly<AckSample>): void {
    const model = this.#model;
    const bandwidth = Math.min(model.bandwidth.value, this.#bounds.lowerBandwidth);
    const quantumBytes = Math.max(this.#packetBytes, this.#paceBytesPerMs * QUANTUM_MS);
    const gain = bbrGains[this.#phase].window;
    const wanted = gain * model.pathBytes(bandwidth) + model.extraAckedBytes + QUANTA * quantumBytes;
    let window = this.#windowBytes;
    if (this.#wasFull) window = Math.min(window + bytes, wanted);
    else if (window < wanted || deliveredBytes < 2 * initialWindowBytes(this.#packetBytes)) window += bytes;
    if (this.#phase === BbrPhase.PROBE_RTT) window = Math.min(window, this.#probeRttBytes);
    else window = Math.min(window, this.#bounds.mostBytes(this.#phase === BbrPhase.UP || this.#phase === BbrPhase.REFILL));
    this.#windowBytes = Math.min(MAX_WINDOW_BYTES, Math.max(window, this.#leastBytes));
  }
}
