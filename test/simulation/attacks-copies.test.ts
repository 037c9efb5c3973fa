import { describe, expect, it } from 'vitest';
import { campus, mobile, type Campus } from '../xia-core/mobility/support/campus.js';
import { follow } from '../xia-core/mobility/support/following.js';
import type { NodeOptions, SimulatedNode } from '../xia-core/mobility/support/simulated-network.js';

/** Moves as a router limits them unless it is told otherwise; beacons are few, so that minutes pass quickly. */
const ROUTERS: NodeOptions = {
  limits: { maxMoves: 5, moveWindowMs: 180_000, freezeMs: 60_000 },
  beacon: { intervalMs: 1000, lifetimeMs: 3000 },
};
/** Renewed every second, so that a minute holds many turns. */
const EAGER: NodeOptions = { attach: { lifetimeMs: 3000 } };

interface Copies {
  readonly world: Campus;
  readonly old: SimulatedNode;
  readonly moved: SimulatedNode;
}

/** A machine at H1a that moves to `to`; its copy, which stayed behind, has its key and wakes up three seconds later. */
function copies(seed: number, to: string, fenced: boolean): Copies {
  const world = campus(seed, {}, ROUTERS);
  const moved = mobile(world, 'NEW', 'H1a', EAGER);
  world.network.run(3000);
  moved.stop();
  if (fenced) fencesAtHome(world).raise(moved.hid, world.network.now);
  take(world, moved, to);
  return { world, moved, old: mobile(world, 'OLD', 'H1a', { ...EAGER, identity: moved.identity }) };
}

function take(world: Campus, machine: SimulatedNode, to: string): void {
  machine.stop();
  world.network.run(300);
  machine.replug(world.places[to]!.segment);
  machine.resume();
  world.network.run(3000);
}

const fencesAtHome = (world: Campus) => world.places['H1a']!.accessPoint.mobility.fences;

/** How often a node has turned a route so far, all of them together. */
const turns = ({ network }: Campus): number =>
  network.nodes.flatMap(({ events }) => events).filter((event) => 'turned' in event && event.turned).length;

/** Where packets end that anybody sends to the machine at any of its addresses: at both, if there is no one answer. */
function ends({ world, old, moved }: Copies, places: readonly string[]): string[] {
  const found = new Set<string>();
  for (const start of world.routers) {
    for (const place of places) {
      // Both have one HID, so a way that comes to one of them ends there, whichever was asked for.
      const way = follow(world.network, start, moved, world.places[place]!.gateway.ad);
      found.add(way.find((name) => name === old.name || name === moved.name) ?? 'nowhere');
    }
  }
  return [...found];
}

const alarmed = ({ network }: Campus, kind: 'fenced' | 'frozen'): string[] =>
  network.nodes.filter((node) => node.eventsOf(kind).length > 0).map(({ name }) => name);

describe('two copies of a machine that are awake at once', () => {
  it.each(['H1b', 'H2a', 'H3', 'R4'])('are one to the network: that at %s, where the migration took it', (to) => {
    const both = copies(1, to, true);
    const { world, old, moved } = both;
    const before = turns(world);
    for (let times = 0; times < 30; times++) {
      world.network.run(1000);
      expect(ends(both, ['H1a', to])).toEqual(['NEW']);
    }
    expect(turns(world), 'no route turns').toBe(before);
    expect(alarmed(world, 'fenced')).toEqual(['H1a']);
    expect(alarmed(world, 'frozen')).toEqual([]);
    expect(old.mobility.attachmentState).not.toBe('bound');
    expect(moved.mobility.attachmentState).toBe('bound');
  });

  it.each(['H1b', 'H2a'])('are fought over with that at %s where nobody fences the old one, until the freeze ends it', (to) => {
    const both = copies(2, to, false);
    const { world } = both;
    const before = turns(world);
    world.network.run(15_000);
    expect(turns(world), 'they take it from each other').toBeGreaterThan(before + 4);
    expect(alarmed(world, 'frozen'), 'the alarm is raised').not.toEqual([]);
    const after = turns(world);
    const winner = ends(both, ['H1a', to]);
    expect(winner).toHaveLength(1);
    world.network.run(30_000);
    expect(turns(world), 'it is over').toBe(after);
    expect(ends(both, ['H1a', to])).toEqual(winner);
  });

  it('lets the machine come back to the host that it left, once the migration says so', () => {
    const { world, moved, old } = copies(3, 'H2a', true);
    old.stop();
    take(world, moved, 'H1a');
    expect(moved.mobility.attachmentState).not.toBe('bound');
    fencesAtHome(world).lift(moved.hid);
    world.network.run(5000);
    expect(moved.mobility.attachmentState).toBe('bound');
    expect(ends({ world, moved, old }, ['H1a', 'H2a'])).toEqual(['NEW']);
  });

  it('leaves the machine to the old host again a minute after the new place has lost it', () => {
    const { world, old, moved } = copies(4, 'H2a', true);
    world.network.run(5000);
    moved.stop();
    world.network.run(55_000);
    expect(old.mobility.attachmentState).not.toBe('bound');
    world.network.run(80_000);
    expect(old.mobility.attachmentState).toBe('bound');
  });

  it('keeps the fence for as long as the machine is elsewhere', () => {
    const { world, old } = copies(5, 'H2a', true);
    world.network.run(200_000);
    expect(old.mobility.attachmentState).not.toBe('bound');
    expect(fencesAtHome(world).has(old.hid)).toBe(true);
  });
});

describe('a machine that goes to and fro', () => {
  it.each([
    ['hosts of one router', 'H1b'],
    ['two ADs', 'H2a'],
  ])('between %s is frozen after five turns in three minutes, with an alarm, and reached where it was left', (_what, other) => {
    const world = campus(6, {}, ROUTERS);
    const machine = mobile(world, 'NEW', 'H1a', EAGER);
    world.network.run(3000);
    let rounds = 0;
    while (alarmed(world, 'frozen').length === 0 && rounds < 12) {
      take(world, machine, rounds % 2 === 0 ? other : 'H1a');
      rounds += 1;
    }
    // The gateway that is left sees a turn in each direction, and so does the one that is come to.
    expect(rounds).toBe(6);
    expect(alarmed(world, 'frozen')).toHaveLength(1);
    expect(machine.eventsOf('refused').map(({ reason }) => reason)).toContain('frozen');
    expect(machine.mobility.attachmentState).not.toBe('bound');
    world.network.run(240_000);
    expect(machine.mobility.attachmentState, 'it is let in when the turns are three minutes old').toBe('bound');
  });
});
