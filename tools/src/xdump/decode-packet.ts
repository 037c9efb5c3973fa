import { Dag, NextHeader, toHex, XIP_HEADER_BYTES, XIP_NODE_BYTES, XipView, xipFaults } from 'xia-core';
import { decodeChunk } from './decode-chunk.js';
import { decodeStream } from './decode-stream.js';
import { decodeTransport } from './decode-transport.js';
import { decodeXcmpMessage } from './decode-xcmp.js';
import type { JsonObject } from './json-value.js';

/** An XIP packet as a plain object; `next` and `last` are as on the wire, `last` -1 at the start. */
export interface DecodedPacket {
  readonly version: number;
  readonly next: number;
  readonly payloadLength: number;
  readonly hopLimit: number;
  readonly last: number;
  /** Canonical text. */
  readonly destination: string;
  readonly source: string;
  /** `{protocol, ...its fields}`, with an `error` where it is malformed. */
  readonly upper: JsonObject;
}

/** Why bytes are no packet, and where the fault is. */
export interface DecodeError {
  readonly error: string;
}

/**
 * Decodes an XIP packet; never throws.
 * @param complete false when the end may be missing: a quote in an error, or a capture that was cut
 */
export function decodePacket(bytes: Uint8Array, complete = true): DecodedPacket | DecodeError {
  const view = new XipView();
  const fault = complete ? view.reset(bytes) : view.resetQuoted(bytes);
  if (fault !== undefined) return { error: `XIP header: ${fault}: ${xipFaults[fault]} (${bytes.length} bytes)` };
  const destination = Dag.tryFromWire(bytes, XIP_HEADER_BYTES, view.destinationCount);
  if (!(destination instanceof Dag)) return { error: `destination: ${faultText(destination)}` };
  const source = Dag.tryFromWire(bytes, XIP_HEADER_BYTES + XIP_NODE_BYTES * view.destinationCount, view.sourceCount);
  if (!(source instanceof Dag)) return { error: `source: ${faultText(source)}` };
  return {
    version: bytes[0]!,
    next: view.nextHeader,
    payloadLength: view.payloadLength,
    hopLimit: view.hopLimit,
    last: view.last,
    destination: destination.toString(),
    source: source.toString(),
    upper: upperOf(view, destination, source, complete),
  };
}

function faultText({ reason, node }: { readonly reason: string; readonly node: number }): string {
  return node < 0 ? reason : `node ${node}: ${reason}`;
}

function upperOf(view: XipView, destination: Dag, source: Dag, complete: boolean): JsonObject {
  const payload = view.payload();
  switch (view.nextHeader) {
    case NextHeader.XCMP:
      return decodeXcmpMessage(payload, complete, (quoted) => ({ ...decodePacket(quoted, false) }));
    case NextHeader.TRANSPORT:
      return decodeTransport(payload, complete, destination, source);
    case NextHeader.CHUNK:
      return decodeChunk(payload, complete);
    case NextHeader.STREAM:
      return decodeStream(payload, complete);
    case NextHeader.NONE:
      return { protocol: 'none', dataLength: payload.length };
    default:
      return { protocol: 'unknown', next: view.nextHeader, dataLength: payload.length, bytes: toHex(payload) };
  }
}
