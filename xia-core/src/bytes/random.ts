/** Where randomness comes from: the operating system in a program, a seed in a simulation. */
export interface RandomSource {
  /** `length` random bytes in memory of their own. */
  bytes(length: number): Uint8Array;
  /** An integer of `[0, bound)`; `bound` is 1 to 2^32. */
  below(bound: number): number;
  /** A number of `[0, 1)` with at least 32 random bits. */
  unit(): number;
}

/** xoshiro128** (Blackman and Vigna): reproducible from its seed, and of no use where an adversary guesses. */
export class SeededRandom implements RandomSource {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    // splitmix32 spreads a small seed over the whole state.
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.#next();
      for (let j = 0; j < 4 && i + j < length; j++) bytes[i + j] = word >>> (8 * j);
    }
    return bytes;
  }

  below(bound: number): number {
    // Words past the last whole multiple of the bound would make small results likelier: drawn again.
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
    let word = this.#next();
    while (word >= limit) word = this.#next();
    return word % bound;
  }

  unit(): number {
    return this.#next() / 0x1_0000_0000;
  }

  #next(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }
}
