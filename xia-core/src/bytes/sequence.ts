/**
 * Sequence numbers of one signer's statements: always above the last one, and above those of an earlier life of the same
 * key as long as the wall clock moves forward. No state has to survive a restart.
 */
export class SequenceSource {
  #last = 0;

  /** The next number. `wallNow` in milliseconds since 1970. */
  next(wallNow: number): number {
    this.#last = Math.max(this.#last + 1, Math.floor(wallNow));
    return this.#last;
  }

  /** Makes the following numbers larger than `sequence`, which somebody has seen already. */
  skipPast(sequence: number): void {
    this.#last = Math.max(this.#last, sequence);
  }

  /** Leaves `count` numbers out. */
  skip(count: number): void {
    this.#last += count;
  }
}
