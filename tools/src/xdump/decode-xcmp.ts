import { decodeXcmp, internetChecksum, toHex, XcmpType, writeU16BE } from 'xia-core';
import { unreadable, type JsonObject } from './json-value.js';

const errorNames: Readonly<Record<number, string>> = {
  [XcmpType.TOO_BIG]: 'too-big',
  [XcmpType.UNREACHABLE]: 'unreachable',
  [XcmpType.REDIRECT]: 'redirect',
  [XcmpType.TIME_EXCEEDED]: 'time-exceeded',
};

/**
 * Next header 61. A message with a wrong checksum is shown all the same.
 * @param complete false when the end of the packet is missing, so that nobody can know the checksum
 * @param decodeQuoted decodes the start of a packet, which errors quote
 */
export function decodeXcmpMessage(payload: Uint8Array, complete: boolean, decodeQuoted: (quoted: Uint8Array) => JsonObject): JsonObject {
  if (payload.length < 4) return { protocol: 'xcmp', ...unreadable(complete, 'XCMP: short', payload) };
  const checksumValid = complete ? internetChecksum(payload) === 0 : null;
  const head = { protocol: 'xcmp', type: payload[0]!, code: payload[1]!, checksum: (payload[2]! << 8) | payload[3]!, checksumValid };
  const message = decodeXcmp(checksumValid === true ? payload : withGoodChecksum(payload));
  switch (message.kind) {
    case 'echo':
    case 'echo-reply': {
      const { kind, id, sequence, data } = message;
      return { ...head, kind, id, sequence, dataLength: data.length, data: toHex(data) };
    }
    case 'error': {
      const { type, mtu, xids, quoted } = message;
      return {
        ...head,
        kind: errorNames[type],
        ...(type === XcmpType.TOO_BIG ? { mtu } : {}),
        ...(type === XcmpType.REDIRECT ? { badDestination: xids[0].toString(), nextHop: xids[1].toString() } : {}),
        quoted: decodeQuoted(quoted),
      };
    }
    default:
      return { ...head, ...unreadable(complete, `XCMP: ${message.fault}`, payload) };
  }
}

/** A copy that passes the check, to be read in spite of it. */
function withGoodChecksum(payload: Uint8Array): Uint8Array {
  const copy = payload.slice();
  writeU16BE(copy, 2, 0);
  writeU16BE(copy, 2, internetChecksum(copy));
  return copy;
}
