/**
 * Internet checksum (RFC 1071) of `bytes[start, end)`: the value to write into a checksum field that was zero,
 * and 0 over a message whose checksum field is right.
 */
export function internetChecksum(bytes: Uint8Array, start = 0, end = bytes.length): number {
  return finishChecksum(sumWords(bytes, start, end, 0));
}

/** Adds the 16-bit words of `bytes[start, end)` to a running sum; an odd last byte counts as the high half of a word. */
export function sumWords(bytes: Uint8Array, start: number, end: number, sum: number): number {
  let total = sum;
  let at = start;
  for (; at + 1 < end; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < end) total += bytes[at]! << 8;
  return total;
}

/** Folds a running sum of words to the 16-bit one's complement. */
export function finishChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return ~folded & 0xffff;
}
