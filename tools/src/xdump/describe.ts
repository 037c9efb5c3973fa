import type { Decoded } from './decode-frame.js';
import { describeUpper } from './describe-upper.js';
import { textOf } from './json-value.js';

/** Where and when a packet was captured; a packet given as hexadecimal digits has nothing of it. */
export interface CaptureFacts {
  /** Milliseconds since 1970. */
  readonly wallMs?: number | undefined;
  readonly face?: string | undefined;
  readonly direction?: 'in' | 'out' | undefined;
  readonly neighbour?: number | undefined;
  /** Bytes of the packet, of which fewer may have been captured. */
  readonly length?: number | undefined;
}

/** A packet as JSON: the facts of its capture, and then its fields. */
export function recordJson(facts: CaptureFacts, decoded: Decoded): object {
  return { ...facts, ...decoded };
}

/** A packet as text, the addresses on lines of their own because they are long. */
export function recordText(facts: CaptureFacts, decoded: Decoded): string {
  const prefix = prefixOf(facts);
  if ('error' in decoded) return `${prefix}malformed: ${decoded.error}`;
  if ('xarp' in decoded) {
    const { operation, senderMac, senderXid, targetMac, targetXid } = decoded.xarp;
    return `${prefix}XARP ${textOf(operation)}: ${textOf(senderXid)} is at ${textOf(senderMac)}, and asks ${textOf(targetXid)} (${textOf(targetMac)})`;
  }
  const { hopLimit, payloadLength, last, source, destination, upper } = decoded;
  const reached = last < 0 ? '' : `, node ${last} reached`;
  return [
    `${prefix}${describeUpper(upper)}; hop limit ${hopLimit}, payload ${payloadLength}${reached}`,
    `    from ${source}`,
    `    to   ${destination}`,
  ].join('\n');
}

function prefixOf({ wallMs, face, direction, neighbour, length }: CaptureFacts): string {
  const words: string[] = [];
  if (wallMs !== undefined) words.push(timeOfDay(wallMs));
  if (face !== undefined && face !== '') words.push(neighbour === undefined || neighbour === 0 ? face : `${face}/${neighbour}`);
  if (direction !== undefined) words.push(direction);
  if (length !== undefined) words.push(`${length} B`);
  return words.length === 0 ? '' : `${words.join(' ')}  `;
}

/** `12:34:56.123456`, in UTC. */
function timeOfDay(wallMs: number): string {
  const microseconds = Math.round(wallMs * 1000);
  const time = new Date(Math.floor(microseconds / 1000)).toISOString().slice(11, 23);
  return `${time}${String(microseconds % 1000).padStart(3, '0')}`;
}
