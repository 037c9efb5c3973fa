import type { StreamPacketView } from '../wire/stream.js';
import type { RttEstimator } from '../congestion/rtt-estimator.js';

/** RFC 9002 section 6.1.1: a packet is lost when one sent three after it has arrived. */
const PACKET_THRESHOLD = 3;
/** RFC 9002 section 6.1.2: or when it was sent this many round trips before one that has arrived. */
const TIME_THRESHOLD = 9 / 8;
const GRANULARITY_MS = 1;
/** RFC 9002 section 7.6.1: everything lost over this many probe timeouts means that the path is gone. */
const PERSISTENT_TIMEOUTS = 3;
const INITIAL_CAPACITY = 64;
const MAX_BACK_OFF_EXPONENT = 20;

/** Told what became of the packets. */
export interface RecoverySink {
  packetAcked(control: number, dataOffset: number, dataLength: number, bytes: number, sentMs: number): void;
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
 * Packets are kept in a ring by packet number, in flat arrays. Each is looked at once when it is acknowledged or lost; the
 * walk over what is neither ends at the first that is not overdue, because times and numbers ascend together.
 */
export class LossRecovery {
  readonly #rtt: RttEstimator;
  readonly #sink: RecoverySink;
  #maxAckDelayMs: number;
  readonly #timeoutCapMs: number;
  #mask = INITIAL_CAPACITY - 1;
  #sentMs = new Float64Array(INITIAL_CAPACITY);
  #dataOffset = new Float64Array(INITIAL_CAPACITY);
  #dataLength = new Int32Array(INITIAL_CAPACITY);
  /** Size of the packet; 0 when it is not (or no longer) in flight. */
  #bytes = new Int32Array(INITIAL_CAPACITY);
  #control = new Int32Array(INITIAL_CAPACITY);
  /** All packets below are settled. */
  #base = 0;
  #next = 0;
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

  constructor(rtt: RttEstimator, sink: RecoverySink, options: RecoveryOptions) {
    this.#rtt = rtt;
    this.#sink = sink;
    this.#maxAckDelayMs = options.maxAckDelayMs;
    this.#timeoutCapMs = options.timeoutCapMs;
  }

  /** Number of the next packet. */
  get nextPacketNumber(): number {
    return this.#next;
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

  /**
   * Notes a packet and gives it {@link nextPacketNumber}.
   * @param bytes its size; 0 for one that nobody will acknowledge, which takes a number and nothing else
   */
  sent(now: number, bytes: number, control: number, dataOffset: number, dataLength: number): void {
    const number = this.#next++;
    if (bytes === 0) {
      if (this.#packetsInFlight === 0) {
        this.#base = this.#next;
        return;
      }
    } else {
      if (this.#packetsInFlight === 0) this.#timeoutFromMs = now;
      this.#bytesInFlight += bytes;
      this.#packetsInFlight++;
      this.#lastSentMs = now;
    }
    if (this.#next - this.#base > this.#mask) this.#grow();
    const slot = number & this.#mask;
    this.#bytes[slot] = bytes;
    this.#sentMs[slot] = now;
    this.#control[slot] = control;
    this.#dataOffset[slot] = dataOffset;
    this.#dataLength[slot] = dataLength;
  }

  /**
   * Takes the ACK frame that `view` stands at. Call {@link detect} afterwards.
   * @returns how many bytes it newly acknowledged; -1 when it speaks of packets that were never sent
   */
  acknowledged(view: StreamPacketView, now: number): number {
    if (view.ackLargest >= this.#next) return -1;
    let ackedBytes = 0;
    let newest = -1;
    let newestSentMs = 0;
    while (view.nextAckRange()) {
      if (view.rangeLast < this.#base) break;
      for (let number = view.rangeLast; number >= Math.max(view.rangeFirst, this.#base); number--) {
        const slot = number & this.#mask;
        const bytes = this.#bytes[slot]!;
        if (bytes === 0) continue;
        if (number > newest) {
          newest = number;
          newestSentMs = this.#sentMs[slot]!;
        }
        ackedBytes += bytes;
        this.#settle(slot, bytes);
        const sink = this.#sink;
        sink.packetAcked(this.#control[slot]!, this.#dataOffset[slot]!, this.#dataLength[slot]!, bytes, this.#sentMs[slot]!);
      }
    }
    if (view.ackLargest > this.#largestAcked) this.#largestAcked = view.ackLargest;
    if (newest === view.ackLargest) {
      this.#rtt.sample(now - newestSentMs, Math.min(view.ackDelayMs, this.#maxAckDelayMs));
    }
    if (newest >= 0) this.heard();
    return ackedBytes;
  }

  /**
   * Reports packets as lost that are overdue by number or by time.
   * @returns how many; {@link newestLostMs} and {@link persistent} then tell more
   */
  detect(now: number): number {
    this.#lossAtMs = Infinity;
    this.#persistent = false;
    const delayMs = Math.max(TIME_THRESHOLD * Math.max(this.#rtt.latestMs, this.#rtt.smoothedMs), GRANULARITY_MS);
    let lost = 0;
    let runStartMs = Number.NaN;
    for (let number = this.#base; number <= this.#largestAcked; number++) {
      const slot = number & this.#mask;
      const bytes = this.#bytes[slot]!;
      if (bytes === 0) {
        if (number === this.#base) this.#base++;
        continue;
      }
      const sentMs = this.#sentMs[slot]!;
      if (number > this.#largestAcked - PACKET_THRESHOLD && sentMs + delayMs > now) {
        this.#lossAtMs = sentMs + delayMs;
        break;
      }
      lost++;
      if (Number.isNaN(runStartMs)) runStartMs = sentMs;
      this.#newestLostMs = sentMs;
      this.#settle(slot, bytes);
      if (number === this.#base) this.#base++;
      this.#sink.packetLost(this.#control[slot]!, this.#dataOffset[slot]!, this.#dataLength[slot]!, bytes);
    }
    if (this.#packetsInFlight === 0) this.#base = this.#next;
    if (lost > 1 && this.#rtt.measured) {
      this.#persistent = this.#newestLostMs - runStartMs > PERSISTENT_TIMEOUTS * this.baseTimeoutMs;
    }
    return lost;
  }

  /** A probe timeout has passed; the caller sends a probe. */
  timedOut(now: number): void {
    this.#timeouts++;
    this.#timeoutFromMs = now;
  }

  /** Something came from the peer, or we are somewhere else now: the back-off begins anew. */
  heard(): void {
    this.#timeouts = 0;
  }

  /**
   * Hands the oldest packet in flight to `packetLost` of the sink so that its contents go out again, while the packet
   * itself stays in flight: a probe repeats what is most overdue.
   */
  repeatOldest(): void {
    for (let number = this.#base; number < this.#next; number++) {
      const slot = number & this.#mask;
      if (this.#bytes[slot] === 0) continue;
      this.#sink.packetLost(this.#control[slot]!, this.#dataOffset[slot]!, this.#dataLength[slot]!, 0);
      return;
    }
  }

  /** Forgets everything in flight; the connection is over. */
  clear(): void {
    this.#bytes.fill(0);
    this.#base = this.#next;
    this.#bytesInFlight = 0;
    this.#packetsInFlight = 0;
    this.#lossAtMs = Infinity;
  }

  #settle(slot: number, bytes: number): void {
    this.#bytes[slot] = 0;
    this.#bytesInFlight -= bytes;
    this.#packetsInFlight--;
  }

  /** Doubles the ring. Its size is bounded by what the congestion window lets out. */
  #grow(): void {
    const oldMask = this.#mask;
    const capacity = 2 * (oldMask + 1);
    const grown = {
      sentMs: new Float64Array(capacity),
      dataOffset: new Float64Array(capacity),
      dataLength: new Int32Array(capacity),
      bytes: new Int32Array(capacity),
      control: new Int32Array(capacity),
    };
    this.#mask = capacity - 1;
    for (let number = this.#base; number < this.#next - 1; number++) {
      const from = number & oldMask;
      const to = number & this.#mask;
      grown.sentMs[to] = this.#sentMs[from]!;
      grown.dataOffset[to] = this.#dataOffset[from]!;
      grown.dataLength[to] = this.#dataLength[from]!;
      grown.bytes[to] = this.#bytes[from]!;
      grown.control[to] = this.#control[from]!;
    }
    this.#sentMs = grown.sentMs;
    this.#dataOffset = grown.dataOffset;
    this.#dataLength = grown.dataLength;
    this.#bytes = grown.bytes;
    this.#control = grown.control;
  }
}
