/**
 * As much of DER (X.690) as it takes to write a certificate of ours. Only writing: certificates are read by `node:crypto`.
 */

/** One element: its tag, its length, and what it holds. Contents are shorter than 65536 bytes. */
export function derElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, { length: bytes }) => sum + bytes, 0);
  return Buffer.concat([Uint8Array.of(tag, ...derLength(length)), ...contents]);
}

function derLength(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(0x30, ...elements);
}

export function derSet(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(0x31, ...elements);
}

/** A small number: 0 to 127. */
export function derInteger(value: number): Uint8Array {
  return derElement(0x02, Uint8Array.of(value));
}

/** A BIT STRING; the last `unused` bits of the last byte are not part of it. */
export function derBits(bytes: Uint8Array, unused = 0): Uint8Array {
  return derElement(0x03, Uint8Array.of(unused), bytes);
}

export function derText(tag: DerText, text: string): Uint8Array {
  return derElement(tag, Buffer.from(text, 'latin1'));
}

/** Kinds of text: UTF8String (ASCII will do), UTCTime `YYMMDDhhmmssZ`, GeneralizedTime `YYYYMMDDhhmmssZ`. */
export const DerText = { UTF8: 0x0c, UTC_TIME: 0x17, GENERALIZED_TIME: 0x18 } as const;
export type DerText = (typeof DerText)[keyof typeof DerText];

/** Element `index` of a structure, with a tag of its own around it. */
export function derExplicit(index: number, element: Uint8Array): Uint8Array {
  return derElement(0xa0 | index, element);
}
