import { Dag, STREAM_RETRY_TOKEN_BYTES, StreamFrame, StreamPacketType, StreamPacketView, toHex, PrincipalType, Xid } from 'xia-core';
import { unreadable, type JsonObject } from './json-value.js';

const frameNames = new Map<number, string>(Object.entries(StreamFrame).map(([name, code]) => [code, name]));

/**
 * Next header 62: the header and every frame.
 * @param complete false when the end of the packet is missing: its frames cannot be told then
 */
export function decodeStream(payload: Uint8Array, complete: boolean): JsonObject {
  const view = new StreamPacketView();
  const fault = view.reset(payload);
  if (fault !== undefined) return { protocol: 'stream', ...unreadable(complete, `STREAM: ${fault}`, payload) };
  const destinationId = idText(view.destinationIdHigh, view.destinationIdLow);
  if (view.type === StreamPacketType.GONE) return { protocol: 'stream', kind: 'gone', destinationId };
  const frames: JsonObject[] = [];
  while (view.nextFrame()) frames.push(frameOf(view));
  const { packetNumber } = view;
  if (view.type === StreamPacketType.DATA) return { protocol: 'stream', kind: 'data', destinationId, packetNumber, frames };
  const sourceId = idText(view.sourceIdHigh, view.sourceIdLow);
  return { protocol: 'stream', kind: 'opening', destinationId, sourceId, packetNumber, frames };
}

function idText(high: number, low: number): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

function frameOf(view: StreamPacketView): JsonObject {
  const frame = frameNames.get(view.frame) ?? view.frame;
  switch (view.frame) {
    case StreamFrame.ACK: {
      const ranges: JsonObject[] = [];
      while (view.nextAckRange()) ranges.push({ first: view.rangeFirst, last: view.rangeLast });
      return { frame, largest: view.ackLargest, delayMs: Math.round(view.ackDelayMs * 100) / 100, ranges };
    }
    case StreamFrame.DATA:
      return { frame, offset: view.dataOffset, length: view.dataLength, fin: view.fin };
    case StreamFrame.MAX_DATA:
    case StreamFrame.DATA_BLOCKED:
      return { frame, limit: view.limit };
    case StreamFrame.OPEN:
    case StreamFrame.ACCEPT: {
      const sid = new Xid(PrincipalType.SID, view.bytes.slice(view.sidStart, view.sidStart + 20)).toString();
      return { frame, sid, windowBytes: view.windowBytes, idleTimeoutMs: view.idleTimeoutMs, maxAckDelayMs: view.maxAckDelayMs };
    }
    case StreamFrame.REFUSE:
    case StreamFrame.RESET:
      return { frame, code: view.code };
    case StreamFrame.REBIND:
      return {
        frame,
        sequence: view.sequence,
        publicKey: toHex(view.bytes.subarray(view.keyStart, view.signatureStart)),
        signature: toHex(view.bytes.subarray(view.signatureStart, view.addressStart)),
        address: addressText(view),
      };
    case StreamFrame.PATH_CHALLENGE:
    case StreamFrame.PATH_RESPONSE:
      return { frame, token: toHex(view.bytes.subarray(view.tokenStart, view.tokenStart + 8)) };
    case StreamFrame.RETRY:
    case StreamFrame.TOKEN:
      return { frame, token: toHex(view.bytes.subarray(view.tokenStart, view.tokenStart + STREAM_RETRY_TOKEN_BYTES)) };
    case StreamFrame.PADDING:
      return { frame, length: view.dataLength };
    default:
      return { frame };
  }
}

function addressText(view: StreamPacketView): string {
  const dag = Dag.tryFromWire(view.bytes, view.addressStart, view.nodeCount);
  return dag instanceof Dag ? dag.toString() : `not a DAG: ${dag.reason}`;
}
