/** Some values of one kind, in the unit of the values. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The smallest of some values that a share of them does not exceed (nearest rank); undefined for no values.
 * @param share from 0 to 1: 0.5 is the median, the lower one of two
 */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1];
}

/** What is said of some measurements; those that failed are left out. Undefined when none is left. */
export function spreadOf(measurements: readonly (number | undefined)[]): Spread | undefined {
  const values = measurements.filter((value) => value !== undefined);
  const [p50, p99, min, max] = [0.5, 0.99, 0, 1].map((share) => quantile(values, share));
  if (p50 === undefined || p99 === undefined || min === undefined || max === undefined) return undefined;
  return { count: values.length, p50, p99, min, max };
}
