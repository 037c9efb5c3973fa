import { median } from '../bench/statistics.js';
import { figure, type Figure } from '../bench-forwarding/report.js';
import type { Underlay } from '../xtestbed/index.js';
import type { Candidate, RunContext } from './candidates.js';
import type { TransferRun } from './transfer.js';

export interface CompareOptions extends RunContext {
  readonly rounds: number;
  /** Between the hosts and routers of a testbed. */
  readonly links: Underlay;
  /** Where what we are compared with is installed. */
  readonly peersFolder: string;
  /** Ends it after the run at hand. */
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/** What the runs of several candidates say. */
export interface Comparison {
  readonly runs: ReadonlyMap<string, readonly (TransferRun | undefined)[]>;
  /** Why something could not be measured. */
  readonly notes: readonly string[];
}

/** Runs each candidate in turn, several rounds, so that what disturbs the machine disturbs all. One that fails has no figures. */
export async function compare(candidates: readonly Candidate[], options: CompareOptions): Promise<Comparison> {
  const runs = new Map<string, (TransferRun | undefined)[]>(candidates.map(({ name }) => [name, []]));
  const notes = new Set<string>();
  for (let round = 0; round < options.rounds; round++) {
    for (const { name, run } of candidates) {
      options.signal.throwIfAborted();
      options.onNote(`  ${name}, round ${round + 1}`);
      try {
        runs.get(name)?.push(await run(options));
      } catch (error) {
        runs.get(name)?.push(undefined);
        notes.add(`${name}: ${(error as Error).message.split('\n').join(' ')}`);
      }
    }
  }
  return { runs, notes: [...notes] };
}

function present<Value>(values: readonly (Value | undefined)[]): Value[] {
  return values.filter((value) => value !== undefined);
}

/** The median speed of a candidate, GB/s; undefined when no run of it succeeded. */
export function speedOf({ runs }: Comparison, name: string): number | undefined {
  return median(present(runs.get(name) ?? []).map((run) => run.gigabytesPerSecond));
}

/** The median of the ratios of the speeds in each round. */
export function speedRatio({ runs }: Comparison, name: string, base: string): number | undefined {
  const [ones, others] = [runs.get(name) ?? [], runs.get(base) ?? []];
  const ratios = ones.map((one, round) => {
    const other = others[round];
    return one === undefined || other === undefined || other.gigabytesPerSecond === 0
      ? undefined
      : one.gigabytesPerSecond / other.gigabytesPerSecond;
  });
  return median(present(ratios));
}

/** Speed and CPU time of a candidate, all processes and each of them. */
export function figuresOf({ runs }: Comparison, name: string): Figure[] {
  const of = present(runs.get(name) ?? []);
  const parts = Object.keys(of[0]?.cpuByProcess ?? {});
  return [
    figure(name, median(of.map((run) => run.gigabytesPerSecond)), 'GB/s'),
    figure(`${name}, CPU of all processes`, median(of.map((run) => run.cpuSecondsPerGigabyte)), 's/GB'),
    ...parts.map((part) => figure(`  ${part}`, median(of.map((run) => run.cpuByProcess[part] ?? 0)), 's/GB')),
  ];
}
