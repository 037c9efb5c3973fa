/** The largest even number that the service takes: a few microseconds of work, so that no question can keep it busy. */
export const LARGEST_NUMBER = 100_000_000;

function isPrime(candidate: number): boolean {
  if (candidate < 2) return false;
  if (candidate % 2 === 0) return candidate === 2;
  for (let divisor = 3; divisor * divisor <= candidate; divisor += 2) if (candidate % divisor === 0) return false;
  return true;
}

/**
 * Two primes whose sum is an even number from 4 to `LARGEST_NUMBER`: the pair with the smallest first one.
 * Undefined for any other number. (That every such number has a pair is Goldbach's conjecture, verified far beyond.)
 */
export function goldbachPair(even: number): readonly [number, number] | undefined {
  if (!Number.isInteger(even) || even % 2 !== 0 || even < 4 || even > LARGEST_NUMBER) return undefined;
  for (let first = 2; first <= even / 2; first++) if (isPrime(first) && isPrime(even - first)) return [first, even - first];
  return undefined;
}
