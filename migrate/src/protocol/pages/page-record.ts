/**
 * The records of QEMU's RAM sections (QEMU migration/ram.c): a big-endian 64-bit address within a block, whose low 12 bits are
 * flags; the block's name, unless `CONTINUE` says that it is the one before; and what the flags announce.
 */
export const PAGE_BYTES = 4096;
export const HEADER_BYTES = 8;
/** A page of one repeated byte, which follows, and is 0 ever since QEMU 2. */
export const FLAG_ZERO = 0x02;
/** 4096 bytes follow. */
export const FLAG_PAGE = 0x08;
/** The section ends. */
export const FLAG_END = 0x10;
export const FLAG_CONTINUE = 0x20;
/** A page as the difference to what was sent before: a byte 0x01, a big-endian 16-bit length, and so many bytes follow. */
export const FLAG_XBZRLE = 0x40;

/** Pages per turn of the high word. */
const PAGES_PER_WORD = 0x10_0000;
/** Bytes of a zero page's record that continues a block. */
export const ZERO_RECORD_BYTES = HEADER_BYTES + 1;
/** Bytes of a page's record that continues a block. */
export const PAGE_RECORD_BYTES = HEADER_BYTES + PAGE_BYTES;

/** Number of the page that the header at `at` names; exact, below 2^52. */
export function readPageNumber(bytes: Uint8Array, at: number): number {
  const high = readWord(bytes, at);
  return high * PAGES_PER_WORD + (readWord(bytes, at + 4) >>> 12);
}

export function readFlags(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 6]! & 0x0f) << 8) | bytes[at + 7]!;
}

export function writeHeader(bytes: Uint8Array, at: number, page: number, flags: number): void {
  writeWord(bytes, at, Math.floor(page / PAGES_PER_WORD));
  writeWord(bytes, at + 4, ((page % PAGES_PER_WORD) << 12) | flags);
}

export function readWord(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
