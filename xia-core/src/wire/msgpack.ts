import { Packr } from 'msgpackr';

/** Why bytes were not taken as a msgpack map. */
export type MsgpackFault = 'truncated' | 'bad-body';

/** Nesting that a body may have: a map, its lists and what they hold. */
const MAX_DEPTH = 8;

const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false, int64AsType: 'number' });

/** The msgpack bytes of a plain value. Keys keep their order, so equal values give equal bytes. */
export function packBody(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(value));
}

/**
 * Decodes one msgpack map and nothing behind it. Lengths are checked against what is there before the decoder runs,
 * and extension types, which can make a decoder build code or objects, are refused.
 */
export function unpackBody(bytes: Uint8Array): { ok: true; value: unknown } | { ok: false; reason: MsgpackFault } {
  const reason = scan(bytes);
  if (reason !== undefined) return { ok: false, reason };
  try {
    return { ok: true, value: packr.unpack(bytes) };
  } catch {
    return { ok: false, reason: 'bad-body' };
  }
}

/** Walks the token structure once. The top is a map, and every length stays inside the bytes. */
function scan(bytes: Uint8Array): MsgpackFault | undefined {
  if (bytes.length === 0) return 'truncated';
  const remaining: number[] = [1];
  let at = 0;
  while (remaining.length > 0) {
    const top = remaining.length - 1;
    const left = remaining[top]!;
    if (left === 0) {
      remaining.pop();
      continue;
    }
    remaining[top] = left - 1;
    const token = bytes[at];
    if (token === undefined) return 'truncated';
    const length = tokenLength(bytes, at, token);
    if (length < 0) return 'bad-body';
    if (at + length > bytes.length) return 'truncated';
    const children = childCount(bytes, at, token);
    if (at === 0 && !isMap(token)) return 'bad-body';
    at += length;
    if (children > 0) {
      // Every child takes a byte at least, so a count beyond the rest is a lie told before it costs memory.
      if (children > bytes.length - at) return 'truncated';
      if (remaining.length >= MAX_DEPTH) return 'bad-body';
      remaining.push(children);
    }
  }
  return at === bytes.length ? undefined : 'bad-body';
}

function isMap(token: number): boolean {
  return (token & 0xf0) === 0x80 || token === 0xde || token === 0xdf;
}

/** Bytes of a token with its own data, without its children; -1 for one that is refused; beyond the end if cut. */
function tokenLength(bytes: Uint8Array, at: number, token: number): number {
  if (token < 0xa0 || token >= 0xe0) return 1;
  if (token < 0xc0) return 1 + (token & 0x1f);
  switch (token) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 1;
    case 0xc4:
    case 0xd9:
      return 2 + unsigned(bytes, at + 1, 1);
    case 0xc5:
    case 0xda:
      return 3 + unsigned(bytes, at + 1, 2);
    case 0xc6:
    case 0xdb:
      return 5 + unsigned(bytes, at + 1, 4);
    case 0xcc:
    case 0xd0:
      return 2;
    case 0xcd:
    case 0xd1:
    case 0xdc:
    case 0xde:
      return 3;
    case 0xca:
    case 0xce:
    case 0xd2:
    case 0xdd:
    case 0xdf:
      return 5;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return 9;
    default:
      return -1;
  }
}

function childCount(bytes: Uint8Array, at: number, token: number): number {
  if ((token & 0xf0) === 0x80) return 2 * (token & 0x0f);
  if ((token & 0xf0) === 0x90) return token & 0x0f;
  if (token === 0xdc) return unsigned(bytes, at + 1, 2);
  if (token === 0xdd) return unsigned(bytes, at + 1, 4);
  if (token === 0xde) return 2 * unsigned(bytes, at + 1, 2);
  if (token === 0xdf) return 2 * unsigned(bytes, at + 1, 4);
  return 0;
}

/** A big-endian length; bytes past the end read as zero, the caller's bound check then says "truncated". */
function unsigned(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
