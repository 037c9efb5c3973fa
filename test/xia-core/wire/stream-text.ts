import { toHex } from '../../../xia-core/src/bytes/index.js';
import { StreamFrame, StreamPacketType, StreamPacketView } from '../../../xia-core/src/wire/stream.js';

const names = Object.fromEntries(Object.entries(StreamFrame).map(([name, code]) => [code, name]));

/** One line that says all that is in a packet, or `fault: …`. */
export function streamText(bytes: Uint8Array): string {
  const view = new StreamPacketView();
  const fault = view.reset(bytes);
  if (fault !== undefined) return `fault: ${fault}`;
  const to = id(view.destinationIdHigh, view.destinationIdLow);
  if (view.type === StreamPacketType.GONE) return `gone ${to}`;
  const head =
    view.type === StreamPacketType.OPENING
      ? `opening ${to} from ${id(view.sourceIdHigh, view.sourceIdLow)} #${view.packetNumber}`
      : `data ${to} #${view.packetNumber}`;
  const frames: string[] = [];
  while (view.nextFrame()) frames.push(frameText(view));
  return `${head}: ${frames.join(', ')}`;
}

/** The frames only, without ids and numbers: what a script is about. */
export function frameNames(bytes: Uint8Array): string {
  const view = new StreamPacketView();
  if (view.reset(bytes) !== undefined) return 'fault';
  if (view.type === StreamPacketType.GONE) return 'GONE';
  const frames: string[] = [];
  while (view.nextFrame()) {
    const name = names[view.frame]!;
    frames.push(view.frame === StreamFrame.DATA ? `DATA ${view.dataOffset}+${view.dataLength}${view.fin ? ' FIN' : ''}` : name);
  }
  return frames.join(' ');
}

function id(high: number, low: number): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}

function frameText(view: StreamPacketView): string {
  const name = names[view.frame]!;
  const part = (start: number, length: number): string => toHex(view.bytes.subarray(start, start + length));
  switch (view.frame) {
    case StreamFrame.ACK: {
      const ranges: string[] = [];
      while (view.nextAckRange()) ranges.push(`${view.rangeFirst}-${view.rangeLast}`);
      return `${name} ${ranges.join(' ')} after ${view.ackDelayMs.toFixed(2)} ms`;
    }
    case StreamFrame.DATA:
      return `${name} ${view.dataOffset} ${part(view.dataStart, view.dataLength) || '-'}${view.fin ? ' FIN' : ''}`;
    case StreamFrame.MAX_DATA:
    case StreamFrame.DATA_BLOCKED:
      return `${name} ${view.limit}`;
    case StreamFrame.OPEN:
    case StreamFrame.ACCEPT:
      return `${name} ${part(view.sidStart, 20)} window ${view.windowBytes} idle ${view.idleTimeoutMs} delay ${view.maxAckDelayMs}`;
    case StreamFrame.REFUSE:
    case StreamFrame.RESET:
      return `${name} ${view.code}`;
    case StreamFrame.REBIND:
      return `${name} ${view.sequence} key ${part(view.keyStart, 4)} signature ${part(view.signatureStart, 4)} nodes ${view.nodeCount}`;
    case StreamFrame.PATH_CHALLENGE:
    case StreamFrame.PATH_RESPONSE:
      return `${name} ${part(view.tokenStart, 8)}`;
    case StreamFrame.RETRY:
    case StreamFrame.TOKEN:
      return `${name} ${part(view.tokenStart, 20)}`;
    case StreamFrame.PADDING:
      return `${name} ${view.dataLength}`;
    default:
      return name;
  }
}
