import * as v from 'valibot';
import type { Testbed } from '../xtestbed/index.js';

const countersSchema = v.object({ path: v.record(v.string(), v.number()) });

/** Of a node's path, what is no drop, or is one by design: a beacon for a wire with nobody at it is not transmitted. */
const NOT_LOST = new Set(['received', 'originated', 'forwarded', 'broadcast', 'delivered', 'held', 'transmit']);

/** What routers and hosts have dropped, by node and reason: `R1 no-route`. */
export type PathDrops = ReadonlyMap<string, number>;

export async function readPathDrops(testbed: Testbed): Promise<PathDrops> {
  const drops = new Map<string, number>();
  for (const { name, kind } of testbed.state.nodes) {
    if (kind !== 'router' && kind !== 'host') continue;
    const { path } = v.parse(countersSchema, await testbed.control(name, 'show', { what: 'counters' }));
    for (const [reason, count] of Object.entries(path)) if (!NOT_LOST.has(reason)) drops.set(`${name} ${reason}`, count);
  }
  return drops;
}

/** What was dropped between two readings, only what is above 0. */
export function dropsBetween(before: PathDrops, after: PathDrops): [where: string, packets: number][] {
  return [...after]
    .map(([where, count]): [string, number] => [where, count - (before.get(where) ?? 0)])
    .filter(([, packets]) => packets > 0);
}
