import { parseTransport, toHex, type Dag } from 'xia-core';
import { decodeServiceMessage } from './decode-message.js';
import { unreadable, type JsonObject } from './json-value.js';

/** What the INFO field of a STREAM packet of the C++ prototype says. */
const infoNames: Readonly<Record<number, string>> = {
  1: 'SYN',
  2: 'SYNACK',
  3: 'DATA',
  4: 'ACK',
  5: 'FIN',
  7: 'MIGRATE',
  8: 'MIGRATEACK',
};

/**
 * Next header 60: `dgram` with the message of a well-known service, or `prototype-stream`.
 * @param complete false when the end of the packet is missing
 */
export function decodeTransport(payload: Uint8Array, complete: boolean, destination: Dag, source: Dag): JsonObject {
  const packet = parseTransport(payload);
  if (packet.kind === undefined) return { protocol: 'transport', ...unreadable(complete, `transport header: ${packet.fault}`, payload) };
  const dataFields = { dataLength: packet.payload.length, data: toHex(packet.payload) };
  if (packet.kind === 'dgram') {
    return { protocol: 'dgram', ...dataFields, ...(complete ? decodeServiceMessage(destination, source, packet.payload) : {}) };
  }
  const { info, sequence, acknowledgement, window } = packet;
  return { protocol: 'prototype-stream', info, infoName: infoNames[info] ?? 'unknown', sequence, acknowledgement, window, ...dataFields };
}
