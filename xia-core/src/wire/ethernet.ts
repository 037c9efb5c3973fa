import { fromHex, readU16BE, writeU16BE, XiaError } from '../bytes/index.js';

export const EtherType = { IPV4: 0x0800, ARP: 0x0806, RARP: 0x8035, IPV6: 0x86dd, XARP: 0x9990, XIP: 0xc0de } as const;

export const ETHERNET_HEADER_BYTES = 14;
export const MAC_BYTES = 6;

/** Every station of the link. Shared: nobody may write to it. */
export const BROADCAST_MAC: Uint8Array = new Uint8Array(MAC_BYTES).fill(0xff);

export type EthernetFrame =
  | {
      readonly destination: Uint8Array;
      readonly source: Uint8Array;
      readonly etherType: number;
      /** What follows the header, padding included. */
      readonly payload: Uint8Array;
      readonly fault?: never;
    }
  | { readonly fault: 'short' };

/** Reads a frame without its check sequence. All parts are in place, not copied. */
export function parseEthernet(frame: Uint8Array): EthernetFrame {
  if (frame.length < ETHERNET_HEADER_BYTES) return { fault: 'short' };
  return {
    destination: frame.subarray(0, MAC_BYTES),
    source: frame.subarray(MAC_BYTES, 2 * MAC_BYTES),
    etherType: readU16BE(frame, 2 * MAC_BYTES),
    payload: frame.subarray(ETHERNET_HEADER_BYTES),
  };
}

/** A frame without its check sequence and without padding. */
export function encodeEthernet(destination: Uint8Array, source: Uint8Array, etherType: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + payload.length);
  writeEthernetHeader(frame, destination, source, etherType);
  frame.set(payload, ETHERNET_HEADER_BYTES);
  return frame;
}

/** Writes the 14 header bytes at the start of `target`. */
export function writeEthernetHeader(target: Uint8Array, destination: Uint8Array, source: Uint8Array, etherType: number): void {
  target.set(destination, 0);
  target.set(source, MAC_BYTES);
  writeU16BE(target, 2 * MAC_BYTES, etherType);
}

/** `52:54:00:12:34:56`. */
export function macToText(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** @throws XiaError `bad-argument` when `text` is not six pairs of hexadecimal digits with colons between them. */
export function macFromText(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) {
    throw new XiaError('bad-argument', `not a MAC address: ${JSON.stringify(text)}`, { text });
  }
  return fromHex(text.replaceAll(':', ''));
}
