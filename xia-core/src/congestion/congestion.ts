/**
 * What one acknowledgement says, or one arrival of what was asked for. The same object is used again and again: read it, do
 * not keep it. Times are the caller's `now` in milliseconds.
 */
export interface AckSample {
  readonly now: number;
  /** Newly acknowledged by it. */
  readonly bytes: number;
  /** When the newest of these was sent. */
  readonly newestSentMs: number;
  /** Ever delivered, this included. */
  readonly deliveredBytes: number;
  /** Ever delivered when the newest of these was sent: a round trip has passed since that count. */
  readonly priorDeliveredBytes: number;
  /** Delivery rate over that round trip; 0 when it tells nothing. */
  readonly rateBytesPerMs: number;
  /** The application, and not the path, kept the rate down. */
  readonly rateIsAppLimited: boolean;
  readonly latestRttMs: number;
  readonly smoothedRttMs: number;
  readonly minRttMs: number;
  /** What is in flight after it. */
  readonly inFlightBytes: number;
  /** The window or the pacer, and not the application, held the sender back; otherwise the window says nothing. */
  readonly limited: boolean;
}

/**
 * How many bytes a path bears at once, and how fast they should leave. Implementations decide by what was acknowledged and
 * lost; the sender asks for {@link windowBytes} and {@link paceBytesPerMs} before each packet. "Packets" may as well be
 * ranges that were asked for. Times are the `now` of the caller, in milliseconds.
 */
export interface CongestionController {
  /** Bytes that may be in flight. */
  readonly windowBytes: number;
  /** How fast they should leave, bytes per millisecond; `Infinity` when only the window counts. */
  readonly paceBytesPerMs: number;
  /** Size of the packets that the path carries; windows are counted in these. */
  setPacketBytes(packetBytes: number): void;
  /**
   * A packet is sent.
   * @param inFlightBytes what is in flight with it
   */
  sent(bytes: number, inFlightBytes: number, now: number): void;
  /** Something was acknowledged. Losses that the same acknowledgement revealed are told before. */
  acked(sample: Readonly<AckSample>): void;
  /**
   * Packets were lost.
   * @param bytes all of them together
   * @param newestSentMs when the newest of them was sent
   * @param inFlightBytes what is in flight without them
   */
  lost(bytes: number, newestSentMs: number, inFlightBytes: number, now: number): void;
  /**
   * The path was away: all that was in flight is lost, and nothing came back meanwhile. A full queue goes on delivering.
   * Takes the place of {@link lost}.
   */
  interrupted(bytes: number, newestSentMs: number, inFlightBytes: number, now: number): void;
  /** What was last told lost has arrived after all: all of it, late. */
  spurious(now: number): void;
  /** Nothing came through for so long that the path must be taken as a new one (RFC 9002 section 7.6). */
  collapsed(now: number): void;
  /** The path is another one now (RFC 9000 section 9.4). */
  reset(now: number): void;
}

/** More in flight than this helps nobody; it bounds what is kept for outstanding packets. */
export const MAX_WINDOW_BYTES = 64 * 1024 * 1024;

/** RFC 9002 section 7.2: ten packets, but with large packets not more than 14,720 bytes or two of them. */
export function initialWindowBytes(packetBytes: number): number {
  return Math.min(10 * packetBytes, Math.max(2 * packetBytes, 14_720));
}

export function minimumWindowBytes(packetBytes: number): number {
  return 2 * packetBytes;
}
