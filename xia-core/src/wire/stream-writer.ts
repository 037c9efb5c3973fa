import { writeU16BE, writeU32BE, writeU48BE } from '../bytes/index.js';
import { ACK_DELAY_UNIT_MS, STREAM_GONE_BYTES, STREAM_PARAMETER_BYTES, STREAM_VERSION, StreamFrame, StreamPacketType } from './stream.js';

/** More than all frames of one packet take together, except the bytes of DATA. */
const SCRATCH_BYTES = 2048;

/** What an end tells the other in OPEN and ACCEPT. */
export interface StreamParameters {
  /** SID of this end, 20 bytes. */
  readonly sid: Uint8Array;
  /** How many stream bytes may be sent to this end before it says more. */
  readonly windowBytes: number;
  readonly idleTimeoutMs: number;
  /** Longest that this end holds an acknowledgement back. */
  readonly maxAckDelayMs: number;
  /** What a RETRY asked us to say with OPEN, 20 bytes. */
  readonly token?: Uint8Array | undefined;
}

/**
 * Writes STREAM packets into one scratch buffer: `begin…`, frames, then {@link finish} copies out the head of the packet.
 * A DATA frame comes last: its bytes are not copied here, they follow the head as separate pieces.
 */
export class StreamPacketWriter {
  readonly #bytes = new Uint8Array(SCRATCH_BYTES);
  #at = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  beginData(destinationHigh: number, destinationLow: number, packetNumber: number): void {
    this.#begin(StreamPacketType.DATA, destinationHigh, destinationLow);
    writeU48BE(this.#bytes, 10, packetNumber);
    this.#at = 16;
  }

  beginOpening(destinationHigh: number, destinationLow: number, sourceHigh: number, sourceLow: number, packetNumber: number): void {
    this.#begin(StreamPacketType.OPENING, destinationHigh, destinationLow);
    writeU32BE(this.#bytes, 10, sourceHigh);
    writeU32BE(this.#bytes, 14, sourceLow);
    writeU48BE(this.#bytes, 18, packetNumber);
    this.#at = 24;
  }

  beginGone(unknownHigh: number, unknownLow: number): void {
    this.#begin(StreamPacketType.GONE, unknownHigh, unknownLow);
    this.#at = STREAM_GONE_BYTES;
  }

  ping(): void {
    this.#bytes[this.#at++] = StreamFrame.PING;
  }

  close(): void {
    this.#bytes[this.#at++] = StreamFrame.CLOSE;
  }

  /**
   * Starts an ACK with its newest range; `rangeCount - 1` calls of {@link ackRange} must follow.
   * @param delayMs time since the packet `last` arrived; cut to what the field holds (655 ms)
   */
  ack(delayMs: number, rangeCount: number, first: number, last: number): void {
    const b = this.#bytes;
    const at = this.#at;
    b[at] = StreamFrame.ACK;
    b[at + 1] = rangeCount;
    writeU16BE(b, at + 2, Math.min(0xffff, Math.max(0, Math.round(delayMs / ACK_DELAY_UNIT_MS))));
    writeU48BE(b, at + 4, last);
    writeU32BE(b, at + 10, last - first);
    this.#at = at + 14;
  }

  /** A further range of the ACK, below the one before, whose first packet was `above`. */
  ackRange(above: number, first: number, last: number): void {
    writeU32BE(this.#bytes, this.#at, above - last - 2);
    writeU32BE(this.#bytes, this.#at + 4, last - first);
    this.#at += 8;
  }

  maxData(limit: number): void {
    this.#offset(StreamFrame.MAX_DATA, limit);
  }

  dataBlocked(limit: number): void {
    this.#offset(StreamFrame.DATA_BLOCKED, limit);
  }

  /** OPEN, and TOKEN behind it where there is one. */
  open(parameters: StreamParameters): void {
    this.#parameters(StreamFrame.OPEN, parameters);
    if (parameters.token !== undefined) this.#token(StreamFrame.TOKEN, parameters.token);
  }

  accept(parameters: StreamParameters): void {
    this.#parameters(StreamFrame.ACCEPT, parameters);
  }

  refuse(code: number): void {
    this.#code(StreamFrame.REFUSE, code);
  }

  retry(token: Uint8Array): void {
    this.#token(StreamFrame.RETRY, token);
  }

  reset(code: number): void {
    this.#code(StreamFrame.RESET, code);
  }

  /** A REBIND as {@link encodeRebind} made it. */
  rebind(frame: Uint8Array): void {
    this.#bytes.set(frame, this.#at);
    this.#at += frame.length;
  }

  pathChallenge(token: Uint8Array): void {
    this.#token(StreamFrame.PATH_CHALLENGE, token);
  }

  pathResponse(token: Uint8Array): void {
    this.#token(StreamFrame.PATH_RESPONSE, token);
  }

  /** The last frame of a packet: `length` stream bytes from `offset` on, which the caller sends behind the head. */
  data(offset: number, length: number, fin: boolean): void {
    const b = this.#bytes;
    const at = this.#at;
    b[at] = StreamFrame.DATA;
    b[at + 1] = fin ? 1 : 0;
    writeU16BE(b, at + 2, length);
    writeU48BE(b, at + 4, offset);
    this.#at = at + 10;
  }

  /** The last frame of a packet: `length` bytes that mean nothing, which the caller sends behind the head. */
  padding(length: number): void {
    this.#bytes[this.#at] = StreamFrame.PADDING;
    writeU16BE(this.#bytes, this.#at + 1, length);
    this.#at += 3;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  #begin(type: number, high: number, low: number): void {
    this.#bytes[0] = (STREAM_VERSION << 4) | type;
    this.#bytes[1] = 0;
    writeU32BE(this.#bytes, 2, high);
    writeU32BE(this.#bytes, 6, low);
  }

  #offset(type: number, value: number): void {
    this.#bytes[this.#at] = type;
    writeU48BE(this.#bytes, this.#at + 1, value);
    this.#at += 7;
  }

  #code(type: number, code: number): void {
    this.#bytes[this.#at] = type;
    writeU32BE(this.#bytes, this.#at + 1, code);
    this.#at += 5;
  }

  #token(type: number, token: Uint8Array): void {
    this.#bytes[this.#at] = type;
    this.#bytes.set(token, this.#at + 1);
    this.#at += 1 + token.length;
  }

  #parameters(type: number, parameters: StreamParameters): void {
    const b = this.#bytes;
    const at = this.#at;
    b[at] = type;
    b[at + 1] = STREAM_PARAMETER_BYTES;
    b.set(parameters.sid, at + 2);
    writeU48BE(b, at + 22, parameters.windowBytes);
    writeU32BE(b, at + 28, parameters.idleTimeoutMs);
    writeU16BE(b, at + 32, parameters.maxAckDelayMs);
    this.#at = at + 2 + STREAM_PARAMETER_BYTES;
  }
}
