import {
  congestionControllers,
  DeliveryRate,
  newAckSample,
  Pacer,
  RttEstimator,
  type CongestionController,
  type CongestionName,
  type DeliveryStamp,
} from '../congestion/index.js';

export interface CongestionOptions {
  /** The congestion controller, by its name; `bbr` by default, since requests are lost by chance as often as by too much traffic. */
  readonly congestion?: CongestionName;
  /** The window never gets larger, bytes; 32 MiB by default. What may queue up in the network at worst. */
  readonly maxWindowBytes?: number;
}

/** Three of the smallest ranges: with less, too little would come behind a lost one to tell of it. */
const MIN_WINDOW_BYTES = 12_288;

/**
 * A queue of this many ms, or of the shortest round trip if that is more, is long enough: a larger window would only make
 * it longer, and everybody who shares the path would wait in it.
 */
const LONGEST_QUEUE_MS = 30;

/** A round trip this much over the shortest one shows a queue. */
const QUEUE_RTT_SHARE = 0.1;
const QUEUE_MS = 1;

/** How long a request may keep the path busy with its answer, where more than one range fits into the window. */
const RANGE_MS = 2;
/** No burst is too long that a connection may begin with, or little more (RFC 6928). */
const MIN_BURST_BYTES = 16_384;

/** A window is spread over so much of a round trip when nothing better is known. */
const SPARSE_PACE_GAIN = 2;

/** What is kept with each range that was asked for. */
export type RequestStamp = DeliveryStamp;

/**
 * How much of a path a fetcher uses: a congestion controller whose packets are ranges that were asked for, and whose
 * acknowledgements are bytes that arrive. What it paces are requests; the answer to each is a burst of the responder.
 */
export class PathCongestion {
  readonly rtt = new RttEstimator();
  readonly #controller: CongestionController;
  readonly #maxWindowBytes: number;
  readonly #rate = new DeliveryRate();
  readonly #pacer = new Pacer();
  readonly #sample = newAckSample();
  #packetBytes = 1200;

  constructor(options: Required<CongestionOptions>) {
    this.#controller = congestionControllers[options.congestion]();
    this.#maxWindowBytes = options.maxWindowBytes;
  }

  /** Bytes that may have been asked for and not arrived. */
  get windowBytes(): number {
    return Math.min(this.#maxWindowBytes, Math.max(MIN_WINDOW_BYTES, Math.floor(this.#controller.windowBytes)));
  }

  /** What may be asked for at once so that its answer is no long burst, bytes; `Infinity` when nothing is paced. */
  get burstBytes(): number {
    return Math.max(MIN_BURST_BYTES, RANGE_MS * this.#paceBytesPerMs);
  }

  /** When the next request may leave; `now` or earlier means at once. */
  nextRequestMs(now: number): number {
    return this.#pacer.nextSendMs(now, this.#paceBytesPerMs, this.windowBytes);
  }

  /**
   * The smallest window fits into a round trip on any path. A fetcher that had nothing to ask for lately has no measure of what the
   * path carries, only a lower bound; it would take longer and longer for the next chunk if that were its pace.
   */
  get #paceBytesPerMs(): number {
    const pace = this.#controller.paceBytesPerMs;
    if (!this.rtt.measured) return pace;
    const leastBytes = this.#rate.appLimited ? SPARSE_PACE_GAIN * this.windowBytes : MIN_WINDOW_BYTES;
    return Math.max(pace, leastBytes / Math.max(1, this.rtt.smoothedMs));
  }

  /** What the path carries in one packet. */
  setPacketBytes(bytes: number): void {
    if (bytes === this.#packetBytes) return;
    this.#packetBytes = bytes;
    this.#controller.setPacketBytes(bytes);
    this.#pacer.setPacketBytes(bytes);
  }

  /** A range is asked for. @param inFlightBytes without it @returns what to keep with it */
  asked(bytes: number, inFlightBytes: number, now: number): RequestStamp {
    this.#rate.sending(now, inFlightBytes);
    this.#controller.sent(bytes, inFlightBytes + bytes, now);
    this.#pacer.sent(bytes);
    const { deliveredBytes, deliveredMs, firstSentMs, appLimited } = this.#rate;
    return { sentMs: now, deliveredBytes, deliveredMs, firstSentMs, appLimited };
  }

  /** There is nothing to ask for although the window has room. */
  noteIdle(inFlightBytes: number): void {
    this.#rate.noteAppLimited(inFlightBytes);
  }

  /**
   * Bytes of a range arrived.
   * @param inFlightBytes without them
   * @param limited window or pacer, and not the want of something to ask for, kept requests back
   */
  arrived(bytes: number, stamp: RequestStamp, inFlightBytes: number, limited: boolean, now: number): void {
    const { rtt } = this;
    const sample = this.#sample;
    this.#rate.acked(bytes, stamp, now);
    this.#rate.fill(sample, rtt.minMs, now);
    sample.latestRttMs = rtt.latestMs;
    sample.smoothedRttMs = rtt.smoothedMs;
    sample.minRttMs = rtt.minMs;
    sample.inFlightBytes = inFlightBytes;
    const isQueueLong = rtt.smoothedMs > rtt.minMs + Math.max(LONGEST_QUEUE_MS, rtt.minMs);
    sample.limited = limited && !isQueueLong && this.#controller.windowBytes < this.#maxWindowBytes;
    this.#controller.acked(sample);
  }

  /**
   * A range was given up that was asked for at `sentAt`.
   * @param answered something of it came. Otherwise one packet, the request, is what got lost, if no queue speaks for more.
   */
  lost(bytes: number, answered: boolean, sentAt: number, inFlightBytes: number, now: number): void {
    const { latestMs, minMs } = this.rtt;
    const isQueued = latestMs > minMs + Math.max(QUEUE_MS, minMs * QUEUE_RTT_SHARE);
    const lostBytes = answered || isQueued ? bytes : Math.min(bytes, this.#packetBytes);
    this.#controller.lost(lostBytes, sentAt, inFlightBytes, now);
  }

  /** What was given up last has arrived after all. */
  spurious(now: number): void {
    this.#controller.spurious(now);
  }

  /** The path is another one now. */
  reset(now: number): void {
    this.#controller.reset(now);
    this.#pacer.reset();
    this.rtt.reset();
  }
}
