// Fixed-width unsigned integers read with shifts: no DataView is made per packet. Callers check bounds first.

/** Unsigned 16-bit integer, network order. */
export function readU16BE(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

/** Unsigned 16-bit integer, little-endian. */
export function readU16LE(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8);
}

/** Unsigned 32-bit integer, network order. */
export function readU32BE(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** Unsigned 32-bit integer, little-endian. */
export function readU32LE(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}

/** Unsigned 48-bit integer, network order: milliseconds and byte offsets of any size that occurs, exact as a number. */
export function readU48BE(bytes: Uint8Array, offset: number): number {
  return readU16BE(bytes, offset) * 0x1_0000_0000 + readU32BE(bytes, offset + 2);
}

export function writeU16BE(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function writeU16LE(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}

export function writeU32BE(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

export function writeU32LE(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

export function writeU48BE(bytes: Uint8Array, offset: number, value: number): void {
  writeU16BE(bytes, offset, Math.floor(value / 0x1_0000_0000));
  writeU32BE(bytes, offset + 2, value % 0x1_0000_0000);
}
