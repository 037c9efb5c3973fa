/** A decoded packet, message or statement of xdump. */
type Json = Readonly<Record<string, unknown>>;

const frameCodes: readonly (string | undefined)[] = [
  '',
  'PING',
  'ACK',
  'DATA',
  'MAX_DATA',
  'DATA_BLOCKED',
  'OPEN',
  'ACCEPT',
  'REFUSE',
  'RESET',
  'CLOSE',
  'REBIND',
  'PATH_CHALLENGE',
  'PATH_RESPONSE',
  'RETRY',
  'TOKEN',
  'PADDING',
];
const statementCodes = ['', 'certificate', 'beacon', 'relay', 'binding', 'binding-ack', 'record', 'hello', 'link-state', 'notice'];
const opcodes: Readonly<Record<string, number>> = { request: 1, response: 2, push: 6 };
const streamKinds = ['data', 'opening', 'gone'];

/** The fields of the dissector that are compared. */
export const comparedFields = [
  'xia.version',
  'xia.next',
  'xia.payload_length',
  'xia.hop_limit',
  'xia.last',
  'xia.destination',
  'xia.source',
  'xia.xcmp.type',
  'xia.xcmp.code',
  'xia.xcmp.checksum',
  'xia.xcmp.id',
  'xia.xcmp.sequence',
  'xia.xcmp.mtu',
  'xia.xcmp.bad_destination',
  'xia.xcmp.next_hop',
  'xia.transport.info',
  'xia.transport.sequence',
  'xia.transport.acknowledgement',
  'xia.transport.window',
  'xia.service',
  'xia.chunk.opcode',
  'xia.chunk.offset',
  'xia.chunk.length',
  'xia.chunk.chunk_length',
  'xia.chunk.context',
  'xia.chunk.ttl',
  'xia.chunk.cache_size',
  'xia.chunk.cache_policy',
  'xia.stream.type',
  'xia.stream.destination_id',
  'xia.stream.source_id',
  'xia.stream.packet_number',
  'xia.stream.frame',
  'xia.stream.offset',
  'xia.stream.length',
  'xia.stream.limit',
  'xia.stream.ack.first',
  'xia.stream.ack.last',
  'xia.stream.window',
  'xia.statement.kind',
  'xia.public_key',
  'xia.signature',
  'xarp.sender_mac',
  'xarp.sender_xid',
  'xarp.target_mac',
  'xarp.target_xid',
] as const;

/** What the dissector must say of a packet, from what our own decoder says: values by field, those that are absent empty. */
export function expectedFields(decoded: Json): Record<string, string[]> {
  const found: Record<string, string[]> = Object.fromEntries(comparedFields.map((field) => [field, []]));
  const add = (field: string, value: unknown) => {
    if (value !== undefined && value !== null) found[field]!.push(typeof value === 'string' ? value : JSON.stringify(value));
  };
  const xarp = decoded['xarp'] as Json | undefined;
  if (xarp !== undefined) {
    add('xarp.sender_mac', xarp['senderMac']);
    add('xarp.sender_xid', xarp['senderXid']);
    add('xarp.target_mac', xarp['targetMac']);
    add('xarp.target_xid', xarp['targetXid']);
  } else {
    packet(decoded, add);
  }
  return found;
}

type Add = (field: string, value: unknown) => void;

function packet(decoded: Json, add: Add): void {
  add('xia.version', decoded['version']);
  add('xia.next', decoded['next']);
  add('xia.payload_length', decoded['payloadLength']);
  add('xia.hop_limit', decoded['hopLimit']);
  add('xia.last', decoded['last']);
  add('xia.destination', decoded['destination']);
  add('xia.source', decoded['source']);
  const upper = decoded['upper'] as Json;
  switch (upper['protocol']) {
    case 'xcmp':
      return xcmp(upper, add);
    case 'dgram':
      add('xia.transport.info', 3);
      for (const field of ['sequence', 'acknowledgement', 'window']) add(`xia.transport.${field}`, 0xffff_ffff);
      add('xia.service', upper['service']);
      return statements(upper['message'], add);
    case 'prototype-stream':
      for (const field of ['info', 'sequence', 'acknowledgement', 'window']) add(`xia.transport.${field}`, upper[field]);
      return;
    case 'chunk':
      add('xia.chunk.opcode', opcodes[upper['opcode'] as string]);
      add('xia.chunk.offset', upper['offset']);
      add('xia.chunk.length', upper['length']);
      add('xia.chunk.chunk_length', upper['chunkLength']);
      add('xia.chunk.context', upper['context']);
      add('xia.chunk.ttl', upper['ttlSeconds']);
      add('xia.chunk.cache_size', upper['cacheSize']);
      return add('xia.chunk.cache_policy', upper['cachePolicy']);
    case 'stream':
      return stream(upper, add);
  }
}

function xcmp(upper: Json, add: Add): void {
  add('xia.xcmp.type', upper['type']);
  add('xia.xcmp.code', upper['code']);
  add('xia.xcmp.checksum', `0x${Number(upper['checksum']).toString(16).padStart(4, '0')}`);
  add('xia.xcmp.id', upper['id']);
  add('xia.xcmp.sequence', upper['sequence']);
  add('xia.xcmp.mtu', upper['mtu']);
  add('xia.xcmp.bad_destination', upper['badDestination']);
  add('xia.xcmp.next_hop', upper['nextHop']);
  const quoted = upper['quoted'] as Json | undefined;
  if (quoted !== undefined) packet(quoted, add);
}

function stream(upper: Json, add: Add): void {
  add('xia.stream.type', streamKinds.indexOf(upper['kind'] as string));
  add('xia.stream.destination_id', upper['destinationId']);
  add('xia.stream.source_id', upper['sourceId']);
  add('xia.stream.packet_number', upper['packetNumber']);
  for (const frame of (upper['frames'] ?? []) as Json[]) {
    add('xia.stream.frame', frameCodes.indexOf(frame['frame'] as string));
    add('xia.stream.offset', frame['offset']);
    add('xia.stream.length', frame['length']);
    add('xia.stream.limit', frame['limit']);
    add('xia.stream.window', frame['windowBytes']);
    for (const { first, last } of (frame['ranges'] ?? []) as Json[]) {
      add('xia.stream.ack.first', first);
      add('xia.stream.ack.last', last);
    }
    add('xia.public_key', frame['publicKey']);
    add('xia.signature', frame['signature']);
  }
}

/** The statements in a message, outer ones before those inside them. */
function statements(value: unknown, add: Add): void {
  if (value === null || typeof value !== 'object') return;
  const statement = value as Json;
  if (statement['statement'] !== undefined) {
    add('xia.statement.kind', statementCodes.indexOf(statement['statement'] as string));
    add('xia.public_key', statement['publicKey']);
    add('xia.signature', statement['signature']);
  }
  for (const inner of Object.values(value)) statements(inner, add);
}
