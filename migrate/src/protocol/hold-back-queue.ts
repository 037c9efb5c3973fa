/**
 * A verified piece of the VM stream, in its place. `end` is the offset just after it in the whole stream. Once it is handed on, its
 * memory may be used again.
 */
export interface OrderedChunk {
  readonly sequence: number;
  readonly end: number;
  readonly plaintext: Uint8Array;
}

/**
 * Plaintext in order, of which the last `holdBackBytes` stay here until `openUp`: without them the destination QEMU
 * cannot start the VM. Counts what was handed on, and says which chunks may be acknowledged.
 *
 * Holds at most `holdBackBytes` and one chunk, plus what was released and is not handed on yet.
 */
export class HoldBackQueue {
  readonly #holdBackBytes: number;
  readonly #slackBytes: number;
  readonly #held: OrderedChunk[] = [];
  readonly #unacknowledged: OrderedChunk[] = [];
  #received = 0;
  #released = 0;
  #handedOn = 0;
  #open = false;

  /** `slackBytes`: the largest chunk; the queue keeps up to that much more, because it releases whole chunks. */
  constructor(holdBackBytes: number, slackBytes: number) {
    this.#holdBackBytes = holdBackBytes;
    this.#slackBytes = slackBytes;
  }

  /** Plain bytes taken in so far. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** Plain bytes kept here or released and not handed on. */
  get bytes(): number {
    return this.#received - this.#handedOn;
  }

  get handedOnBytes(): number {
    return this.#handedOn;
  }

  get isEmpty(): boolean {
    return this.#handedOn === this.#received;
  }

  push(sequence: number, plaintext: Uint8Array): void {
    this.#received += plaintext.length;
    const chunk = { sequence, end: this.#received, plaintext };
    this.#held.push(chunk);
    this.#unacknowledged.push(chunk);
  }

  /** Lets everything out: the VM is ours. */
  openUp(): void {
    this.#open = true;
  }

  /** The next chunk that may leave, or undefined. */
  release(): OrderedChunk | undefined {
    const first = this.#held[0];
    if (first === undefined) return undefined;
    if (!this.#open && this.#received - first.end < this.#holdBackBytes) return undefined;
    this.#held.shift();
    this.#released = first.end;
    return first;
  }

  /** The reader has taken everything up to the end of this released chunk. */
  handedOn(chunk: OrderedChunk): void {
    this.#handedOn = Math.max(this.#handedOn, Math.min(chunk.end, this.#released));
  }

  /** The last sequence number that may be acknowledged now and was not yet, or undefined. */
  acknowledge(): number | undefined {
    let last: number | undefined;
    while (this.#unacknowledged.length > 0) {
      const chunk = this.#unacknowledged[0]!;
      if (chunk.end - this.#handedOn > this.#holdBackBytes + this.#slackBytes) break;
      this.#unacknowledged.shift();
      last = chunk.sequence;
    }
    return last;
  }

  clear(): void {
    this.#held.length = 0;
    this.#unacknowledged.length = 0;
  }
}
