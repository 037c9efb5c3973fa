import type { ChunkMemory } from './chunk-crypto.js';
import type { MemoryLender } from './transfer-ports.js';

/** Memory of opened chunks, out of the same store as that of chunks on their way: each is only ever one of both for long. */
export class LentMemory implements ChunkMemory {
  protected readonly lender: MemoryLender;
  readonly #lent = new WeakSet<Uint8Array>();

  constructor(lender: MemoryLender) {
    this.lender = lender;
  }

  take(length: number): Uint8Array {
    const bytes = this.lender.lend(length);
    this.#lent.add(bytes);
    return bytes;
  }

  /** Takes back what `take` gave, and leaves alone what came from elsewhere. Nobody reads it any more. */
  give(bytes: Uint8Array): void {
    if (this.keep(bytes)) this.lender.recycle(bytes);
  }

  /** Whether `take` gave this; from now on it is the caller's, and `give` leaves it alone. */
  protected keep(bytes: Uint8Array): boolean {
    return this.#lent.delete(bytes);
  }
}

/** Chunks that were taken back and not used again yet: an answer that somebody asked for twice may still wait to leave. */
const LATE_CHUNKS = 8;

/** Memory of sealed chunks, for as long as they are published. */
export class CiphertextMemory extends LentMemory {
  readonly #published = new Map<string, Uint8Array>();
  readonly #late: Uint8Array[] = [];

  /** Notes which chunk is published out of what `take` gave; other memory is nobody's concern. */
  published(cid: Uint8Array, bytes: Uint8Array): void {
    if (this.keep(bytes)) this.#published.set(keyOf(cid), bytes);
  }

  /** Nobody is to have the chunk any more. */
  unpublished(cid: Uint8Array): void {
    const key = keyOf(cid);
    const bytes = this.#published.get(key);
    if (bytes === undefined) return;
    this.#published.delete(key);
    this.#late.push(bytes);
    if (this.#late.length > LATE_CHUNKS) this.lender.recycle(this.#late.shift()!);
  }
}

function keyOf(cid: Uint8Array): string {
  return Buffer.from(cid.buffer, cid.byteOffset, cid.length).toString('latin1');
}
