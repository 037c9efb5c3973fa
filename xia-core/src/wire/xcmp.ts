import { internetChecksum, readU16LE, readU32BE, writeU16BE, writeU16LE, writeU32BE, copyBytes } from '../bytes/index.js';
import { Xid } from '../xid/index.js';
import type { XipView } from './xip-view.js';

/** Kinds of control messages (next header 61). `TOO_BIG` is ours: XIP does not fragment. */
export const XcmpType = { ECHO_REPLY: 0, TOO_BIG: 2, UNREACHABLE: 3, REDIRECT: 5, ECHO: 8, TIME_EXCEEDED: 11 } as const;
export type XcmpType = (typeof XcmpType)[keyof typeof XcmpType];

/** The types that report on a packet, which they quote. */
export type XcmpErrorType = Exclude<XcmpType, 0 | 8>;

/** Codes sent. Receivers take any code: the prototype says 1 for an exceeded hop limit, too. */
export const XcmpCode = { NONE: 0, HOST_UNREACHABLE: 1, REDIRECT_HOST: 1, HOP_LIMIT: 0 } as const;

/** Bytes before the data of an echo: type, code, checksum, id, sequence. */
export const XCMP_ECHO_HEADER_BYTES = 8;
/** Bytes before the quoted packet of an error: type, code, checksum, and two XIDs. */
export const XCMP_ERROR_HEADER_BYTES = 52;
/** Payload bytes quoted behind the header of the packet that an error is about. */
export const XCMP_QUOTED_PAYLOAD_BYTES = 8;

const XID_BYTES = 24;

export interface XcmpEcho {
  /** Tells senders apart, 16 bits. */
  readonly id: number;
  /** 16 bits. */
  readonly sequence: number;
  readonly data: Uint8Array;
}

export interface XcmpError {
  readonly type: XcmpErrorType;
  readonly code: number;
  /** The start of the packet that the error is about: its header and 8 bytes. */
  readonly quoted: Uint8Array;
  /** `TOO_BIG` only: bytes of the largest packet that passes. */
  readonly mtu?: number;
  /** A redirect's bad destination and its better next hop; zeros in other errors of ours, anything in the prototype's. */
  readonly xids?: readonly [Xid, Xid];
}

export type XcmpFault = 'short' | 'checksum' | 'unknown-type';

export type XcmpMessage =
  | ({ readonly kind: 'echo'; readonly code: number } & XcmpEcho)
  | ({ readonly kind: 'echo-reply'; readonly code: number } & XcmpEcho)
  | ({ readonly kind: 'error' } & Required<XcmpError>)
  | { readonly kind?: never; readonly fault: XcmpFault };

export function encodeEcho(echo: XcmpEcho): Uint8Array {
  return encodeEchoAs(XcmpType.ECHO, echo);
}

/** The answer to an echo: the same id, sequence and all of its data. */
export function encodeEchoReply(echo: XcmpEcho): Uint8Array {
  return encodeEchoAs(XcmpType.ECHO_REPLY, echo);
}

function encodeEchoAs(type: XcmpType, { id, sequence, data }: XcmpEcho): Uint8Array {
  const message = new Uint8Array(XCMP_ECHO_HEADER_BYTES + data.length);
  message[0] = type;
  writeU16LE(message, 4, id);
  writeU16LE(message, 6, sequence);
  message.set(data, XCMP_ECHO_HEADER_BYTES);
  writeU16BE(message, 2, internetChecksum(message));
  return message;
}

/** An error about the packet whose start is `quoted`. */
export function encodeXcmpError(error: XcmpError): Uint8Array {
  const { quoted, xids } = error;
  const message = new Uint8Array(XCMP_ERROR_HEADER_BYTES + quoted.length);
  message[0] = error.type;
  message[1] = error.code;
  if (error.type === XcmpType.TOO_BIG) {
    writeU32BE(message, 4, error.mtu ?? 0);
  } else if (xids !== undefined) {
    for (const [i, xid] of xids.entries()) {
      writeU32BE(message, 4 + i * XID_BYTES, xid.type);
      message.set(xid.id, 8 + i * XID_BYTES);
    }
  }
  message.set(quoted, XCMP_ERROR_HEADER_BYTES);
  writeU16BE(message, 2, internetChecksum(message));
  return message;
}

/** What an error quotes of a packet: its header as it is now and the first payload bytes, in place. */
export function quoteOf(view: XipView): Uint8Array {
  return view.bytes.subarray(0, Math.min(view.headerBytes + XCMP_QUOTED_PAYLOAD_BYTES, view.packetBytes));
}

/** Reads a control message and verifies its checksum. Data and quotes are in place, XIDs are copied. */
export function decodeXcmp(bytes: Uint8Array): XcmpMessage {
  if (bytes.length < XCMP_ECHO_HEADER_BYTES) return { fault: 'short' };
  if (internetChecksum(bytes) !== 0) return { fault: 'checksum' };
  const type = bytes[0]!;
  const code = bytes[1]!;
  switch (type) {
    case XcmpType.ECHO:
    case XcmpType.ECHO_REPLY:
      return {
        kind: type === XcmpType.ECHO ? 'echo' : 'echo-reply',
        code,
        id: readU16LE(bytes, 4),
        sequence: readU16LE(bytes, 6),
        data: bytes.subarray(XCMP_ECHO_HEADER_BYTES),
      };
    case XcmpType.TOO_BIG:
    case XcmpType.UNREACHABLE:
    case XcmpType.REDIRECT:
    case XcmpType.TIME_EXCEEDED:
      if (bytes.length < XCMP_ERROR_HEADER_BYTES) return { fault: 'short' };
      return {
        kind: 'error',
        type,
        code,
        mtu: type === XcmpType.TOO_BIG ? readU32BE(bytes, 4) : 0,
        xids: [copyXid(bytes, 4), copyXid(bytes, 4 + XID_BYTES)],
        quoted: bytes.subarray(XCMP_ERROR_HEADER_BYTES),
      };
    default:
      return { fault: 'unknown-type' };
  }
}

function copyXid(bytes: Uint8Array, offset: number): Xid {
  return new Xid(readU32BE(bytes, offset), copyBytes(bytes, offset + 4, XID_BYTES - 4));
}
