import { parseTlvHeader, tlvHeaderBytes, writeTlvHeader, type TlvFault, type TlvField } from './tlv-header.js';

/** Transport types that the TYPE field of a transport header (next header 60) tells apart. */
export const TransportType = { STREAM: 1, DGRAM: 2 } as const;

/** Bytes of a transport header; the payload follows. */
export const DGRAM_HEADER_BYTES = 32;

const Key = { TYPE: 0, INFO: 1, SEQUENCE: 4, ACKNOWLEDGEMENT: 5, LENGTH: 6, WINDOW: 7 } as const;
const INFO_DATA = 3;
const ALL_ONES = 0xffff_ffff;

/** The counters of a STREAM packet of the C++ prototype. Ours is next header 62; these are read for captures only. */
export interface PrototypeStreamFields {
  /** 1 SYN, 2 SYNACK, 3 DATA, 4 ACK, 5 FIN, 7 MIGRATE, 8 MIGRATEACK. */
  readonly info: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** Packets. */
  readonly window: number;
}

export type TransportFault = TlvFault | 'unknown-type' | 'missing-field';

export type TransportPacket =
  | { readonly kind: 'dgram'; readonly payload: Uint8Array }
  | ({ readonly kind: 'stream'; readonly payload: Uint8Array } & PrototypeStreamFields)
  | { readonly kind?: never; readonly fault: TransportFault };

function header(type: number, fields: PrototypeStreamFields): Uint8Array {
  const list: readonly TlvField[] = [
    { key: Key.TYPE, width: 1, value: type },
    { key: Key.INFO, width: 1, value: fields.info },
    { key: Key.SEQUENCE, width: 4, value: fields.sequence },
    { key: Key.ACKNOWLEDGEMENT, width: 4, value: fields.acknowledgement },
    { key: Key.LENGTH, width: 2, value: 0 },
    { key: Key.WINDOW, width: 4, value: fields.window },
  ];
  const bytes = new Uint8Array(tlvHeaderBytes(list));
  writeTlvHeader(bytes, 0, list);
  return bytes;
}

const DGRAM_HEADER = header(TransportType.DGRAM, {
  info: INFO_DATA,
  sequence: ALL_ONES,
  acknowledgement: ALL_ONES,
  window: ALL_ONES,
});

/** The 32 bytes before the payload of every datagram. They are always the same and shared: nobody may write to them. */
export function encodeDgramHeader(): Uint8Array {
  return DGRAM_HEADER;
}

/** The header of a STREAM packet of the C++ prototype, in memory of its own. */
export function encodePrototypeStreamHeader(fields: PrototypeStreamFields): Uint8Array {
  return header(TransportType.STREAM, fields);
}

/** Reads what follows the nodes of a packet with next header 60. Payloads are in place, not copied. */
export function parseTransport(bytes: Uint8Array): TransportPacket {
  const parsed = parseTlvHeader(bytes);
  if ('fault' in parsed) return parsed;
  const { values, headerBytes } = parsed;
  const type = values[Key.TYPE];
  if (type === undefined) return { fault: 'missing-field' };
  if (type === TransportType.DGRAM) return { kind: 'dgram', payload: bytes.subarray(headerBytes) };
  if (type !== TransportType.STREAM) return { fault: 'unknown-type' };
  const info = values[Key.INFO];
  const sequence = values[Key.SEQUENCE];
  const acknowledgement = values[Key.ACKNOWLEDGEMENT];
  const window = values[Key.WINDOW];
  if (info === undefined || sequence === undefined || acknowledgement === undefined || window === undefined) {
    return { fault: 'missing-field' };
  }
  return { kind: 'stream', info, sequence, acknowledgement, window, payload: bytes.subarray(headerBytes) };
}
