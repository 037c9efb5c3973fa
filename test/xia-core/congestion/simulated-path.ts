import { SeededRandom } from '../../../xia-core/src/bytes/index.js';
import type { CongestionController } from '../../../xia-core/src/congestion/congestion.js';
import { DeliveryRate, newAckSample, type DeliveryStamp } from '../../../xia-core/src/congestion/delivery-rate.js';
import { Pacer } from '../../../xia-core/src/congestion/pacer.js';

export interface SimulatedPathOptions {
  /** Bytes per ms. */
  readonly rate: number;
  readonly rttMs: number;
  readonly queueBytes: number;
  readonly loss?: number;
  readonly packetBytes?: number;
  readonly seed?: number;
}

interface Packet extends DeliveryStamp {
  readonly ackMs: number;
  readonly lost: boolean;
}

/**
 * A sender with endless data and a bottleneck behind it, without a transport: packets are acknowledged one by one in order,
 * and a loss is known one round trip after it.
 */
export class SimulatedPath {
  now = 0;
  rate: number;
  rttMs: number;
  readonly packetBytes: number;
  delivered = 0;
  sent = 0;
  lost = 0;
  onAck: () => void = () => {};
  readonly #options: SimulatedPathOptions;
  readonly #rng: SeededRandom;
  readonly #pacer = new Pacer();
  readonly #deliveryRate = new DeliveryRate();
  readonly #sample = newAckSample();
  readonly #packets: Packet[] = [];
  #inFlight = 0;
  #freeAtMs = 0;
  #minRttMs = Infinity;

  constructor(options: SimulatedPathOptions) {
    this.#options = options;
    this.rate = options.rate;
    this.rttMs = options.rttMs;
    this.packetBytes = options.packetBytes ?? 1200;
    this.#rng = new SeededRandom(options.seed ?? 1);
    this.#pacer.setPacketBytes(this.packetBytes);
  }

  /** Bytes that wait at the bottleneck. */
  get queued(): number {
    return Math.max(0, this.#freeAtMs - this.now) * this.rate;
  }

  run(controller: CongestionController, ms: number): void {
    if (this.sent === 0) controller.setPacketBytes(this.packetBytes);
    const endMs = this.now + ms;
    for (;;) {
      const sendMs = this.#nextSendMs(controller);
      const ackMs = this.#packets[0]?.ackMs ?? Infinity;
      const next = Math.min(sendMs, ackMs);
      if (next > endMs) break;
      this.now = Math.max(this.now, next);
      if (ackMs <= sendMs) this.#settle(controller);
      else this.#send(controller);
    }
    this.now = endMs;
  }

  #nextSendMs(controller: CongestionController): number {
    if (this.#inFlight > 0 && this.#inFlight + this.packetBytes > controller.windowBytes) return Infinity;
    return this.#pacer.nextSendMs(this.now, controller.paceBytesPerMs, controller.windowBytes);
  }

  #send(controller: CongestionController): void {
    const { now, packetBytes } = this;
    const rate = this.#deliveryRate;
    rate.sending(now, this.#inFlight);
    const stamp = { sentMs: now, deliveredBytes: rate.deliveredBytes, deliveredMs: rate.deliveredMs, firstSentMs: rate.firstSentMs };
    const full = this.queued + packetBytes > this.#options.queueBytes;
    const lost = full || this.#rng.unit() < (this.#options.loss ?? 0);
    if (!full) this.#freeAtMs = Math.max(this.#freeAtMs, now) + packetBytes / this.rate;
    const last = this.#packets.at(-1)?.ackMs ?? 0;
    this.#packets.push({ ...stamp, appLimited: false, lost, ackMs: Math.max(last, Math.max(this.#freeAtMs, now) + this.rttMs) });
    this.#inFlight += packetBytes;
    this.sent += packetBytes;
    this.#pacer.sent(packetBytes);
    controller.sent(packetBytes, this.#inFlight, now);
  }

  #settle(controller: CongestionController): void {
    const { now, packetBytes } = this;
    const packet = this.#packets.shift()!;
    this.#inFlight -= packetBytes;
    if (packet.lost) {
      this.lost += packetBytes;
      controller.lost(packetBytes, packet.sentMs, this.#inFlight, now);
      return;
    }
    this.delivered += packetBytes;
    const rttMs = now - packet.sentMs;
    this.#minRttMs = Math.min(this.#minRttMs, rttMs);
    this.#deliveryRate.acked(packetBytes, packet, now);
    const sample = this.#sample;
    this.#deliveryRate.fill(sample, this.#minRttMs, now);
    Object.assign(sample, { latestRttMs: rttMs, smoothedRttMs: rttMs, minRttMs: this.#minRttMs });
    sample.inFlightBytes = this.#inFlight;
    sample.limited = true;
    controller.acked(sample);
    this.onAck();
  }
}
