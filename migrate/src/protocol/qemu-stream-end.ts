import { concatBytes } from 'xia-core';

/**
 * Where a QEMU migration stream ends (QEMU migration/savevm.c): after the last section comes QEMU_VM_EOF (0x00); unless
 * the machine suppresses it, QEMU_VM_VMDESCRIPTION (0x06), a 32-bit big-endian length and that many bytes of JSON.
 *
 * Two decisions hang on it. A source whose migration failed or was cancelled just closes its output, which must not be
 * taken for a complete VM. And a destination QEMU starts the VM as soon as it has read QEMU_VM_EOF, whether the JSON
 * comes or not, so the marker must be among the bytes that are held back until the commit.
 */
const QEMU_MAGIC = [0x51, 0x45, 0x56, 0x4d] as const; // "QEVM"
const VM_EOF = 0x00;
const VM_DESCRIPTION = 0x06;
const SECTION_FOOTER = 0x7e;
const FOOTER_BYTES = 5;
const DESCRIPTION_HEADER_BYTES = 6;
const JSON_OPEN = 0x7b;

/** Whether a stream that starts with these bytes is QEMU's. Four bytes decide. */
function isQemuStream(head: Uint8Array): boolean {
  return QEMU_MAGIC.every((byte, index) => head[index] === byte);
}

/**
 * The distance of QEMU_VM_EOF from the end of the stream, in bytes (1 = it is the last byte), or undefined when the
 * stream does not end as a complete one does. `tail` is the end of the stream, as much of it as was kept.
 */
export function findQemuStreamEnd(tail: Uint8Array): number | undefined {
  const n = tail.length;
  // Without a description, the marker follows a section footer: 0x7e and the section's number.
  if (n > FOOTER_BYTES && tail[n - 1] === VM_EOF && tail[n - 1 - FOOTER_BYTES] === SECTION_FOOTER) return 1;
  for (let at = n - DESCRIPTION_HEADER_BYTES - 1; at >= 0; at--) {
    if (tail[at] !== VM_EOF || tail[at + 1] !== VM_DESCRIPTION) continue;
    const length = ((tail[at + 2]! << 24) | (tail[at + 3]! << 16) | (tail[at + 4]! << 8) | tail[at + 5]!) >>> 0;
    if (length === n - at - DESCRIPTION_HEADER_BYTES && tail[at + DESCRIPTION_HEADER_BYTES] === JSON_OPEN) return n - at;
  }
  return undefined;
}

/** Keeps the first four bytes of a stream and its last `capacity`, to judge at the end whether it is complete. */
export class StreamEndWatch {
  readonly #head = new Uint8Array(QEMU_MAGIC.length);
  /** The last bytes, in a ring. */
  readonly #tail: Uint8Array;
  #total = 0;

  constructor(capacity: number) {
    this.#tail = new Uint8Array(capacity);
  }

  /** Takes the next piece, copying it. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (this.#total < this.#head.length) this.#head.set(piece.subarray(0, this.#head.length - this.#total), this.#total);
    this.#total += piece.length;
    const ring = this.#tail;
    if (ring.length === 0) return;
    const last = piece.length > ring.length ? piece.subarray(piece.length - ring.length) : piece;
    const at = (this.#total - last.length) % ring.length;
    const fitting = Math.min(last.length, ring.length - at);
    ring.set(last.subarray(0, fitting), at);
    ring.set(last.subarray(fitting), 0);
  }

  /**
   * 'complete' and 'truncated' are said of QEMU streams; anything else is 'other' and ends where it ends. A stream of
   * less than four bytes is 'truncated': QEMU closes an empty one when its migration fails at once.
   */
  judge(): 'complete' | 'truncated' | 'other' {
    if (this.#total < this.#head.length) return 'truncated';
    if (!isQemuStream(this.#head)) return 'other';
    return findQemuStreamEnd(this.#lastBytes()) === undefined ? 'truncated' : 'complete';
  }

  #lastBytes(): Uint8Array {
    const ring = this.#tail;
    if (this.#total <= ring.length) return ring.subarray(0, this.#total);
    const oldest = this.#total % ring.length;
    return concatBytes(ring.subarray(oldest), ring.subarray(0, oldest));
  }
}
