import { TimerQueue } from '../bytes/index.js';
import type { RoutingHop } from './options.js';

/** A router in the graph: what sending to each of the routers that it has a link to costs. */
export interface GraphNode {
  readonly links: ReadonlyMap<string, number>;
}

/** A neighbour that is up. */
export interface FirstHop {
  readonly router: string;
  readonly cost: number;
  readonly hop: RoutingHop;
}

export interface Way {
  readonly cost: number;
  readonly hop: RoutingHop;
}

interface Reached {
  cost: number;
  /** Place of the first hop in the order of keys: of equal ways the first is taken, by every run alike. */
  rank: number;
}

/**
 * The cheapest way to every router (Dijkstra), over links that both ends announce and routers that `passable` says.
 * `firstHops` are in the order in which equal ones are preferred.
 */
export function shortestWays(
  graph: ReadonlyMap<string, GraphNode>,
  self: string,
  firstHops: readonly FirstHop[],
  passable: (router: string) => boolean,
): Map<string, Way> {
  const reached = new Map<string, Reached>();
  const queue = new TimerQueue<string>();
  const reach = (router: string, cost: number, rank: number): void => {
    const known = reached.get(router);
    if (known !== undefined && (known.cost < cost || (known.cost === cost && known.rank <= rank))) return;
    if (known === undefined || cost < known.cost) queue.set(router, cost);
    reached.set(router, { cost, rank });
  };
  for (const [rank, { router, cost }] of firstHops.entries()) {
    if (graph.get(router)?.links.has(self) === true && passable(router)) reach(router, cost, rank);
  }
  const ways = new Map<string, Way>();
  for (let router = queue.popDue(Infinity); router !== undefined; router = queue.popDue(Infinity)) {
    const { cost, rank } = reached.get(router)!;
    ways.set(router, { cost, hop: firstHops[rank]!.hop });
    for (const [next, more] of graph.get(router)!.links) {
      if (next === self || ways.has(next) || graph.get(next)?.links.has(router) !== true || !passable(next)) continue;
      reach(next, cost + more, rank);
    }
  }
  return ways;
}
