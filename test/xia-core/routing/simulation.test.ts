import { describe, expect, it } from 'vitest';
import { differences, expectationsOf } from './support/oracle.js';
import { RoutingWorld, hostOf, type SimRouter } from './support/routing-world.js';

const SEEDS_AT_A_TIME = 40;
const SECOND = 1000;

/** A connected network of a few ADs: links of two, links of three, parallel links, hosts. */
function randomWorld(seed: number): RoutingWorld {
  const world = new RoutingWorld(seed);
  const { rng } = world;
  const ads = 1 + rng.below(3);
  const cost = (): number => 1 + rng.below(5);
  for (let count = 3 + rng.below(4); count > 0; count--) world.addRouter(rng.below(ads));
  const any = (): SimRouter => world.routers[rng.below(world.routers.length)]!;
  for (const [index, router] of world.routers.entries()) if (index > 0) world.connect([router, world.routers[rng.below(index)]!], cost);
  for (let more = rng.below(4); more > 0; more--) {
    const members = [...new Set([any(), any(), any()].slice(0, 2 + rng.below(2)))];
    if (members.length > 1) world.connect(members, cost);
  }
  for (const router of world.routers) if (rng.below(2) === 0) addHost(router, router.number, 1);
  world.loss = 0.05;
  world.duplication = 0.05;
  return world;
}

function addHost(router: SimRouter, host: number, sequence: number, now = 0): void {
  router.hosts.set(host, sequence);
  router.machine.setHost(hostOf(host), sequence, now);
}

const mishaps: Record<string, (world: RoutingWorld) => void> = {
  'a link fails or comes back': (world) => {
    const segment = world.segments[world.rng.below(world.segments.length)]!;
    segment.isUp = !segment.isUp;
  },
  'a router dies': (world) => {
    world.routers[world.rng.below(world.routers.length)]!.isAlive = false;
  },
  'a router starts again, its clock set back or not': (world) => {
    const router = world.routers[world.rng.below(world.routers.length)]!;
    if (world.rng.below(2) === 0) router.wallShiftMs -= 15_000;
    router.start();
  },
  'half of the links fail': (world) => {
    for (const segment of world.segments) if (world.rng.below(2) === 0) segment.isUp = false;
  },
  'all links come back': (world) => {
    for (const segment of world.segments) segment.isUp = true;
  },
  'a host moves': (world) => {
    const router = world.routers[world.rng.below(world.routers.length)]!;
    addHost(router, 1 + world.rng.below(world.routers.length), Math.ceil(world.now), world.now);
  },
  'a cost changes': (world) => {
    const segment = world.segments[world.rng.below(world.segments.length)]!;
    segment.members[0]!.cost = 1 + world.rng.below(9);
  },
};

describe('routers on random networks that lose, double and reorder', () => {
  it.each([0, 40, 80, 120, 160])('find the shortest ways within a second of whatever happens, seeds from %i', (first) => {
    const slow: string[] = [];
    for (let seed = first + 1; seed <= first + SEEDS_AT_A_TIME; seed++) {
      const world = randomWorld(seed);
      const settle = (what: string): void => {
        const expected = expectationsOf(world);
        const tookMs = world.runUntil(() => differences(world, expected).length === 0);
        if (tookMs >= SECOND) slow.push(`seed ${seed}, ${what}: ${tookMs} ms ${differences(world).join('; ')}`);
      };
      settle('start');
      for (let turn = 0; turn < 3; turn++) {
        const [what, happen] = Object.entries(mishaps)[world.rng.below(Object.keys(mishaps).length)]!;
        happen(world);
        settle(what);
      }
    }
    expect(slow).toEqual([]);
  });
});
