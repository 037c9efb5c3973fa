/** The largest number that is written: exact in a double. */
export const MAX_VARINT = Number.MAX_SAFE_INTEGER;
const MAX_VARINT_BYTES = 8;

/** Appends a number from 0 to `MAX_VARINT`, seven bits a byte, the lowest first, the high bit saying that more follow. */
export function pushVarint(to: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) to.push((rest % 0x80) | 0x80);
  to.push(rest);
}

/** Reads bytes one thing after the other. What is not there makes it `failed`, and is read as 0 or nothing. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    if (this.isAtEnd) return this.#fail();
    return this.#bytes[this.#at++]!;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > MAX_VARINT) break;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    return this.#fail();
  }

  /** A view of the next bytes. */
  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) {
      this.#fail();
      return this.#bytes.subarray(0, 0);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #fail(): 0 {
    this.failed = true;
    this.#at = this.#bytes.length;
    return 0;
  }
}
