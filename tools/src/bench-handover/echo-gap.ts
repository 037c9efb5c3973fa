/** A time in which no answer came. Wall-clock ms. */
export interface EchoGap {
  /** When the last answer before it came. */
  readonly fromMs: number;
  /** When the first answer after it came. */
  readonly toMs: number;
}

/**
 * The longest time without an answer between two moments. The answers before and after them count, so a silence that reaches over one
 * of the moments is seen whole. Undefined when there is none on one of the sides: then nobody knows how long it was.
 * @param arrivals wall-clock ms, in any order
 */
export function longestGap(arrivals: readonly number[], fromMs: number, toMs: number): EchoGap | undefined {
  const sorted = arrivals.toSorted((a, b) => a - b);
  const first = sorted.findLastIndex((at) => at <= fromMs);
  const last = sorted.findIndex((at) => at >= toMs);
  if (first < 0 || last < 0) return undefined;
  let longest: EchoGap | undefined;
  for (let index = first + 1; index <= last; index++) {
    const gap = { fromMs: sorted[index - 1]!, toMs: sorted[index]! };
    if (longest === undefined || gap.toMs - gap.fromMs > longest.toMs - longest.fromMs) longest = gap;
  }
  return longest;
}

/** How much longer nothing came than an undisturbed sequence of answers has between two of them, ms. */
export function gapMs({ fromMs, toMs }: EchoGap, intervalMs: number): number {
  return Math.max(0, toMs - fromMs - intervalMs);
}
