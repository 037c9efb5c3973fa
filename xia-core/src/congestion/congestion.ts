/**
 * How many bytes a path bears at once. Implementations decide by what was acknowledged and lost; the transmitter asks for
 * {@link windowBytes} before each packet. Times are the `now` of the caller, in milliseconds.
 *
 * A pacer belongs between this and the transmitter: rate = a little over window / smoothed round trip.
 */
export interface CongestionController {
  /** Bytes that may be in flight. */
  readonly windowBytes: number;
  /** Size of the packets that the path carries; windows are counted in these. */
  setPacketBytes(packetBytes: number): void;
  /**
   * A packet was acknowledged.
   * @param sentMs when it was sent
   * @param limited the window, and not the application, held the sender back; otherwise the window says nothing
   */
  acked(bytes: number, sentMs: number, now: number, smoothedRttMs: number, limited: boolean): void;
  /** Packets were lost, the newest of them sent at `sentMs`. */
  lost(sentMs: number, now: number): void;
  /** Nothing came through for so long that the path must be taken as a new one (RFC 9002 section 7.6). */
  collapsed(): void;
  /** The path is another one now (RFC 9000 section 9.4). */
  reset(): void;
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
