import { SeededRandom } from 'xia-core';

/** A prime, so that a piece that is left out, repeated or out of its place is not taken for the right one. */
const PATTERN_BYTES = 4_194_301;
const SEED = 4;

/** Longest piece that {@link Pattern.piece} gives. */
export const MAX_PIECE_BYTES = 1 << 20;

/**
 * The bytes that every transfer of the benchmark carries: random ones, repeated. Both ends know them, so that each byte is
 * compared with what was sent at the cost of a `memcmp`.
 */
export class Pattern {
  /** The pattern, and its beginning once more, so that every piece lies in one place. */
  readonly #bytes = Buffer.alloc(PATTERN_BYTES + MAX_PIECE_BYTES);

  constructor() {
    const rng = new SeededRandom(SEED);
    for (let at = 0; at < PATTERN_BYTES; at += 4) this.#bytes.writeUInt32LE(Math.floor(rng.unit() * 2 ** 32), at);
    this.#bytes.copy(this.#bytes, PATTERN_BYTES, 0, MAX_PIECE_BYTES);
  }

  /** The bytes `[at, at + length)` of the endless stream; at most {@link MAX_PIECE_BYTES} of them, not to be written to. */
  piece(at: number, length: number): Buffer {
    const start = at % PATTERN_BYTES;
    return this.#bytes.subarray(start, start + length);
  }

  /** Whether some bytes of the stream are those that it has at `at`. */
  matches(at: number, bytes: Uint8Array): boolean {
    for (let from = 0; from < bytes.length; from += MAX_PIECE_BYTES) {
      const part = bytes.subarray(from, from + MAX_PIECE_BYTES);
      if (Buffer.compare(this.piece(at + from, part.length), part) !== 0) return false;
    }
    return true;
  }
}

/** Compares a stream with the pattern as it comes in. */
export class PatternCheck {
  readonly #pattern: Pattern;
  #at = 0;
  /** Pieces that were not what was sent. */
  wrong = 0;

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
  }

  /** Bytes seen so far. */
  get bytes(): number {
    return this.#at;
  }

  take(bytes: Uint8Array): void {
    if (!this.#pattern.matches(this.#at, bytes)) this.wrong++;
    this.#at += bytes.length;
  }
}
