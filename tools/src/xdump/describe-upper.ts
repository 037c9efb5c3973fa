import { textOf, type JsonObject } from './json-value.js';

/** What a packet carries, on one line, from its decoded form. */
export function describeUpper(upper: JsonObject): string {
  const fault = upper['error'] === undefined ? (upper['truncated'] === true ? ' [cut]' : '') : ` [${textOf(upper['error'])}]`;
  return `${summary(upper)}${fault}`;
}

function summary(upper: JsonObject): string {
  const field = (name: string) => textOf(upper[name]);
  switch (upper['protocol']) {
    case 'xcmp':
      return xcmp(upper);
    case 'dgram':
      return `DGRAM${upper['message'] === undefined ? '' : ` ${field('service')} ${messageText(upper['message'] as JsonObject)}`}, ${field('dataLength')} bytes`;
    case 'prototype-stream': {
      const numbers = `sequence ${field('sequence')}, ack ${field('acknowledgement')}, window ${field('window')}`;
      return `prototype STREAM ${field('infoName')}, ${numbers}, ${field('dataLength')} bytes`;
    }
    case 'chunk':
      return chunk(upper);
    case 'stream':
      return stream(upper);
    case 'none':
      return 'no upper protocol';
    case 'transport':
      return 'TRANSPORT';
    default:
      return `protocol ${field('next')}, ${field('dataLength')} bytes`;
  }
}

function xcmp(upper: JsonObject): string {
  const checksum = upper['checksumValid'] === false ? ' (bad checksum)' : '';
  const name = `XCMP ${textOf(upper['kind'] ?? `type ${textOf(upper['type'])}`)}${checksum}`;
  if (upper['id'] !== undefined) {
    return `${name}, id ${textOf(upper['id'])}, sequence ${textOf(upper['sequence'])}, ${textOf(upper['dataLength'])} bytes`;
  }
  const mtu = upper['mtu'] === undefined ? '' : `, MTU ${textOf(upper['mtu'])}`;
  const quoted = upper['quoted'] as JsonObject | undefined;
  const about = quoted?.['destination'] === undefined ? '' : `, of a packet to ${textOf(quoted['destination'])}`;
  return `${name}, code ${textOf(upper['code'])}${mtu}${about}`;
}

function chunk(upper: JsonObject): string {
  const offset = Number(upper['offset'] ?? 0);
  const length = Number(upper['length'] ?? 0);
  const whole = offset === 0 && length === 0;
  const range = whole ? 'all of it' : length === 0 ? `from ${offset} on` : `bytes ${offset} to ${offset + length - 1}`;
  const of = upper['chunkLength'] === undefined ? '' : ` of ${textOf(upper['chunkLength'])}`;
  return `CHUNK ${textOf(upper['opcode'] ?? '')}, ${range}${of}`;
}

function stream(upper: JsonObject): string {
  const source = upper['sourceId'] === undefined ? '' : ` from ${textOf(upper['sourceId'])}`;
  const number = upper['packetNumber'] === undefined ? '' : ` #${textOf(upper['packetNumber'])}`;
  const frames = ((upper['frames'] as JsonObject[] | undefined) ?? []).map(frameText).join(', ');
  return `STREAM ${textOf(upper['kind'] ?? '')} ${textOf(upper['destinationId'] ?? '')}${source}${number}${frames === '' ? '' : `: ${frames}`}`;
}

function frameText(frame: JsonObject): string {
  const name = textOf(frame['frame']);
  switch (name) {
    case 'ACK': {
      const ranges = frame['ranges'] as { first: number; last: number }[];
      return `ACK ${ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(' ')}`;
    }
    case 'DATA':
      return `DATA ${textOf(frame['offset'])}+${textOf(frame['length'])}${frame['fin'] === true ? ' FIN' : ''}`;
    case 'MAX_DATA':
    case 'DATA_BLOCKED':
      return `${name} ${textOf(frame['limit'])}`;
    case 'REFUSE':
    case 'RESET':
      return `${name} ${textOf(frame['code'])}`;
    case 'OPEN':
    case 'ACCEPT':
      return `${name} window ${textOf(frame['windowBytes'])}`;
    case 'REBIND':
      return `REBIND ${textOf(frame['sequence'])} ${textOf(frame['address'])}`;
    default:
      return name;
  }
}

/** The kind of a control message and what its first statement, or itself, is about. */
function messageText(message: JsonObject): string {
  if (message['error'] !== undefined) return `[${textOf(message['error'])}]`;
  const statements = Object.values(message).filter((value) => (value as JsonObject | null)?.['statement'] !== undefined) as JsonObject[];
  const facts = [message, ...statements.map((statement) => (statement['body'] ?? {}) as JsonObject)];
  const words = ['name', 'status', 'ad', 'hid', 'sequence'].flatMap((key) => {
    const value = facts.map((fact) => fact[key]).find((candidate) => typeof candidate === 'string' || typeof candidate === 'number');
    return value === undefined ? [] : [typeof value === 'number' ? `${key} ${value}` : value];
  });
  const unsigned = statements.some((statement) => statement['signatureValid'] === false) ? ' (bad signature)' : '';
  return [textOf(message['kind']), ...words].join(' ') + unsigned;
}
