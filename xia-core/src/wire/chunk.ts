import { readU16BE, readU16LE, readU32LE, writeU16LE, writeU32LE, XiaError } from '../bytes/index.js';
import { findTlvValue, parseTlvHeader, tlvHeaderBytes, writeTlvHeader, type TlvFault, type TlvField } from './tlv-header.js';

/** Bytes of a request: all of it. The prototype adds a filler text, which is ignored. */
export const CHUNK_REQUEST_BYTES = 16;
/** Bytes of the header before the data of a response. */
export const CHUNK_RESPONSE_BYTES = 52;
/** The most bytes that one response carries, and that a request of the prototype's form can ask for: a 16-bit field. */
export const MAX_CHUNK_RANGE_BYTES = 0xffff;

const Key = {
  OPCODE: 0,
  OFFSET: 1,
  CHUNK_OFFSET: 2,
  LENGTH: 3,
  CHUNK_LENGTH: 4,
  CONTEXT: 5,
  TTL: 6,
  CACHE_SIZE: 7,
  CACHE_POLICY: 8,
} as const;
const Opcode = { REQUEST: 1, RESPONSE: 2 } as const;
/** Where values lie in the header that {@link encodeChunkResponseHeader} writes. */
const UsualAt = { OPCODE: 4, CHUNK_OFFSET: 11, LENGTH: 17, CHUNK_LENGTH: 21, TTL: 33 } as const;
/** The same of a request, as {@link encodeChunkRequest} writes it. */
const UsualRequestAt = { OPCODE: 4, CHUNK_OFFSET: 7, LENGTH: 13 } as const;
/** What the prototype writes where it has nothing to say; receivers of ours ignore it. */
const DEFAULT_CACHE_SIZE = 1024;
/** The header of every response before its numbers are written: a copy costs less than the writing of nine fields. */
const USUAL_RESPONSE = usualResponse();

/** A range of a chunk: 0, 0 is all of it, and length 0 after another offset means to the end. */
export interface ChunkRequest {
  readonly offset: number;
  /**
   * Bytes, 32 bits. More than {@link MAX_CHUNK_RANGE_BYTES} takes a field of four bytes, of which the prototype reads the lower two: it
   * answers less than was asked for.
   */
  readonly length: number;
}

/** What a segment of a chunk says about itself. */
export interface ChunkResponse {
  /** Where in the chunk the data of this segment begins. */
  readonly offset: number;
  /** Bytes of data in this segment. */
  readonly length: number;
  /** Bytes of the whole chunk. */
  readonly chunkLength: number;
  readonly ttlSeconds: number;
}

export type ChunkFault = TlvFault | 'missing-field' | 'unknown-opcode' | 'range';

export type ChunkPacket =
  | ({ readonly opcode: 'request' } & ChunkRequest)
  | ({ readonly opcode: 'response'; readonly dataOffset: number } & ChunkResponse)
  | { readonly opcode?: never; readonly fault: ChunkFault };

/** @throws XiaError `bad-argument` when a number does not fit its field. */
export function encodeChunkRequest({ offset, length }: ChunkRequest): Uint8Array {
  requireRange('offset', offset, 0xffff_ffff);
  requireRange('length', length, 0xffff_ffff);
  const fields: readonly TlvField[] = [
    { key: Key.OPCODE, width: 1, value: Opcode.REQUEST },
    { key: Key.CHUNK_OFFSET, width: 4, value: offset },
    { key: Key.LENGTH, width: length > MAX_CHUNK_RANGE_BYTES ? 4 : 2, value: length },
  ];
  const bytes = new Uint8Array(tlvHeaderBytes(fields));
  writeTlvHeader(bytes, 0, fields);
  return bytes;
}

/**
 * Writes the 52 bytes before the data of a segment at `target[at]`.
 * @throws XiaError `bad-argument` when a number does not fit its field.
 */
export function encodeChunkResponseHeader(target: Uint8Array, at: number, fields: ChunkResponse): void {
  requireRange('offset', fields.offset, 0xffff_ffff);
  requireRange('length', fields.length, MAX_CHUNK_RANGE_BYTES);
  requireRange('chunkLength', fields.chunkLength, 0xffff_ffff);
  requireRange('ttlSeconds', fields.ttlSeconds, 0xffff_ffff);
  target.set(USUAL_RESPONSE, at);
  setChunkResponseRange(target, at, fields.offset, fields.length);
  writeU32LE(target, at + UsualAt.CHUNK_LENGTH, fields.chunkLength);
  writeU32LE(target, at + UsualAt.TTL, fields.ttlSeconds);
}

function usualResponse(): Uint8Array {
  const bytes = new Uint8Array(CHUNK_RESPONSE_BYTES);
  writeTlvHeader(bytes, 0, [
    { key: Key.OPCODE, width: 1, value: Opcode.RESPONSE },
    { key: Key.OFFSET, width: 2, value: 0 },
    { key: Key.CHUNK_OFFSET, width: 4, value: 0 },
    { key: Key.LENGTH, width: 2, value: 0 },
    { key: Key.CHUNK_LENGTH, width: 4, value: 0 },
    { key: Key.CONTEXT, width: 4, value: 0 },
    { key: Key.TTL, width: 4, value: 0 },
    { key: Key.CACHE_SIZE, width: 4, value: DEFAULT_CACHE_SIZE },
    { key: Key.CACHE_POLICY, width: 4, value: 0 },
  ]);
  return bytes;
}

/** Changes what a header that {@link encodeChunkResponseHeader} wrote at `target[at]` says of its data; the numbers must fit. */
export function setChunkResponseRange(target: Uint8Array, at: number, offset: number, length: number): void {
  writeU32LE(target, at + UsualAt.CHUNK_OFFSET, offset);
  writeU16LE(target, at + UsualAt.LENGTH, length);
}

/**
 * Reads what follows the nodes of a packet with next header 12: the bytes from `start` to `end`, or all of them. In a response,
 * the data begins at `dataOffset` of `bytes` and is exactly `length` bytes inside of the chunk.
 */
export function parseChunk(bytes: Uint8Array, start = 0, end = bytes.length): ChunkPacket {
  if (isUsualRequest(bytes, start, end)) {
    const offset = readU32LE(bytes, start + UsualRequestAt.CHUNK_OFFSET);
    return { opcode: 'request', offset, length: readU16LE(bytes, start + UsualRequestAt.LENGTH) };
  }
  if (!isUsualResponse(bytes, start, end)) return parseAnyChunk(bytes.subarray(start, end), start);
  const offset = readU32LE(bytes, start + UsualAt.CHUNK_OFFSET);
  const length = readU16LE(bytes, start + UsualAt.LENGTH);
  const chunkLength = readU32LE(bytes, start + UsualAt.CHUNK_LENGTH);
  const dataOffset = start + CHUNK_RESPONSE_BYTES;
  if (offset + length > chunkLength || dataOffset + length !== end) return { fault: 'range' };
  return { opcode: 'response', offset, length, chunkLength, ttlSeconds: readU32LE(bytes, start + UsualAt.TTL), dataOffset };
}

/**
 * Whether there is a header with the fields that {@link encodeChunkResponseHeader} writes, whatever their values: then each has
 * its place, and a packet that is only passing needs no search for it.
 */
function isUsualResponse(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    end - start >= CHUNK_RESPONSE_BYTES &&
    bytes[start + 1] === CHUNK_RESPONSE_BYTES &&
    readU16BE(bytes, start + 2) === (0x200 | Key.OPCODE) &&
    bytes[start + UsualAt.OPCODE] === Opcode.RESPONSE &&
    readU16BE(bytes, start + 5) === (0x300 | Key.OFFSET) &&
    readU16BE(bytes, start + 9) === (0x500 | Key.CHUNK_OFFSET) &&
    readU16BE(bytes, start + 15) === (0x300 | Key.LENGTH) &&
    readU16BE(bytes, start + 19) === (0x500 | Key.CHUNK_LENGTH) &&
    readU16BE(bytes, start + 25) === (0x500 | Key.CONTEXT) &&
    readU16BE(bytes, start + 31) === (0x500 | Key.TTL) &&
    readU16BE(bytes, start + 37) === (0x500 | Key.CACHE_SIZE) &&
    readU16BE(bytes, start + 43) === (0x500 | Key.CACHE_POLICY) &&
    bytes[start + 49] === 0
  );
}

/** Whether there is a header with the fields that {@link encodeChunkRequest} writes, whatever their values. */
function isUsualRequest(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    end - start >= CHUNK_REQUEST_BYTES &&
    bytes[start + 1] === CHUNK_REQUEST_BYTES &&
    readU16BE(bytes, start + 2) === (0x200 | Key.OPCODE) &&
    bytes[start + UsualRequestAt.OPCODE] === Opcode.REQUEST &&
    readU16BE(bytes, start + 5) === (0x500 | Key.CHUNK_OFFSET) &&
    readU16BE(bytes, start + 11) === (0x300 | Key.LENGTH) &&
    bytes[start + 15] === 0
  );
}

/** Reads any header; `start` is where `bytes` lie in what `dataOffset` counts from. */
function parseAnyChunk(bytes: Uint8Array, start: number): ChunkPacket {
  const parsed = parseTlvHeader(bytes);
  if ('fault' in parsed) return parsed;
  const { values, headerBytes } = parsed;
  const opcode = values[Key.OPCODE];
  const offset = values[Key.CHUNK_OFFSET];
  const length = values[Key.LENGTH];
  if (opcode === undefined || offset === undefined || length === undefined) return { fault: 'missing-field' };
  if (opcode === Opcode.REQUEST) return { opcode: 'request', offset, length };
  if (length > MAX_CHUNK_RANGE_BYTES) return { fault: 'range' };
  if (opcode !== Opcode.RESPONSE) return { fault: 'unknown-opcode' };
  const chunkLength = values[Key.CHUNK_LENGTH];
  if (chunkLength === undefined) return { fault: 'missing-field' };
  if (offset + length > chunkLength || headerBytes + length !== bytes.length) return { fault: 'range' };
  return { opcode: 'response', offset, length, chunkLength, ttlSeconds: values[Key.TTL] ?? 0, dataOffset: start + headerBytes };
}

/** Where in its chunk the data of a response begins, whose header is at `start`; -1 when it does not say. Allocates nothing. */
export function chunkOffsetAt(bytes: Uint8Array, start: number): number {
  return findTlvValue(bytes, start, Key.CHUNK_OFFSET);
}

/** Whether what follows the nodes of a packet, at `start`, calls itself a response. Allocates nothing. */
export function isChunkResponseAt(bytes: Uint8Array, start: number): boolean {
  return findTlvValue(bytes, start, Key.OPCODE) === Opcode.RESPONSE;
}

function requireRange(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new XiaError('bad-argument', `${name} ${value} is not an integer of 0 to ${most}`, { name, value });
}
