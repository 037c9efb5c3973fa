import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median } from '../bench/statistics.js';

/** CPU time that this process spent on some work, ns. Wall time would count what else the machine does. */
export function cpuNs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return 1000 * (user + system);
}

/**
 * Medians of what each candidate takes, ns of CPU. The candidates take turns, so that whatever disturbs the machine disturbs all;
 * the first rounds, in which code is still being compiled, do not count.
 */
export function alternate<Name extends string>(candidates: Readonly<Record<Name, () => void>>, rounds: number): Record<Name, number> {
  const names = Object.keys(candidates) as Name[];
  const taken = new Map<Name, number[]>(names.map((name) => [name, []]));
  const warmUp = Math.max(1, Math.ceil(rounds / 4));
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const ns = cpuNs(candidates[name]);
      if (round >= 0) taken.get(name)?.push(ns);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(taken.get(name) ?? []) ?? 0])) as Record<Name, number>;
}

let collector: (() => void) | undefined;

/** Collects all garbage now. */
function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  // What a first pass finds unused, such as the memory of an array, a second one frees.
  collector();
  collector();
}

/** Bytes in use, objects and the memory of typed arrays together. */
export function usedBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
