import { readU16LE, readU32LE, writeU16LE, writeU32LE } from '../bytes/index.js';

// Extension header of the prototype: next header u8, total bytes u8 (a multiple of 4), then fields {length = 1 + bytes of
// the value, key, value} in ascending order of keys, then zeros. Values are little-endian integers.

/** The next-header value that extension headers carry. */
const EXTENSION_NEXT = 59;
const MIN_BYTES = 4;
/** Keys beyond this are skipped: no header of ours or of the prototype has them. */
const KEY_COUNT = 16;

/** One field to be written; `width` is the bytes of its value. */
export interface TlvField {
  readonly key: number;
  readonly width: 1 | 2 | 4;
  readonly value: number;
}

/** Why a header is refused. */
export type TlvFault = 'short' | 'header-length' | 'field-length' | 'field-order';

export interface TlvHeader {
  /** Bytes of the header, padding included. */
  readonly headerBytes: number;
  /** Values by key; undefined for a field that is absent or not an integer of 1, 2 or 4 bytes. */
  readonly values: ReadonlyArray<number | undefined>;
}

/** Reads the header at the start of `bytes`. Unknown fields are skipped; keys must grow, so none comes twice. */
export function parseTlvHeader(bytes: Uint8Array): TlvHeader | { readonly fault: TlvFault } {
  if (bytes.length < MIN_BYTES) return { fault: 'short' };
  const headerBytes = bytes[1]!;
  if (headerBytes < MIN_BYTES || headerBytes % 4 !== 0) return { fault: 'header-length' };
  if (headerBytes > bytes.length) return { fault: 'short' };
  const values: Array<number | undefined> = [];
  let previous = -1;
  let at = 2;
  while (at < headerBytes && bytes[at] !== 0) {
    const width = bytes[at]! - 1;
    if (at + 2 + width > headerBytes) return { fault: 'field-length' };
    const key = bytes[at + 1]!;
    if (key <= previous) return { fault: 'field-order' };
    if (key < KEY_COUNT) values[key] = readValue(bytes, at + 2, width);
    previous = key;
    at += 2 + width;
  }
  return { headerBytes, values };
}

/**
 * The value of one field of the header at `start`, and nothing else of it looked at: for a packet that is only passing. -1 when it
 * is not there.
 */
export function findTlvValue(bytes: Uint8Array, start: number, key: number): number {
  const end = Math.min(bytes.length, start + (bytes[start + 1] ?? 0));
  for (let at = start + 2; at + 1 < end && bytes[at] !== 0; at += 1 + bytes[at]!) {
    if (bytes[at + 1] !== key) continue;
    return at + 1 + bytes[at]! <= end ? (readValue(bytes, at + 2, bytes[at]! - 1) ?? -1) : -1;
  }
  return -1;
}

function readValue(bytes: Uint8Array, offset: number, width: number): number | undefined {
  if (width === 1) return bytes[offset];
  if (width === 2) return readU16LE(bytes, offset);
  return width === 4 ? readU32LE(bytes, offset) : undefined;
}

/** Bytes of a header with these fields. */
export function tlvHeaderBytes(fields: readonly TlvField[]): number {
  let length = 2;
  for (const field of fields) length += 2 + field.width;
  return (length + 3) & ~3;
}

/** Writes a header at `offset`; fields in ascending order of their keys, together at most 252 bytes. */
export function writeTlvHeader(target: Uint8Array, offset: number, fields: readonly TlvField[]): void {
  const headerBytes = tlvHeaderBytes(fields);
  target[offset] = EXTENSION_NEXT;
  target[offset + 1] = headerBytes;
  let at = offset + 2;
  for (const { key, width, value } of fields) {
    target[at] = 1 + width;
    target[at + 1] = key;
    if (width === 1) target[at + 2] = value;
    else if (width === 2) writeU16LE(target, at + 2, value);
    else writeU32LE(target, at + 2, value);
    at += 2 + width;
  }
  target.fill(0, at, offset + headerBytes);
}
