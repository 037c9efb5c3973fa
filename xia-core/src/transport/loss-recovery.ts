import type { StreamPacketView } from '../wire/stream.js';
import type { AckSample } from '../congestion/congestion.js';
import { DeliveryRate, newAckSample } from '../congestion/delivery-rate.js';
import type { RttEstimator } from '../congestion/rtt-estimator.js';
import { LostPackets, type LostPacket } from './lost-packets.js';
import { ReorderTolerance } from './reorder-tolerance.js';
import { SentPackets } from './sent-packets.js';

/** RFC 9002 section 7.6.1: everything lost over this many probe timeouts means that the path is gone. */
const PERSISTENT_TIMEOUTS = 3;
const MAX_BACK_OFF_EXPONENT = 20;
/** A packet that comes this many probe timeouts after it was taken for lost has no effect. */
const REMEMBERED_TIMEOUTS = 2;

/** Marks a probe of the path's MTU among what a packet carries; its loss says nothing about congestion (RFC 8899 section 3). */
export const MTU_PROBE = 0x1000_0000;

/** Told what became of the packets. */
export interface RecoverySink {
  packetAcked(control: number, dataOffset: number, dataLength: number, sentMs: number, bytes: number): void;
  packetLost(control: number, dataOffset: number, dataLength: number, bytes: number): void;
}

export interface RecoveryOptions {
  /** Longest time the peer holds an acknowledgement back. */
  readonly maxAckDelayMs: number;
  /** A probe timeout never backs off beyond this, or two round trips where they take longer. */
  readonly timeoutCapMs: number;
}

/**
 * The packets in flight and what becomes of them: RFC 9002, with the back-off of the probe timeout capped so that a
 * stream goes on within a fraction of a second after its peer comes back, however long that was away.
 *
 * Each packet is looked at once when it is acknowledged or lost; the walk over what is neither ends at the first that is not
 * overdue, because times and numbers ascend together.
 */
export class LossRecovery {
  readonly #rtt: RttEstimator;
  readonly #sink: RecoverySink;
  #maxAckDelayMs: number;
  readonly #timeoutCapMs: number;
  readonly #packets = new SentPackets();
  readonly #rate = new DeliveryRate();
  readonly #sample = newAckSample();
  readonly #tolerance = new ReorderTolerance();
  readonly #lostPackets = new LostPackets();
  /** Losses that congestion control was told of since then, and that have not turned out to be delays. */
  #episodeMs = -Infinity;
  #episodeLosses = 0;
  #spurious = false;
  #bytesInFlight = 0;
  #packetsInFlight = 0;
  #largestAcked = -1;
  #lastSentMs = -Infinity;
  #lossAtMs = Infinity;
  #timeouts = 0;
  /** Probe timeouts count from here, if later than the last packet. */
  #timeoutFromMs = -Infinity;
  #newestLostMs = -Infinity;
  #persistent = false;
  /** In flight at the first probe timeout since something was acknowledged; 0 without one. */
  #silentBytes = 0;
  /** The same of the silence that the last acknowledgement ended. */
  #silencedBytes = 0;
  #interrupted = false;

  constructor(rtt: RttEstimator, sink: RecoverySink, options: RecoveryOptions) {
    this.#rtt = rtt;
    this.#sink = sink;
    this.#maxAckDelayMs = options.maxAckDelayMs;
    this.#timeoutCapMs = options.timeoutCapMs;
  }

  /** Number of the next packet. */
  get nextPacketNumber(): number {
    return this.#packets.next;
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  get packetsInFlight(): number {
    return this.#packetsInFlight;
  }

  /** Probe timeouts since something was last heard. */
  get timeouts(): number {
    return this.#timeouts;
  }

  /** When the newest packet that {@link detect} found lost was sent. */
  get newestLostMs(): number {
    return this.#newestLostMs;
  }

  /** So much was lost on end, by the last {@link detect}, that the path must be gone. */
  get persistent(): boolean {
    return this.#persistent;
  }

  /** Most of what was in flight when a silence began was lost, by the last {@link detect}: the path was away. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** The last {@link acknowledged} showed that nothing was lost of what congestion control reacted to last. */
  get spurious(): boolean {
    return this.#spurious;
  }

  /** When the next packet counts as lost by time; `Infinity` when none is suspected. */
  get lossAtMs(): number {
    return this.#lossAtMs;
  }

  /** One probe timeout without back-off (RFC 9002 section 6.2.1), ms. */
  get baseTimeoutMs(): number {
    return this.#rtt.timeoutMs() + this.#maxAckDelayMs;
  }

  /** When to probe because nothing is heard; `Infinity` when nothing is in flight, or a loss is due first. */
  get probeAtMs(): number {
    if (this.#packetsInFlight === 0 || this.#lossAtMs !== Infinity) return Infinity;
    const backedOff = this.baseTimeoutMs * 2 ** Math.min(this.#timeouts, MAX_BACK_OFF_EXPONENT);
    // A burst of delay raises the deviation for long; it must not raise the cap, except on a path that is that slow.
    const capMs = Math.max(this.#timeoutCapMs, 2 * this.#rtt.smoothedMs + this.#maxAckDelayMs);
    return Math.max(this.#lastSentMs, this.#timeoutFromMs) + Math.min(backedOff, capMs);
  }

  /** What the peer said it would hold acknowledgements back at most. */
  setMaxAckDelay(maxAckDelayMs: number): void {
    this.#maxAckDelayMs = maxAckDelayMs;
  }

  /** The window has room, and there is nothing to send, or the sender came too late to send it. */
  noteSenderLimited(): void {
    this.#rate.noteAppLimited(this.#bytesInFlight);
  }

  /**
   * Notes a packet and gives it {@link nextPacketNumber}.
   * @param bytes its size; 0 for one that nobody will acknowledge, which takes a number and nothing else
   */
  sent(now: number, bytes: number, control: number, dataOffset: number, dataLength: number): void {
    if (bytes === 0 && this.#packetsInFlight === 0) {
      this.#packets.skip();
      return;
    }
    if (bytes > 0) {
      this.#rate.sending(now, this.#bytesInFlight);
      if (this.#packetsInFlight === 0) this.#timeoutFromMs = now;
      this.#bytesInFlight += bytes;
      this.#packetsInFlight++;
      this.#lastSentMs = now;
    }
    this.#packets.add(now, bytes, control, dataOffset, dataLength, this.#rate);
  }

  /**
   * Takes the ACK frame that `view` stands at. Call {@link detect} afterwards, and {@link sample} after that.
   * @returns how many bytes it newly acknowledged; -1 when it speaks of packets that were never sent
   */
  acknowledged(view: StreamPacketView, now: number): number {
    const packets = this.#packets;
    if (view.ackLargest >= packets.next) return -1;
    this.#spurious = false;
    let ackedBytes = 0;
    let newest = -1;
    let newestSentMs = 0;
    while (view.nextAckRange()) {
      if (this.#lostPackets.count > 0) this.#recall(view.rangeFirst, view.rangeLast, now);
      else if (view.rangeLast < packets.base) break;
      for (let number = view.rangeLast; number >= Math.max(view.rangeFirst, packets.base); number--) {
        const packet = packets.select(number);
        const { bytes, sentMs } = packet;
        if (bytes <= 0) continue;
        if (number > newest) {
          newest = number;
          newestSentMs = sentMs;
        }
        if (number < this.#largestAcked) this.#tolerance.late(this.#largestAcked - number, now - sentMs, now);
        ackedBytes += bytes;
        this.#settle(packet, true);
        this.#rate.acked(bytes, packet, now);
        this.#sink.packetAcked(packet.control, packet.dataOffset, packet.dataLength, sentMs, bytes);
      }
    }
    if (view.ackLargest > this.#largestAcked) this.#largestAcked = view.ackLargest;
    if (newest === view.ackLargest) {
      this.#rtt.sample(now - newestSentMs, Math.min(view.ackDelayMs, this.#maxAckDelayMs));
    }
    if (newest >= 0) {
      this.heard();
      this.#silencedBytes = this.#silentBytes;
      this.#silentBytes = 0;
    }
    return ackedBytes;
  }

  /** What the last ACK says to congestion control. @param limited window or pacer held the sender back */
  sample(limited: boolean, now: number): AckSample {
    const sample = this.#sample;
    this.#rate.fill(sample, this.#rtt.minMs, now);
    sample.latestRttMs = this.#rtt.latestMs;
    sample.smoothedRttMs = this.#rtt.smoothedMs;
    sample.minRttMs = this.#rtt.minMs;
    sample.inFlightBytes = this.#bytesInFlight;
    sample.limited = limited;
    return sample;
  }

  /**
   * Reports packets as lost that are overdue by number or by time.
   * @returns how many bytes, without those of MTU probes; {@link newestLostMs} and {@link persistent} then tell more
   */
  detect(now: number): number {
    this.#lossAtMs = Infinity;
    this.#persistent = false;
    const packets = this.#packets;
    const { packetThreshold } = this.#tolerance;
    const delayMs = this.#tolerance.delayMs(Math.max(this.#rtt.latestMs, this.#rtt.smoothedMs));
    let lostBytes = 0;
    let runStartMs = Number.NaN;
    for (let number = packets.base; number <= this.#largestAcked; number++) {
      const packet = packets.select(number);
      const { bytes, sentMs } = packet;
      if (bytes < 0) runStartMs = Number.NaN;
      if (bytes <= 0) continue;
      if (number > this.#largestAcked - packetThreshold && sentMs + delayMs > now) {
        this.#lossAtMs = sentMs + delayMs;
        break;
      }
      if ((packet.control & MTU_PROBE) === 0) {
        lostBytes += bytes;
        if (Number.isNaN(runStartMs)) runStartMs = sentMs;
        this.#newestLostMs = sentMs;
        if (this.#rtt.measured && sentMs - runStartMs > PERSISTENT_TIMEOUTS * this.baseTimeoutMs) this.#persistent = true;
        this.#noteLost(number, now);
      }
      this.#settle(packet, false);
      this.#sink.packetLost(packet.control, packet.dataOffset, packet.dataLength, bytes);
    }
    packets.trim();
    this.#interrupted = this.#persistent || (this.#silencedBytes > 0 && 2 * lostBytes > this.#silencedBytes);
    return lostBytes;
  }

  /** A probe timeout has passed; the caller sends a probe. */
  timedOut(now: number): void {
    this.#timeouts++;
    if (this.#silentBytes === 0) this.#silentBytes = this.#bytesInFlight;
    this.#timeoutFromMs = now;
  }

  /** Something came from the peer, or we are somewhere else now: the back-off begins anew. */
  heard(): void {
    this.#timeouts = 0;
  }

  /**
   * Hands the oldest packets in flight to `packetLost` of the sink so that their contents go out again, while the packets
   * themselves stay in flight: a probe repeats what is most overdue.
   */
  repeatOldest(count: number): void {
    const packets = this.#packets;
    for (let number = packets.base, left = count; number < packets.next && left > 0; number++) {
      const packet = packets.select(number);
      if (packet.bytes <= 0 || (packet.control & MTU_PROBE) !== 0) continue;
      this.#sink.packetLost(packet.control, packet.dataOffset, packet.dataLength, 0);
      left--;
    }
  }

  /** The path is another one: how it reorders was the old one's. */
  pathChanged(): void {
    this.#tolerance.reset();
    this.#silentBytes = 0;
    this.#lostPackets.clear();
    this.#episodeLosses = 0;
  }

  /** Forgets everything in flight; the connection is over. */
  clear(): void {
    this.#packets.clear();
    this.#bytesInFlight = 0;
    this.#packetsInFlight = 0;
    this.#silentBytes = 0;
    this.#lossAtMs = Infinity;
    this.#lostPackets.clear();
  }

  /** Remembers the selected packet, in case that it is only late. */
  #noteLost(number: number, now: number): void {
    const { bytes, control, dataLength, dataOffset, sentMs } = this.#packets;
    this.#lostPackets.add({ number, bytes, control, dataLength, dataOffset, sentMs, lostMs: now });
    if (sentMs > this.#episodeMs) {
      this.#episodeMs = now;
      this.#episodeLosses = 0;
    }
    this.#episodeLosses++;
  }

  /** Looks for packets that were taken for lost among those that an ACK lists. */
  #recall(first: number, last: number, now: number): void {
    this.#lostPackets.forget(now - REMEMBERED_TIMEOUTS * this.baseTimeoutMs);
    this.#lostPackets.take(first, last, (packet) => this.#wasLate(packet, now));
  }

  #wasLate({ number, bytes, control, dataOffset, dataLength, sentMs, lostMs }: LostPacket, now: number): void {
    this.#tolerance.late(Math.max(0, this.#largestAcked - number), now - sentMs, now);
    this.#rate.late(bytes);
    this.#sink.packetAcked(control, dataOffset, dataLength, sentMs, bytes);
    if (lostMs < this.#episodeMs || this.#episodeLosses === 0) return;
    this.#episodeLosses--;
    if (this.#episodeLosses === 0) this.#spurious = true;
  }

  #settle(packet: SentPackets, acked: boolean): void {
    this.#bytesInFlight -= packet.bytes;
    this.#packetsInFlight--;
    packet.settle(acked);
  }
}
