import { copyBytes, equalBytes, fromHex, toHex, XiaError } from '../bytes/index.js';
import { PrincipalType, principals } from './principal.js';

/** Bytes of the identifier part of an XID. */
export const XID_ID_BYTES = 20;

/** An XIA identifier: a principal type and 160 bits. Immutable; equal when type and bits are equal. */
export class Xid {
  readonly type: number;
  /** 20 bytes, shared and not copied: nobody may write to them. */
  readonly id: Uint8Array;
  #key: string | undefined;

  /** @throws XiaError `bad-xid` when the type is not an unsigned 32-bit integer or the id not 20 bytes. */
  constructor(type: number, id: Uint8Array) {
    if (!Number.isInteger(type) || type < 0 || type > 0xffff_ffff) {
      throw new XiaError('bad-xid', `principal type ${type} is not an unsigned 32-bit integer`, { type });
    }
    if (id.length !== XID_ID_BYTES) {
      throw new XiaError('bad-xid', `an id has 20 bytes, not ${id.length}`, { length: id.length });
    }
    this.type = type;
    this.id = id;
  }

  /**
   * Reads `TYPE:<40 hex digits>`; `IP:` takes a dotted quad as well, `0x50:` an unnamed type.
   * @throws XiaError `bad-xid` with `{text, reason}`.
   */
  static parse(text: string): Xid {
    const result = Xid.tryParse(text);
    if (result instanceof Xid) return result;
    throw new XiaError('bad-xid', `${JSON.stringify(text)}: ${result.reason}`, { text, reason: result.reason });
  }

  /** As `parse`, with a refusal as a value. */
  static tryParse(text: string): Xid | { readonly reason: string } {
    const colon = text.indexOf(':');
    if (colon < 0) return { reason: 'an XID is written TYPE:<40 hexadecimal digits>' };
    const name = text.slice(0, colon);
    const type = principals.code(name);
    if (type === undefined) return { reason: `unknown principal type ${JSON.stringify(name)}` };
    const rest = text.slice(colon + 1);
    if (type === PrincipalType.IP && rest.includes('.')) {
      const id = fourId(rest);
      return id === undefined ? { reason: 'not an IPv4 address' } : new Xid(type, id);
    }
    if (!/^[0-9a-fA-F]*$/.test(rest)) return { reason: 'an id has hexadecimal digits only' };
    if (rest.length !== 2 * XID_ID_BYTES) return { reason: `an id has 40 hexadecimal digits, not ${rest.length}` };
    return new Xid(type, fromHex(rest));
  }

  /** An XID of 40 hex digits or of 20 bytes, which are copied. @throws XiaError `bad-hex`, `bad-xid` */
  static of(type: number, id: string | Uint8Array): Xid {
    return new Xid(type, typeof id === 'string' ? fromHex(id) : copyBytes(id));
  }

  /** `HID:<40 lower-case hex digits>`. */
  toString(): string {
    return `${principals.name(this.type)}:${toHex(this.id)}`;
  }

  toJSON(): string {
    return this.toString();
  }

  equals(other: Xid): boolean {
    return this.type === other.type && equalBytes(this.id, other.id);
  }

  /** A string that is equal exactly for equal XIDs, to key a Map away from the packet path. */
  get key(): string {
    return (this.#key ??= `${this.type.toString(16)}:${toHex(this.id)}`);
  }
}

/** The id of an IPv4 address: laid out like an IPv4 header, the address in the last four bytes. */
function fourId(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return undefined;
  const id = new Uint8Array(XID_ID_BYTES);
  id[0] = 0x45;
  id[5] = 0x01;
  id[8] = 0xfa;
  id[9] = 0xfa;
  for (let i = 0; i < 4; i++) id[16 + i] = Number(parts[i]);
  return id;
}
