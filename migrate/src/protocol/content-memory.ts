/** Bytes of contents that are kept. */
const MEMORY_BYTES = 2 * 1024 * 1024;

/**
 * Contents by their CIDs: those that came in last, and who waits for those on their way. So what is offered again soon is not fetched
 * again, and nothing is fetched twice at once.
 */
export class ContentMemory {
  readonly #contents = new Map<string, Uint8Array>();
  readonly #waiting = new Map<string, number[]>();
  #bytes = 0;

  find(cid: Uint8Array): Uint8Array | undefined {
    return this.#contents.get(keyOf(cid));
  }

  /** Notes that this sequence number wants it. True when it is the first one, for which it must be fetched. */
  want(cid: Uint8Array, sequence: number): boolean {
    const waiting = this.#waiting.get(keyOf(cid));
    if (waiting === undefined) this.#waiting.set(keyOf(cid), []);
    else waiting.push(sequence);
    return waiting === undefined;
  }

  /** Keeps a content that came in; the sequence numbers that want it beside the first one. The oldest ones make room. */
  arrived(cid: Uint8Array, content: Uint8Array): readonly number[] {
    const key = keyOf(cid);
    const waiting = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    this.#contents.set(key, content);
    this.#bytes += content.length;
    for (const [oldest, { length }] of this.#contents) {
      if (this.#bytes <= MEMORY_BYTES) break;
      this.#contents.delete(oldest);
      this.#bytes -= length;
    }
    return waiting;
  }

  clear(): void {
    this.#contents.clear();
    this.#waiting.clear();
    this.#bytes = 0;
  }
}

function keyOf(cid: Uint8Array): string {
  return String.fromCharCode(...cid);
}
