import { copyBytes, finishChecksum, internetChecksum, readU16BE, sumWords, writeU16BE, XiaError } from '../bytes/index.js';

/** Bytes before the payload: an IPv4 header without options and a UDP header. */
export const IPV4_UDP_HEADER_BYTES = 28;
/** The most bytes of payload that fit one packet. */
export const MAX_UDP_PAYLOAD_BYTES = 0xffff - IPV4_UDP_HEADER_BYTES;

const IPV4_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const PROTOCOL_UDP = 17;
const DEFAULT_TTL = 64;
const DO_NOT_FRAGMENT = 0x4000;
/** More-fragments flag and fragment offset: all zero in a packet that is whole. */
const FRAGMENT_BITS = 0x3fff;

/** A UDP datagram over IPv4 (RFC 791, RFC 768). */
export interface Ipv4UdpFields {
  /** 4 bytes. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export type Ipv4UdpFault = 'short' | 'version' | 'length' | 'checksum' | 'fragment' | 'not-udp';

/** @throws XiaError `too-large` when the payload does not fit one packet. */
export function encodeIpv4Udp(fields: Ipv4UdpFields): Uint8Array {
  const { payload } = fields;
  if (payload.length > MAX_UDP_PAYLOAD_BYTES) {
    throw new XiaError('too-large', `a UDP payload of ${payload.length} bytes; the most is ${MAX_UDP_PAYLOAD_BYTES}`, {
      payloadBytes: payload.length,
    });
  }
  const packet = new Uint8Array(IPV4_UDP_HEADER_BYTES + payload.length);
  packet[0] = 0x45;
  writeU16BE(packet, 2, packet.length);
  writeU16BE(packet, 6, DO_NOT_FRAGMENT);
  packet[8] = DEFAULT_TTL;
  packet[9] = PROTOCOL_UDP;
  packet.set(fields.source, 12);
  packet.set(fields.destination, 16);
  writeU16BE(packet, 10, internetChecksum(packet, 0, IPV4_HEADER_BYTES));
  writeU16BE(packet, 20, fields.sourcePort);
  writeU16BE(packet, 22, fields.destinationPort);
  writeU16BE(packet, 24, UDP_HEADER_BYTES + payload.length);
  packet.set(payload, IPV4_UDP_HEADER_BYTES);
  // A sum of zero is sent as all ones: zero means that there is no checksum.
  writeU16BE(packet, 26, udpChecksum(packet, IPV4_HEADER_BYTES, UDP_HEADER_BYTES + payload.length) || 0xffff);
  return packet;
}

/** Reads a packet and verifies its checksums; bytes after it are padding. Addresses are copied, the payload is in place. */
export function parseIpv4Udp(bytes: Uint8Array): (Ipv4UdpFields & { readonly fault?: never }) | { readonly fault: Ipv4UdpFault } {
  if (bytes.length < IPV4_HEADER_BYTES) return { fault: 'short' };
  if (bytes[0]! >> 4 !== 4) return { fault: 'version' };
  const headerBytes = (bytes[0]! & 15) * 4;
  const totalBytes = readU16BE(bytes, 2);
  if (headerBytes < IPV4_HEADER_BYTES || totalBytes < headerBytes || totalBytes > bytes.length) return { fault: 'length' };
  if (internetChecksum(bytes, 0, headerBytes) !== 0) return { fault: 'checksum' };
  if ((readU16BE(bytes, 6) & FRAGMENT_BITS) !== 0) return { fault: 'fragment' };
  if (bytes[9] !== PROTOCOL_UDP) return { fault: 'not-udp' };
  if (totalBytes < headerBytes + UDP_HEADER_BYTES) return { fault: 'length' };
  const udpBytes = readU16BE(bytes, headerBytes + 4);
  if (udpBytes < UDP_HEADER_BYTES || headerBytes + udpBytes > totalBytes) return { fault: 'length' };
  const hasChecksum = readU16BE(bytes, headerBytes + 6) !== 0;
  if (hasChecksum && udpChecksum(bytes, headerBytes, udpBytes) !== 0) return { fault: 'checksum' };
  return {
    source: copyBytes(bytes, 12, 4),
    destination: copyBytes(bytes, 16, 4),
    sourcePort: readU16BE(bytes, headerBytes),
    destinationPort: readU16BE(bytes, headerBytes + 2),
    payload: bytes.subarray(headerBytes + UDP_HEADER_BYTES, headerBytes + udpBytes),
  };
}

/** Checksum over the pseudo header and the UDP message at `udpOffset`. */
function udpChecksum(packet: Uint8Array, udpOffset: number, udpBytes: number): number {
  const pseudo = sumWords(packet, 12, 20, PROTOCOL_UDP + udpBytes);
  return finishChecksum(sumWords(packet, udpOffset, udpOffset + udpBytes, pseudo));
}
