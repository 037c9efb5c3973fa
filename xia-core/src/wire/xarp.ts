import { copyBytes, readU16BE, readU32BE, writeU16BE, writeU32BE } from '../bytes/index.js';
import { Xid, XID_ID_BYTES } from '../xid/index.js';
import { EtherType, MAC_BYTES } from './ethernet.js';

/** Bytes of a XARP message, the payload of a frame with EtherType 0x9990. */
export const XARP_BYTES = 68;

const HARDWARE_ETHERNET = 1;
const XID_BYTES = 4 + XID_ID_BYTES;
const Operation = { request: 1, reply: 2 } as const;
const Offset = { SENDER_MAC: 8, SENDER_XID: 14, TARGET_MAC: 38, TARGET_XID: 44 } as const;

/** Which MAC address has this XID? Asked and answered as ARP does for IPv4. */
export interface XarpFields {
  readonly operation: keyof typeof Operation;
  readonly senderMac: Uint8Array;
  readonly senderXid: Xid;
  /** Zeros in a request. */
  readonly targetMac: Uint8Array;
  readonly targetXid: Xid;
}

export type XarpFault = 'short' | 'format' | 'operation';

export function encodeXarp(fields: XarpFields): Uint8Array {
  const message = new Uint8Array(XARP_BYTES);
  writeU16BE(message, 0, HARDWARE_ETHERNET);
  writeU16BE(message, 2, EtherType.XIP);
  message[4] = MAC_BYTES;
  message[5] = XID_BYTES;
  writeU16BE(message, 6, Operation[fields.operation]);
  message.set(fields.senderMac, Offset.SENDER_MAC);
  writeXid(message, Offset.SENDER_XID, fields.senderXid);
  message.set(fields.targetMac, Offset.TARGET_MAC);
  writeXid(message, Offset.TARGET_XID, fields.targetXid);
  return message;
}

/** Reads a message; bytes after it are padding. Everything is copied. */
export function parseXarp(bytes: Uint8Array): (XarpFields & { readonly fault?: never }) | { readonly fault: XarpFault } {
  if (bytes.length < XARP_BYTES) return { fault: 'short' };
  const isXarp =
    readU16BE(bytes, 0) === HARDWARE_ETHERNET && readU16BE(bytes, 2) === EtherType.XIP && bytes[4] === MAC_BYTES && bytes[5] === XID_BYTES;
  if (!isXarp) return { fault: 'format' };
  const operation = readU16BE(bytes, 6);
  if (operation !== Operation.request && operation !== Operation.reply) return { fault: 'operation' };
  return {
    operation: operation === Operation.request ? 'request' : 'reply',
    senderMac: copyBytes(bytes, Offset.SENDER_MAC, MAC_BYTES),
    senderXid: copyXid(bytes, Offset.SENDER_XID),
    targetMac: copyBytes(bytes, Offset.TARGET_MAC, MAC_BYTES),
    targetXid: copyXid(bytes, Offset.TARGET_XID),
  };
}

function writeXid(target: Uint8Array, offset: number, xid: Xid): void {
  writeU32BE(target, offset, xid.type);
  target.set(xid.id, offset + 4);
}

function copyXid(bytes: Uint8Array, offset: number): Xid {
  return new Xid(readU32BE(bytes, offset), copyBytes(bytes, offset + 4, XID_ID_BYTES));
}
