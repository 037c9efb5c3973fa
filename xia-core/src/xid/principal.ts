import { XiaError } from '../bytes/index.js';

/** Codes of the principal types that every node knows. */
export const PrincipalType = { AD: 0x10, HID: 0x11, CID: 0x12, SID: 0x13, IP: 0x14 } as const;
export type PrincipalType = (typeof PrincipalType)[keyof typeof PrincipalType];

const NAME = /^[A-Z][A-Z0-9]{0,15}$/;
/** 0 is "undefined" and 0xff is an in-memory marker of the C++ prototype; neither may name a node. */
const RESERVED: ReadonlySet<number> = new Set([0x00, 0xff]);

/** Whether a code may not be the type of a node in any address. */
export function isReservedType(code: number): boolean {
  return RESERVED.has(code);
}

/** Names and codes of principal types. A new type is one entry here; the wire and the tables take any code. */
export class PrincipalTable {
  readonly #codes = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor() {
    for (const [name, code] of Object.entries(PrincipalType)) this.add(name, code);
  }

  /**
   * Adds a type. Adding the same pair again changes nothing.
   * @throws XiaError `bad-argument` when the name or the code is taken, reserved or malformed.
   */
  add(name: string, code: number): void {
    if (this.#codes.get(name) === code) return;
    const refuse = (reason: string): never => {
      throw new XiaError('bad-argument', `principal type ${name} (${code}): ${reason}`, { name, code });
    };
    if (!NAME.test(name)) refuse('a name is 1 to 16 upper-case letters and digits, a letter first');
    if (!Number.isInteger(code) || code < 0 || code > 0xffff_ffff) refuse('a code is an unsigned 32-bit integer');
    if (isReservedType(code)) refuse('the code is reserved');
    if (this.#codes.has(name) || this.#names.has(code)) refuse('the name or the code is taken');
    this.#codes.set(name, code);
    this.#names.set(code, name);
  }

  /** The names of all types. */
  names(): string[] {
    return [...this.#codes.keys()];
  }

  /** Forgets a type that was added; those that every node knows stay. */
  remove(name: string): void {
    const code = this.#codes.get(name);
    if (code === undefined || Object.hasOwn(PrincipalType, name)) return;
    this.#codes.delete(name);
    this.#names.delete(code);
  }

  /** The name of a code; a type without a name reads as its number in hexadecimal, `0x50`. */
  name(code: number): string {
    return this.#names.get(code) ?? `0x${code.toString(16)}`;
  }

  /** The code of a name or of a hexadecimal number (`0x50`), undefined for an unknown name. */
  code(name: string): number | undefined {
    const code = this.#codes.get(name);
    if (code !== undefined || !/^0x[0-9a-f]{1,8}$/.test(name)) return code;
    const number = Number.parseInt(name.slice(2), 16);
    return isReservedType(number) ? undefined : number;
  }
}

/** The table that text is read and written with. */
export const principals: PrincipalTable = new PrincipalTable();
