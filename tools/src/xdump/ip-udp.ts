/** A UDP datagram in a capture. Checksums are not looked at: a network card may have been left to fill them in. */
export interface CapturedUdp {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
  /** The datagram goes on after what was captured. */
  readonly isCut: boolean;
}

const PROTOCOL_UDP = 17;
const IPV6_HEADER_BYTES = 40;
const UDP_HEADER_BYTES = 8;

/** The UDP datagram in an IPv4 or IPv6 packet, or why there is none. */
export function parseCapturedUdp(bytes: Uint8Array): CapturedUdp | { readonly error: string } {
  const version = bytes.length === 0 ? 0 : bytes[0]! >> 4;
  if (version === 4) return parseIpv4(bytes);
  if (version === 6) return parseIpv6(bytes);
  return { error: 'IP: neither version 4 nor 6' };
}

function parseIpv4(bytes: Uint8Array): CapturedUdp | { readonly error: string } {
  const headerBytes = (bytes[0]! & 15) * 4;
  if (headerBytes < 20 || bytes.length < headerBytes) return { error: 'IPv4: short' };
  if (bytes[9] !== PROTOCOL_UDP) return { error: `IPv4: protocol ${bytes[9]}, not UDP` };
  if (((bytes[6]! & 0x3f) | bytes[7]!) !== 0) return { error: 'IPv4: a fragment' };
  return parseUdp(bytes.subarray(headerBytes));
}

function parseIpv6(bytes: Uint8Array): CapturedUdp | { readonly error: string } {
  if (bytes.length < IPV6_HEADER_BYTES) return { error: 'IPv6: short' };
  if (bytes[6] !== PROTOCOL_UDP) return { error: `IPv6: next header ${bytes[6]}, not UDP` };
  return parseUdp(bytes.subarray(IPV6_HEADER_BYTES));
}

function parseUdp(bytes: Uint8Array): CapturedUdp | { readonly error: string } {
  if (bytes.length < UDP_HEADER_BYTES) return { error: 'UDP: short' };
  const u16 = (at: number) => (bytes[at]! << 8) | bytes[at + 1]!;
  const length = u16(4);
  if (length < UDP_HEADER_BYTES) return { error: 'UDP: bad length' };
  return {
    sourcePort: u16(0),
    destinationPort: u16(2),
    payload: bytes.subarray(UDP_HEADER_BYTES, length),
    isCut: length > bytes.length,
  };
}
