import { parseChunk, parseTlvHeader } from 'xia-core';
import { unreadable, type JsonObject } from './json-value.js';

/** The fields of a chunk header by their keys on the wire. `payloadOffset` is a field of the prototype that is 0 everywhere. */
const fieldNames = [
  'opcode',
  'payloadOffset',
  'offset',
  'length',
  'chunkLength',
  'context',
  'ttlSeconds',
  'cacheSize',
  'cachePolicy',
] as const;
const opcodeNames: Readonly<Record<number, string>> = { 1: 'request', 2: 'response', 6: 'push' };

/**
 * Next header 12. `offset` and `length` are the range of the chunk that is asked for or carried.
 * @param complete false when the end of the packet is missing
 */
export function decodeChunk(payload: Uint8Array, complete: boolean): JsonObject {
  const header = parseTlvHeader(payload);
  if ('fault' in header) return { protocol: 'chunk', ...unreadable(complete, `chunk header: ${header.fault}`, payload) };
  const fields: Record<string, unknown> = {};
  for (const [key, name] of fieldNames.entries()) {
    const value = header.values[key];
    if (value !== undefined) fields[name] = value;
  }
  const opcode = header.values[0];
  if (opcode !== undefined) fields['opcode'] = opcodeNames[opcode] ?? opcode;
  const { fault } = complete ? { fault: undefined, ...parseChunk(payload) } : { fault: undefined };
  return {
    protocol: 'chunk',
    ...fields,
    headerLength: header.headerBytes,
    dataLength: payload.length - header.headerBytes,
    ...(fault === undefined ? {} : { error: `chunk header: ${fault}` }),
  };
}
