import { XiaError } from './error.js';

const DIGITS = '0123456789abcdef';
const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => DIGITS[byte >> 4]! + DIGITS[byte & 15]!);

/** Lower-case hexadecimal text of `bytes`, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += PAIRS[bytes[i]!]!;
  return text;
}

/** Value of one hexadecimal digit by its character code, or -1. */
function digitValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/**
 * Bytes of a hexadecimal text in either case, without separators.
 * @throws XiaError `bad-hex` with `{position}` of the first character that is not a digit, or of the missing one.
 */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < text.length; i++) {
    const value = digitValue(text.charCodeAt(i));
    if (value < 0) throw new XiaError('bad-hex', `not a hexadecimal digit at ${i}`, { position: i });
    if (i >> 1 < bytes.length) bytes[i >> 1] = (bytes[i >> 1]! << 4) | value;
  }
  if (text.length % 2 !== 0) {
    throw new XiaError('bad-hex', 'an odd number of hexadecimal digits', { position: text.length });
  }
  return bytes;
}
