import { describe, expect, it } from 'vitest';
import { campus, mobile, type Campus } from '../xia-core/mobility/support/campus.js';
import { follow } from '../xia-core/mobility/support/following.js';
import type { SimulatedNode } from '../xia-core/mobility/support/simulated-network.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const EAGER = { attach: { lifetimeMs: 3000 } };

/** Every router reaches the machine at the addresses that it has had at these places. */
function expectReached({ network, routers, places }: Campus, machine: SimulatedNode, at: readonly string[]): void {
  for (const start of routers) {
    for (const place of at) expect(follow(network, start, machine, places[place]!.gateway.ad).at(-1)).toBe(machine.name);
  }
}

function attached(seed: number): { world: Campus; machine: SimulatedNode } {
  // Few beacons, so that seconds pass quickly.
  const world = campus(seed, {}, { beacon: { intervalMs: 400, lifetimeMs: 1000 } });
  const machine = mobile(world, 'M', 'H1a', EAGER);
  world.network.run(2000);
  expect(machine.mobility.attachmentState).toBe('bound');
  return { world, machine };
}

/** Moves a machine as a migration does: it stands still for a while, and its clock may be another when it goes on. */
function move(world: Campus, machine: SimulatedNode, to: string, stepMs = 0): void {
  machine.stop();
  world.network.run(300);
  machine.stepClock(stepMs);
  machine.replug(world.places[to]!.segment);
  machine.resume();
  world.network.run(3000);
}

describe('a clock that is set', () => {
  it.each([
    ['an hour back', -HOUR_MS],
    ['most of a day back', -23 * HOUR_MS],
    ['twenty seconds ahead', 20_000],
  ])('%s while the machine moves is no hindrance', (_what, stepMs) => {
    const { world, machine } = attached(1);
    move(world, machine, 'H2a', stepMs);
    expectReached(world, machine, ['H1a', 'H2a']);
    move(world, machine, 'H1a');
    expectReached(world, machine, ['H1a', 'H2a']);
    expect(machine.eventsOf('refused')).toEqual([]);
  });

  it('a day ahead keeps the machine from believing any beacon, and leaves nothing behind once it is set right', () => {
    const { world, machine } = attached(2);
    move(world, machine, 'H2a', DAY_MS);
    expect(machine.mobility.counters.get('beacon:expired')).toBeGreaterThan(0);
    machine.stepClock(-DAY_MS);
    world.network.run(5000);
    expectReached(world, machine, ['H1a', 'H2a']);
  });

  it('a day ahead for one binding: a process that starts anew with the right clock feels its way above that sequence', () => {
    const { world, machine } = attached(3);
    move(world, machine, 'R4');
    machine.stepClock(DAY_MS);
    // The next renewal is sent before a beacon is missed.
    world.network.run(1200);
    const { gateway } = world.places['R4']!;
    const ahead = gateway.mobility.binding(machine.hid)!.sequence;
    expect(ahead).toBeGreaterThan(gateway.wallNow() + 23 * HOUR_MS);
    machine.leaveSegment(1);
    machine.stop();
    const anew = mobile(world, 'M2', 'R4', { ...EAGER, identity: machine.identity });
    world.network.run(50_000);
    expect(anew.mobility.attachmentState).toBe('bound');
    expect(gateway.mobility.binding(anew.hid)!.sequence).toBeGreaterThan(ahead);
    expectReached(world, anew, ['R4']);
  });

  it.each([
    ['the gateway', 'twenty seconds ahead', 20_000],
    ['the gateway', 'twenty seconds back', -20_000],
    ['the host', 'an hour back', -HOUR_MS],
    ['the host', 'twenty seconds ahead', 20_000],
  ])('of %s, %s, costs nobody a binding, and moves go on', (who, _step, stepMs) => {
    const { world, machine } = attached(4);
    const { gateway, accessPoint } = world.places['H1a']!;
    (who === 'the gateway' ? gateway : accessPoint).stepClock(stepMs);
    world.network.run(5000);
    expect(machine.mobility.attachmentState).toBe('bound');
    expect(machine.eventsOf('detached')).toEqual([]);
    move(world, machine, 'H2a');
    expectReached(world, machine, ['H1a', 'H2a']);
    move(world, machine, 'H1a');
    expectReached(world, machine, ['H1a', 'H2a']);
  });

  it('of a gateway, an hour back, is noticed by all as beacons of long ago, and all bind again when it is right', () => {
    const { world, machine } = attached(5);
    const { gateway } = world.places['H1a']!;
    gateway.stepClock(-HOUR_MS);
    world.network.run(10_000);
    expect(machine.mobility.attachmentState).toBe('searching');
    gateway.stepClock(HOUR_MS);
    world.network.run(5000);
    expectReached(world, machine, ['H1a']);
  });

  it('of a gateway, an hour ahead, keeps it from hearing of moves, until it is right', () => {
    const { world, machine } = attached(7);
    const { gateway } = world.places['H1a']!;
    gateway.stepClock(HOUR_MS);
    world.network.run(2000);
    expect(machine.mobility.attachmentState).toBe('bound');
    move(world, machine, 'H2a');
    expect(gateway.mobility.counters.get('patch:expired')).toBeGreaterThan(0);
    expectReached(world, machine, ['H2a']);
    gateway.stepClock(-HOUR_MS);
    // The next renewal tells it.
    world.network.run(2000);
    expectReached(world, machine, ['H1a', 'H2a']);
  });

  it('of a router that starts anew twenty seconds earlier than it was costs a few seconds', () => {
    const { world, machine } = attached(6);
    const { gateway, accessPoint } = world.places['H1a']!;
    const { identity, adIdentity, segments } = gateway;
    gateway.stop();
    const anew = world.network.node('R1-anew', 'router', { identity, adIdentity, wallOffsetMs: -20_000 });
    for (const [face, { segment, role }] of segments) {
      gateway.leaveSegment(face);
      anew.join(segment, role);
    }
    world.network.routeAds();
    world.network.run(10_000);
    expect(accessPoint.mobility.attachmentState).toBe('bound');
    expect(machine.mobility.attachmentState).toBe('bound');
    expect(follow(world.network, anew, machine, anew.ad).at(-1)).toBe('M');
  });
});
