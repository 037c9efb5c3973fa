import { readU16BE, writeU16BE, XiaError } from '../bytes/index.js';
import { XIP_NODE_BYTES, type Dag } from '../dag/index.js';

/** Bytes of the fixed part of the XIP header; the nodes follow it. */
export const XIP_HEADER_BYTES = 8;
export const XIP_VERSION = 1;
/** Hop limit of a packet that starts its way. */
export const DEFAULT_HOP_LIMIT = 250;
/** The largest value of the payload length field. */
export const MAX_XIP_PAYLOAD_BYTES = 0xffff;

/** What follows the nodes. */
export const NextHeader = { CHUNK: 12, NONE: 59, TRANSPORT: 60, XCMP: 61, STREAM: 62 } as const;
export type NextHeader = (typeof NextHeader)[keyof typeof NextHeader];

/** A packet to be written. */
export interface XipFields {
  readonly nextHeader: number;
  readonly destination: Dag;
  readonly source: Dag;
  /** One array, or parts that are written one after the other. */
  readonly payload: Uint8Array | readonly Uint8Array[];
  /** 0 to 255, 250 by default. */
  readonly hopLimit?: number;
  /** The length field, where it shall differ from what `payload` says. */
  readonly payloadLength?: number;
}

/** Bytes before the payload of a packet between these addresses. */
export function xipHeaderBytes(destination: Dag, source: Dag): number {
  return XIP_HEADER_BYTES + destination.wire.length + source.wire.length;
}

/**
 * Writes a packet in memory of its own, `last` at -1.
 * @throws XiaError `too-large` when the payload is longer than its length field can say.
 */
export function encodeXip(fields: XipFields): Uint8Array {
  const { destination, source, payload } = fields;
  const parts = payload instanceof Uint8Array ? [payload] : payload;
  const headerBytes = xipHeaderBytes(destination, source);
  let payloadBytes = 0;
  for (const part of parts) payloadBytes += part.length;
  const packet = new Uint8Array(headerBytes + payloadBytes);
  packet[0] = XIP_VERSION;
  packet[1] = fields.nextHeader;
  packet[4] = fields.hopLimit ?? DEFAULT_HOP_LIMIT;
  packet[5] = destination.wire.length / XIP_NODE_BYTES;
  packet[6] = source.wire.length / XIP_NODE_BYTES;
  packet[7] = 0xff;
  packet.set(destination.wire, XIP_HEADER_BYTES);
  packet.set(source.wire, XIP_HEADER_BYTES + destination.wire.length);
  let at = headerBytes;
  for (const part of parts) {
    packet.set(part, at);
    at += part.length;
  }
  const payloadLength = fields.payloadLength ?? payloadBytes - uncountedBytes(packet, fields.nextHeader, headerBytes);
  if (payloadLength > MAX_XIP_PAYLOAD_BYTES) {
    throw new XiaError('too-large', `a payload of ${payloadLength} bytes; the most is ${MAX_XIP_PAYLOAD_BYTES}`, {
      payloadLength,
    });
  }
  writeU16BE(packet, 2, payloadLength);
  return packet;
}

const OPCODE_RESPONSE = 2;
const OPCODE_PUSH = 6;

/**
 * Bytes after the nodes that the length field does not count: the content header of a chunk that carries data. The opcode
 * is its first field (`{len 2, key 0}`), since fields are written in ascending order of their keys.
 */
export function uncountedBytes(packet: Uint8Array, nextHeader: number, headerBytes: number): number {
  if (nextHeader !== NextHeader.CHUNK || headerBytes + 5 > packet.length) return 0;
  if (packet[headerBytes + 2] !== 2 || packet[headerBytes + 3] !== 0) return 0;
  const opcode = packet[headerBytes + 4];
  return opcode === OPCODE_RESPONSE || opcode === OPCODE_PUSH ? packet[headerBytes + 1]! : 0;
}

/** The length in bytes that a packet at the start of `bytes` says it has; 0 when there is none, or not all of it. */
export function claimedPacketBytes(bytes: Uint8Array): number {
  if (bytes.length < XIP_HEADER_BYTES || bytes[0] !== XIP_VERSION) return 0;
  const headerBytes = XIP_HEADER_BYTES + XIP_NODE_BYTES * (bytes[5]! + bytes[6]!);
  if (headerBytes > bytes.length) return 0;
  const claimed = headerBytes + readU16BE(bytes, 2) + uncountedBytes(bytes, bytes[1]!, headerBytes);
  return claimed <= bytes.length ? claimed : 0;
}
