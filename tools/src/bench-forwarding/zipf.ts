import type { RandomSource } from 'xia-core';

/** Draws ranks 0 to `count - 1`, of which rank r comes up in proportion to 1 / (r + 1)^exponent. */
export class Zipf {
  readonly #cumulated: Float64Array;

  constructor(count: number, exponent: number) {
    const cumulated = new Float64Array(count);
    let sum = 0;
    for (let rank = 0; rank < count; rank++) {
      sum += (rank + 1) ** -exponent;
      cumulated[rank] = sum;
    }
    this.#cumulated = cumulated;
  }

  draw(rng: RandomSource): number {
    const cumulated = this.#cumulated;
    const wanted = rng.unit() * cumulated[cumulated.length - 1]!;
    let low = 0;
    let high = cumulated.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulated[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
