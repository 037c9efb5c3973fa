import { EtherType, macToText, parseEthernet, parseXarp } from 'xia-core';
import { decodePacket, type DecodedPacket, type DecodeError } from './decode-packet.js';
import { parseCapturedUdp } from './ip-udp.js';
import type { JsonObject } from './json-value.js';

/** A XARP message; MAC addresses and XIDs as text. */
export interface DecodedXarp {
  readonly xarp: JsonObject;
}

export type Decoded = DecodedPacket | DecodedXarp | DecodeError;

/** Link types of captures that packets are found in (the registry of tcpdump.org). */
export const LinkType = { ETHERNET: 1, RAW_IP: 101, USER0: 147, IPV4: 228, IPV6: 229 } as const;

export interface FrameOptions {
  /** UDP ports, of either end, that carry XIP; none: every datagram that is an XIP packet counts. */
  readonly udpPorts?: ReadonlySet<number>;
  /** False when the end of the frame is missing. */
  readonly complete?: boolean;
}

/** Decodes an Ethernet frame: XIP, XARP, or XIP in UDP; never throws. */
export function decodeEthernet(frame: Uint8Array, options: FrameOptions = {}): Decoded {
  const parsed = parseEthernet(frame);
  if (parsed.fault !== undefined) return { error: `Ethernet header: ${parsed.fault}` };
  switch (parsed.etherType) {
    case EtherType.XIP:
      return decodePacket(parsed.payload, options.complete ?? true);
    case EtherType.XARP:
      return decodeXarp(parsed.payload);
    case EtherType.IPV4:
    case EtherType.IPV6:
      return decodeIp(parsed.payload, options);
    default:
      return { error: `Ethernet: EtherType 0x${parsed.etherType.toString(16).padStart(4, '0')} is neither XIP nor XARP` };
  }
}

/** Decodes a frame of a capture by its link type. */
export function decodeFrame(linkType: number, frame: Uint8Array, options: FrameOptions = {}): Decoded {
  switch (linkType) {
    case LinkType.ETHERNET:
      return decodeEthernet(frame, options);
    case LinkType.USER0:
      return decodePacket(frame, options.complete ?? true);
    case LinkType.RAW_IP:
    case LinkType.IPV4:
    case LinkType.IPV6:
      return decodeIp(frame, options);
    default:
      return { error: `link type ${linkType} is not known here` };
  }
}

function decodeIp(bytes: Uint8Array, { udpPorts, complete = true }: FrameOptions): Decoded {
  const udp = parseCapturedUdp(bytes);
  if ('error' in udp) return udp;
  if (udpPorts !== undefined && !udpPorts.has(udp.sourcePort) && !udpPorts.has(udp.destinationPort)) {
    return { error: `UDP: neither port ${udp.sourcePort} nor ${udp.destinationPort} carries XIP` };
  }
  return decodePacket(udp.payload, complete && !udp.isCut);
}

function decodeXarp(bytes: Uint8Array): DecodedXarp | DecodeError {
  const message = parseXarp(bytes);
  if (message.fault !== undefined) return { error: `XARP: ${message.fault}` };
  return {
    xarp: {
      operation: message.operation,
      senderMac: macToText(message.senderMac),
      senderXid: message.senderXid.toString(),
      targetMac: macToText(message.targetMac),
      targetXid: message.targetXid.toString(),
    },
  };
}
