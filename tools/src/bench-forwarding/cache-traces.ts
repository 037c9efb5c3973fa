import { SeededRandom } from 'xia-core';
import { Zipf } from './zipf.js';

/** Which chunk is asked for, one request after the other, by its number. */
export interface Trace {
  readonly name: string;
  readonly requests: readonly number[];
}

const POPULAR = 20_000;
/** Numbers from here on are asked for once. */
const ONCE = 1_000_000;

/** The kinds of traffic that a cache meets; `length` requests each. */
export function cacheTraces(length: number, capacity: number): Trace[] {
  const rng = new SeededRandom(11);
  const zipf = new Zipf(POPULAR, 0.9);
  const popular = () => zipf.draw(rng);
  let next = ONCE;
  const scan = (n: number) => (Math.floor(n / capacity) % 4 === 3 ? next++ : popular());
  const requests = (request: (n: number) => number) => Array.from({ length }, (_, n) => request(n));
  const migrated = Math.floor(length / 2);
  return [
    { name: 'Zipf', requests: requests(popular) },
    { name: 'Zipf, and scans between', requests: requests(scan) },
    { name: 'Zipf, every second one asked for once', requests: requests((n) => (n % 2 === 0 ? popular() : next++)) },
    { name: 'a loop half as long again as the cache', requests: requests((n) => n % Math.floor(1.5 * capacity)) },
    {
      // A VM passes in one go, amid others who fetch what is popular.
      name: 'Zipf, and a migration',
      requests: requests((n) => (n >= migrated && n < migrated + 4 * capacity && n % 8 !== 0 ? next++ : popular())),
    },
  ];
}
