import { readU16BE, readU32BE, readU48BE } from '../bytes/index.js';

/**
 * STREAM (XIP next header 62): the packet and frame formats, and the view that reads them.
 * The layout with byte tables and vectors is in `docs/stream.md`; the writer is `stream-writer.ts`.
 */

/** High nibble of the first byte. */
export const STREAM_VERSION = 1;

/** Low nibble of the first byte. */
export const StreamPacketType = {
  /** An established connection: destination id, packet number, frames. */
  DATA: 0,
  /** While connecting: carries the source connection id too. */
  OPENING: 1,
  /** "The connection id that you sent to means nothing here." Only the header, echoing that id. */
  GONE: 2,
} as const;

/** First byte of every frame. */
export const StreamFrame = {
  PING: 1,
  ACK: 2,
  DATA: 3,
  MAX_DATA: 4,
  DATA_BLOCKED: 5,
  OPEN: 6,
  ACCEPT: 7,
  REFUSE: 8,
  RESET: 9,
  CLOSE: 10,
  REBIND: 11,
  PATH_CHALLENGE: 12,
  PATH_RESPONSE: 13,
  RETRY: 14,
  TOKEN: 15,
  PADDING: 16,
} as const;

/** Why a connection ended, or why it never began; the code of RESET and REFUSE. Applications use 256 and above. */
export const StreamCode = {
  /** Both directions ended in order. */
  OK: 0,
  /** Nobody listens at that SID. */
  REFUSED: 1,
  /** The peer holds as many connections as it may. */
  BUSY: 2,
  /** The peer fell silent for longer than the idle timeout. */
  TIMEOUT: 3,
  /** No answer to OPEN in time. */
  OPEN_TIMEOUT: 4,
  /** The peer broke the protocol. */
  PROTOCOL: 5,
  /** The peer no longer knows the connection (it restarted, or gave it up). */
  GONE: 6,
  /** Given up without a more special reason. */
  ABORTED: 7,
  /** The peer sent more than it had credit for. */
  FLOW_CONTROL: 8,
} as const;

export const STREAM_DATA_HEADER_BYTES = 16;
export const STREAM_OPENING_HEADER_BYTES = 24;
export const STREAM_GONE_BYTES = 10;
/** Type, flags, length, offset of a DATA frame, before its bytes. */
export const STREAM_DATA_FRAME_BYTES = 10;
/** Type and length of a PADDING frame, before its bytes. */
export const STREAM_PADDING_FRAME_BYTES = 3;
/** Parameters of OPEN and ACCEPT: SID, window, idle timeout, ack delay. */
export const STREAM_PARAMETER_BYTES = 32;
export const STREAM_CHALLENGE_BYTES = 8;
/** What RETRY hands out and TOKEN brings back. Only who made it knows what is in it. */
export const STREAM_RETRY_TOKEN_BYTES = 20;
/** Type, sequence, node count, public key, signature of a REBIND frame, before the address. */
export const STREAM_REBIND_FRAME_BYTES = 104;
/** More acknowledged ranges than this are not sent and not accepted. */
export const MAX_ACK_RANGES = 32;
/** An address in a REBIND has at most this many nodes. */
export const MAX_REBIND_NODES = 16;
/** Unit of the delay field of an ACK: 10 microseconds. */
export const ACK_DELAY_UNIT_MS = 0.01;

const NODE_BYTES = 28;
const U48_LIMIT = 2 ** 48;

/** What is wrong with a packet; it is dropped as a whole. */
export type StreamFault = 'short' | 'version' | 'type' | 'flags' | 'empty' | 'frame-type' | 'frame-length' | 'frame-value';

const EMPTY = new Uint8Array(0);

/**
 * A STREAM packet over borrowed bytes. {@link reset} checks the whole packet once; then {@link nextFrame} steps through the
 * frames and cannot fail. One view is used for many packets, so nothing is allocated per packet.
 */
export class StreamPacketView {
  bytes: Uint8Array = EMPTY;
  type = 0;
  /** Connection ids are 64 bit, held as two unsigned 32-bit halves. */
  destinationIdHigh = 0;
  destinationIdLow = 0;
  sourceIdHigh = 0;
  sourceIdLow = 0;
  packetNumber = 0;

  /** Type of the present frame, a value of {@link StreamFrame}. */
  frame = 0;
  /** DATA: stream offset of the first byte. */
  dataOffset = 0;
  /** DATA: where the bytes are in {@link bytes}, and how many; PADDING: how many. */
  dataStart = 0;
  dataLength = 0;
  /** DATA: the stream ends after these bytes. */
  fin = false;
  /** MAX_DATA, DATA_BLOCKED: stream offset. */
  limit = 0;
  /** RESET, REFUSE: reason. */
  code = 0;
  /** ACK: largest packet number, time the receiver held it back, and how many ranges follow by {@link nextAckRange}. */
  ackLargest = 0;
  ackDelayMs = 0;
  ackRangeCount = 0;
  /** ACK: the present range, first and last packet number, both included. */
  rangeFirst = 0;
  rangeLast = 0;
  /** OPEN, ACCEPT: where the sender's SID (20 bytes) is in {@link bytes}; its receive window, idle timeout, longest ack delay. */
  sidStart = 0;
  windowBytes = 0;
  idleTimeoutMs = 0;
  maxAckDelayMs = 0;
  /** REBIND: sequence, address nodes, and where key, signature and address are in {@link bytes}. */
  sequence = 0;
  nodeCount = 0;
  keyStart = 0;
  signatureStart = 0;
  addressStart = 0;
  /** PATH_CHALLENGE, PATH_RESPONSE, RETRY, TOKEN: where their 8 or 20 bytes are in {@link bytes}. */
  tokenStart = 0;

  #framesStart = 0;
  #at = 0;
  #rangeAt = 0;
  #rangesLeft = 0;

  /** An OPENING packet of an end that has no id for the connection, because it keeps nothing of it: REFUSE or RETRY. */
  get hasNoSender(): boolean {
    return this.type === StreamPacketType.OPENING && this.sourceIdHigh === 0 && this.sourceIdLow === 0;
  }

  /** Takes a packet and checks all of it. After a fault the fields mean nothing. */
  reset(bytes: Uint8Array): StreamFault | undefined {
    this.bytes = bytes;
    this.packetNumber = 0;
    this.sourceIdHigh = 0;
    this.sourceIdLow = 0;
    if (bytes.length < STREAM_GONE_BYTES) return 'short';
    const first = bytes[0]!;
    if (first >> 4 !== STREAM_VERSION) return 'version';
    if (bytes[1] !== 0) return 'flags';
    this.type = first & 15;
    this.destinationIdHigh = readU32BE(bytes, 2);
    this.destinationIdLow = readU32BE(bytes, 6);
    switch (this.type) {
      case StreamPacketType.DATA:
        if (bytes.length < STREAM_DATA_HEADER_BYTES) return 'short';
        this.packetNumber = readU48BE(bytes, 10);
        this.#framesStart = STREAM_DATA_HEADER_BYTES;
        break;
      case StreamPacketType.OPENING:
        if (bytes.length < STREAM_OPENING_HEADER_BYTES) return 'short';
        this.sourceIdHigh = readU32BE(bytes, 10);
        this.sourceIdLow = readU32BE(bytes, 14);
        this.packetNumber = readU48BE(bytes, 18);
        this.#framesStart = STREAM_OPENING_HEADER_BYTES;
        break;
      case StreamPacketType.GONE:
        if (bytes.length !== STREAM_GONE_BYTES) return 'frame-length';
        this.#framesStart = STREAM_GONE_BYTES;
        this.rewind();
        return undefined;
      default:
        return 'type';
    }
    return this.#checkFrames();
  }

  /** Goes back before the first frame. */
  rewind(): void {
    this.#at = this.#framesStart;
    this.frame = 0;
  }

  /** Reads the next frame into the fields; false after the last one. */
  nextFrame(): boolean {
    if (this.#at >= this.bytes.length) return false;
    this.#at = this.#readFrame(this.#at);
    return true;
  }

  /** Reads the next range of the present ACK into {@link rangeFirst} and {@link rangeLast}, from the newest down. */
  nextAckRange(): boolean {
    if (this.#rangesLeft === 0) return false;
    if (this.#rangesLeft === this.ackRangeCount) {
      this.rangeLast = this.ackLargest;
      this.rangeFirst = this.rangeLast - readU32BE(this.bytes, this.#rangeAt);
      this.#rangeAt += 4;
    } else {
      this.rangeLast = this.rangeFirst - readU32BE(this.bytes, this.#rangeAt) - 2;
      this.rangeFirst = this.rangeLast - readU32BE(this.bytes, this.#rangeAt + 4);
      this.#rangeAt += 8;
    }
    this.#rangesLeft--;
    return true;
  }

  #checkFrames(): StreamFault | undefined {
    const length = this.bytes.length;
    let at = this.#framesStart;
    if (at === length) return 'empty';
    while (at < length) {
      const size = this.#frameBytes(at, length - at);
      if (size < 0) return 'frame-type';
      if (size === 0 || size > length - at) return 'frame-length';
      this.#readFrame(at);
      if (!this.#valuesAreSound()) return 'frame-value';
      at += size;
    }
    this.rewind();
    return undefined;
  }

  /** Size of the frame at `at`; 0 when too little is left to tell, -1 for an unknown type. */
  #frameBytes(at: number, left: number): number {
    const b = this.bytes;
    switch (b[at]) {
      case StreamFrame.PING:
      case StreamFrame.CLOSE:
        return 1;
      case StreamFrame.ACK:
        return left < 2 ? 0 : 10 + 4 + 8 * (Math.max(b[at + 1]!, 1) - 1);
      case StreamFrame.DATA:
        return left < STREAM_DATA_FRAME_BYTES ? 0 : STREAM_DATA_FRAME_BYTES + readU16BE(b, at + 2);
      case StreamFrame.MAX_DATA:
      case StreamFrame.DATA_BLOCKED:
        return 7;
      case StreamFrame.OPEN:
      case StreamFrame.ACCEPT:
        return left < 2 || b[at + 1]! < STREAM_PARAMETER_BYTES ? 0 : 2 + b[at + 1]!;
      case StreamFrame.REFUSE:
      case StreamFrame.RESET:
        return 5;
      case StreamFrame.REBIND:
        return left < 8 ? 0 : STREAM_REBIND_FRAME_BYTES + NODE_BYTES * b[at + 7]!;
      case StreamFrame.PATH_CHALLENGE:
      case StreamFrame.PATH_RESPONSE:
        return 1 + STREAM_CHALLENGE_BYTES;
      case StreamFrame.RETRY:
      case StreamFrame.TOKEN:
        return 1 + STREAM_RETRY_TOKEN_BYTES;
      case StreamFrame.PADDING:
        return left < STREAM_PADDING_FRAME_BYTES ? 0 : STREAM_PADDING_FRAME_BYTES + readU16BE(b, at + 1);
      default:
        return -1;
    }
  }

  #valuesAreSound(): boolean {
    switch (this.frame) {
      case StreamFrame.ACK: {
        if (this.ackRangeCount < 1 || this.ackRangeCount > MAX_ACK_RANGES) return false;
        while (this.nextAckRange()) if (this.rangeFirst < 0) return false;
        return true;
      }
      case StreamFrame.DATA:
        return this.bytes[this.dataStart - 9]! <= 1 && this.dataOffset + this.dataLength < U48_LIMIT;
      case StreamFrame.REBIND:
        return this.nodeCount >= 1 && this.nodeCount <= MAX_REBIND_NODES;
      case StreamFrame.OPEN:
      case StreamFrame.ACCEPT:
      case StreamFrame.RETRY:
      case StreamFrame.TOKEN:
        return this.type === StreamPacketType.OPENING;
      default:
        return true;
    }
  }

  /** Reads the frame at `at`, whose size fits, and returns where the next one starts. */
  #readFrame(at: number): number {
    const b = this.bytes;
    this.frame = b[at]!;
    switch (this.frame) {
      case StreamFrame.ACK:
        this.ackRangeCount = b[at + 1]!;
        this.ackDelayMs = readU16BE(b, at + 2) * ACK_DELAY_UNIT_MS;
        this.ackLargest = readU48BE(b, at + 4);
        this.#rangeAt = at + 10;
        this.#rangesLeft = this.ackRangeCount;
        return at + 14 + 8 * (this.ackRangeCount - 1);
      case StreamFrame.DATA:
        this.fin = b[at + 1] === 1;
        this.dataLength = readU16BE(b, at + 2);
        this.dataOffset = readU48BE(b, at + 4);
        this.dataStart = at + STREAM_DATA_FRAME_BYTES;
        return this.dataStart + this.dataLength;
      case StreamFrame.MAX_DATA:
      case StreamFrame.DATA_BLOCKED:
        this.limit = readU48BE(b, at + 1);
        return at + 7;
      case StreamFrame.OPEN:
      case StreamFrame.ACCEPT:
        this.sidStart = at + 2;
        this.windowBytes = readU48BE(b, at + 22);
        this.idleTimeoutMs = readU32BE(b, at + 28);
        this.maxAckDelayMs = readU16BE(b, at + 32);
        return at + 2 + b[at + 1]!;
      case StreamFrame.REFUSE:
      case StreamFrame.RESET:
        this.code = readU32BE(b, at + 1);
        return at + 5;
      case StreamFrame.REBIND:
        this.sequence = readU48BE(b, at + 1);
        this.nodeCount = b[at + 7]!;
        this.keyStart = at + 8;
        this.signatureStart = at + 40;
        this.addressStart = at + STREAM_REBIND_FRAME_BYTES;
        return this.addressStart + NODE_BYTES * this.nodeCount;
      case StreamFrame.PATH_CHALLENGE:
      case StreamFrame.PATH_RESPONSE:
        this.tokenStart = at + 1;
        return at + 1 + STREAM_CHALLENGE_BYTES;
      case StreamFrame.RETRY:
      case StreamFrame.TOKEN:
        this.tokenStart = at + 1;
        return at + 1 + STREAM_RETRY_TOKEN_BYTES;
      case StreamFrame.PADDING:
        this.dataLength = readU16BE(b, at + 1);
        return at + STREAM_PADDING_FRAME_BYTES + this.dataLength;
      default:
        return at + 1;
    }
  }
}
