import { XiaError } from '../bytes/index.js';
import { packBody } from './msgpack.js';

/**
 * A control message: one kind byte, then a msgpack map.
 * @throws XiaError `too-large` when it has more than `maximumBytes`.
 */
export function encodeKindMessage(kind: number, body: Readonly<Record<string, unknown>>, maximumBytes: number): Uint8Array {
  const packed = packBody(body);
  const bytes = new Uint8Array(packed.length + 1);
  if (bytes.length > maximumBytes) {
    throw new XiaError('too-large', `a control message of ${bytes.length} bytes, ${maximumBytes} are allowed`, { kind });
  }
  bytes[0] = kind;
  bytes.set(packed, 1);
  return bytes;
}
