import { adOf, hidOf, hostOf, type RoutingWorld, type SimRouter } from './routing-world.js';

type Distances = Map<SimRouter, Map<SimRouter, number>>;

/** The cost of the cheapest ways between routers (Floyd-Warshall), over the links that there really are. */
function distances(world: RoutingWorld, routers: readonly SimRouter[]): Distances {
  const cost: Distances = new Map(routers.map((router) => [router, new Map([[router, 0]])]));
  const get = (a: SimRouter, b: SimRouter): number => cost.get(a)?.get(b) ?? Infinity;
  for (const { isUp, members } of world.segments) {
    if (!isUp) continue;
    for (const from of members) {
      for (const to of members) {
        if (!cost.has(from.router) || !cost.has(to.router)) continue;
        cost.get(from.router)!.set(to.router, Math.min(from.cost, get(from.router, to.router)));
        if (from === to) cost.get(from.router)!.set(to.router, 0);
      }
    }
  }
  for (const via of routers) {
    for (const from of routers) {
      for (const to of routers) {
        const sum = get(from, via) + get(via, to);
        if (sum < get(from, to)) cost.get(from)!.set(to, sum);
      }
    }
  }
  return cost;
}

/** What a router should know: XID -> cost. */
function expectedRoutes(router: SimRouter, everywhere: Distances, inside: Distances): Map<string, number> {
  const routes = new Map<string, number>();
  for (const [other, cost] of everywhere.get(router)!) {
    if (other.adNumber === router.adNumber || cost === Infinity) continue;
    const { key } = adOf(other.adNumber);
    routes.set(key, Math.min(cost, routes.get(key) ?? Infinity));
  }
  const best = new Map<number, { sequence: number; cost: number }>();
  for (const [other, cost] of inside.get(router)!) {
    if (cost === Infinity) continue;
    if (other !== router) routes.set(hidOf(other.number).key, cost);
    for (const [host, sequence] of other.hosts) if (sequence > (best.get(host)?.sequence ?? -1)) best.set(host, { sequence, cost });
  }
  for (const [host, { cost }] of best) if (cost > 0) routes.set(hostOf(host).key, cost);
  return routes;
}

/** Where the packets of a router for an XID end, hop by hop: at a router that needs no route for it, or in a circle. */
function endOf(start: SimRouter, key: string, world: RoutingWorld): SimRouter | undefined {
  let at = start;
  for (let hops = 0; hops <= world.routers.length; hops++) {
    const hop = at.routes.get(key)?.hop;
    if (hop === undefined) return at;
    at = at.segments[hop.face - 1]!.members[hop.neighbour - 1]!.router;
    if (adOf(at.adNumber).key === key || at.hid.key === key) return at;
  }
  return undefined;
}

/** What all routers should know, of the network as it is now. */
export function expectationsOf(world: RoutingWorld): Map<SimRouter, Map<string, number>> {
  const alive = world.routers.filter(({ isAlive }) => isAlive);
  const everywhere = distances(world, alive);
  const byAd = new Map<number, Distances>();
  for (const { adNumber } of alive) {
    if (byAd.has(adNumber)) continue;
    const members = alive.filter((router) => router.adNumber === adNumber);
    byAd.set(adNumber, distances(world, members));
  }
  return new Map(alive.map((router) => [router, expectedRoutes(router, everywhere, byAd.get(router.adNumber)!)]));
}

/** What is wrong about the routes of all routers; nothing once they have converged. */
export function differences(world: RoutingWorld, expectations = expectationsOf(world)): string[] {
  const wrong: string[] = [];
  for (const [router, expected] of expectations) {
    for (const [key, cost] of expected) {
      const told = router.routes.get(key);
      if (told?.cost !== cost) wrong.push(`${router.number} -> ${key}: ${told?.cost}, not ${cost}`);
      else if (endOf(router, key, world) === undefined) wrong.push(`${router.number} -> ${key}: a circle`);
    }
    for (const key of router.routes.keys()) if (!expected.has(key)) wrong.push(`${router.number} -> ${key}: not to be reached`);
  }
  return wrong;
}
