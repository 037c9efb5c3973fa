import { concatBytes, SeededRandom } from 'xia-core';

const BYTES = 1 << 20;
const once = new SeededRandom(4711).bytes(BYTES);
/** Twice, so that a piece may go over the end. */
const text = concatBytes(once, once);

/**
 * Bytes `from` to `from + length` of one of many endless texts; a shift, loss or repetition anywhere shows. At most 1 MiB; may not
 * be written to.
 */
export function textPiece(salt: number, from: number, length: number): Uint8Array {
  const start = (from + salt * 7919) % BYTES;
  return text.subarray(start, start + length);
}
