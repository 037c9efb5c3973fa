import { copyBytes, readU16BE, writeU16BE } from '../bytes/index.js';
import { EtherType, MAC_BYTES } from './ethernet.js';

/** Bytes of an ARP or RARP message for IPv4 on Ethernet (RFC 826, RFC 903). */
export const ARP_BYTES = 28;

const HARDWARE_ETHERNET = 1;
const IPV4_BYTES = 4;
/** QEMU announces a guest that was moved by `reverse-request`. */
const Operation = { request: 1, reply: 2, 'reverse-request': 3, 'reverse-reply': 4 } as const;
const NAMES = ['request', 'reply', 'reverse-request', 'reverse-reply'] as const;

export interface ArpFields {
  readonly operation: keyof typeof Operation;
  /** 6 bytes. */
  readonly senderMac: Uint8Array;
  /** 4 bytes. */
  readonly senderAddress: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly targetAddress: Uint8Array;
}

export type ArpFault = 'short' | 'format' | 'operation';

/** Writes an ARP or RARP message: the payload of a frame with EtherType 0x0806 or 0x8035. */
export function encodeArp(fields: ArpFields): Uint8Array {
  const message = new Uint8Array(ARP_BYTES);
  writeU16BE(message, 0, HARDWARE_ETHERNET);
  writeU16BE(message, 2, EtherType.IPV4);
  message[4] = MAC_BYTES;
  message[5] = IPV4_BYTES;
  writeU16BE(message, 6, Operation[fields.operation]);
  message.set(fields.senderMac, 8);
  message.set(fields.senderAddress, 14);
  message.set(fields.targetMac, 18);
  message.set(fields.targetAddress, 24);
  return message;
}

/** The answer to an ARP request: the address asked for is at `mac`. */
export function encodeArpReply(request: ArpFields, mac: Uint8Array): Uint8Array {
  return encodeArp({
    operation: 'reply',
    senderMac: mac,
    senderAddress: request.targetAddress,
    targetMac: request.senderMac,
    targetAddress: request.senderAddress,
  });
}

/** Reads an ARP or RARP message; bytes after it are padding. Everything is copied. */
export function parseArp(bytes: Uint8Array): (ArpFields & { readonly fault?: never }) | { readonly fault: ArpFault } {
  if (bytes.length < ARP_BYTES) return { fault: 'short' };
  const isIpv4OnEthernet =
    readU16BE(bytes, 0) === HARDWARE_ETHERNET &&
    readU16BE(bytes, 2) === EtherType.IPV4 &&
    bytes[4] === MAC_BYTES &&
    bytes[5] === IPV4_BYTES;
  if (!isIpv4OnEthernet) return { fault: 'format' };
  const operation = NAMES[readU16BE(bytes, 6) - 1];
  if (operation === undefined) return { fault: 'operation' };
  return {
    operation,
    senderMac: copyBytes(bytes, 8, MAC_BYTES),
    senderAddress: copyBytes(bytes, 14, IPV4_BYTES),
    targetMac: copyBytes(bytes, 18, MAC_BYTES),
    targetAddress: copyBytes(bytes, 24, IPV4_BYTES),
  };
}
