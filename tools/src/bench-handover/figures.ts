import { figure, type Figure, type Reach } from '../bench-forwarding/report.js';
import { spreadOf } from './quantiles.js';

type Values = readonly (number | undefined)[];

function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toFixed(value < 10 ? 2 : 1));
}

/** Median and 99th percentile of some times, ms; and how many there were when some are missing. */
export function timeFigures(name: string, values: Values): Figure[] {
  const spread = spreadOf(values);
  const missing = values.length - (spread?.count ?? 0);
  return [
    figure(`${name}, p50`, rounded(spread?.p50), 'ms'),
    figure(`${name}, p99`, rounded(spread?.p99), missing === 0 ? 'ms' : `ms, of ${values.length - missing} of ${values.length}`),
  ];
}

/** What a value has to stay under. What could not be measured every time has not reached it. */
export function under(name: string, values: Values, share: 'p50' | 'p99' | 'max', bound: number): Reach {
  const value = values.includes(undefined) ? undefined : spreadOf(values)?.[share];
  return { name: `${name}, ${share}`, value, wanted: `< ${bound}`, ok: value !== undefined && value < bound };
}
