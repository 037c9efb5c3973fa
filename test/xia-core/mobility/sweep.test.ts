import { describe, expect, it } from 'vitest';
import { campus, mobile, type Campus } from './support/campus.js';
import { entryOf, findLoop, follow } from './support/following.js';
import type { SimulatedNode } from './support/simulated-network.js';

/** Every node reaches `target` under the address of each AD that it has been in. */
function expectReachable(campusOf: Campus, target: SimulatedNode, visited: readonly SimulatedNode[]): void {
  for (const start of campusOf.network.nodes) {
    for (const gateway of visited) {
      const way = follow(campusOf.network, start, target, gateway.ad);
      expect(way.at(-1), `${way.join(' > ')} (to ${gateway.name})`).toBe(target.name);
    }
  }
}

function expectSequencesGrow(campusOf: Campus, target: SimulatedNode, highest: Map<string, number>): void {
  for (const node of campusOf.network.nodes) {
    const sequence = entryOf(node, target)?.sequence ?? 0;
    const key = `${node.name} ${target.name}`;
    if (sequence < (highest.get(key) ?? 0)) expect.fail(`${key}: an older binding was taken`);
    highest.set(key, sequence);
  }
}

function gatewayOf(campusOf: Campus, place: string): SimulatedNode {
  return campusOf.places[place]!.gateway;
}

function moveTo(campusOf: Campus, node: SimulatedNode, place: string): void {
  node.replug(campusOf.places[place]!.segment);
}

describe('a mobile node', () => {
  it('attaches through a host and is reached from everywhere', () => {
    const world = campus(1);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    expect(guest.mobility.attachment?.ad).toEqual(gatewayOf(world, 'H1a').ad);
    expect(guest.mobility.attachment?.accessPoint).toEqual(world.places.H1a!.accessPoint.hid);
    expect(guest.mobility.attachment?.mtu).toBe(1500);
    expectReachable(world, guest, [gatewayOf(world, 'H1a')]);
  });

  it.each(['H1b', 'H1c', 'H2a', 'H3', 'R4'])('moves from H1a to %s and is reached by the old address too', (place) => {
    const world = campus(2);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    moveTo(world, guest, place);
    world.network.run(1500);
    expect(guest.eventsOf('moved')).toHaveLength(1);
    expect(guest.mobility.attachment?.accessPoint).toEqual(world.places[place]!.accessPoint.hid);
    expectReachable(world, guest, [gatewayOf(world, 'H1a'), gatewayOf(world, place)]);
  });

  it('is found within two beacon intervals and some round trips', () => {
    const world = campus(3);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    const left = world.network.now;
    moveTo(world, guest, 'H2a');
    while (guest.eventsOf('moved').length === 0 && world.network.now < left + 5000) world.network.run(1);
    expect(world.network.now - left).toBeLessThan(250);
  });

  it('is found at once when its clock jumps', () => {
    const world = campus(4);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    guest.stop();
    world.network.run(800);
    moveTo(world, guest, 'H2a');
    const resumed = world.network.now;
    guest.resume();
    while (guest.eventsOf('moved').length === 0 && world.network.now < resumed + 5000) world.network.run(1);
    expect(world.network.now - resumed).toBeLessThan(20);
    expect(guest.eventsOf('detached')).toHaveLength(0);
  });

  it('is found at once when told that it may have moved', () => {
    const world = campus(5);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    moveTo(world, guest, 'H1b');
    const told = world.network.now;
    guest.mobility.hint('announcement', world.network.now);
    while (guest.eventsOf('moved').length === 0 && world.network.now < told + 5000) world.network.run(1);
    expect(world.network.now - told).toBeLessThan(20);
  });

  it('is reached again when its wire to the same host was replaced', () => {
    const world = campus(5);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    moveTo(world, guest, 'H1a');
    guest.mobility.hint('link', world.network.now);
    world.network.run(50);
    expect(guest.eventsOf('moved')).toHaveLength(0);
    expectReachable(world, guest, [gatewayOf(world, 'H1a')]);
  });

  it('turns the old host when it moves between two hosts of one router', () => {
    const world = campus(6);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    moveTo(world, guest, 'H1b');
    world.network.run(1000);
    const old = entryOf(world.places.H1a!.accessPoint, guest)!;
    expect(old.sequence).toBe(entryOf(world.places.H1b!.accessPoint, guest)!.sequence);
    expect(world.network.neighbour(world.places.H1a!.accessPoint, old.hop!)?.name).toBe('R1');
  });

  it('turns an inner host when it moves to the host around it', () => {
    const world = campus(7);
    const guest = mobile(world, 'M', 'H1c');
    world.network.run(2000);
    moveTo(world, guest, 'H1b');
    world.network.run(1000);
    const inner = entryOf(world.places.H1c!.accessPoint, guest)!;
    expect(world.network.neighbour(world.places.H1c!.accessPoint, inner.hop!)?.name).toBe('H1b');
    expectReachable(world, guest, [gatewayOf(world, 'H1b')]);
  });

  it('plays ping-pong', () => {
    const world = campus(8, { delayMs: 5, jitterMs: 10 });
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    for (let turn = 0; turn < 10; turn++) {
      moveTo(world, guest, turn % 2 === 0 ? 'H2a' : 'H1a');
      world.network.run(1500);
      expectReachable(world, guest, [gatewayOf(world, 'H1a'), gatewayOf(world, 'H2a')]);
    }
    expect(guest.eventsOf('moved')).toHaveLength(10);
  });

  it('moves on before the last move has settled', () => {
    const world = campus(9, { delayMs: 40, jitterMs: 30 });
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(3000);
    for (const place of ['H2a', 'H3', 'H1b', 'R4']) {
      moveTo(world, guest, place);
      world.network.run(300);
    }
    world.network.run(4000);
    expect(guest.mobility.attachment?.accessPoint).toEqual(world.places.R4!.accessPoint.hid);
    expectReachable(world, guest, [gatewayOf(world, 'H1a'), gatewayOf(world, 'R4')]);
  });

  it('keeps its way open by renewals for as long as it stays', () => {
    const world = campus(10);
    const guest = mobile(world, 'M', 'H1a', { attach: { lifetimeMs: 3000 } });
    world.network.run(2000);
    moveTo(world, guest, 'H2a');
    world.network.run(20_000);
    expectReachable(world, guest, [gatewayOf(world, 'H1a'), gatewayOf(world, 'H2a')]);
  });

  it('is forgotten when it vanishes, and remembered by no node in the end', () => {
    const world = campus(11);
    const guest = mobile(world, 'M', 'H1a', { attach: { lifetimeMs: 3000 } });
    world.network.run(2000);
    guest.stop();
    world.network.run(4000);
    for (const node of world.network.nodes) expect(node.routes.has(guest.hid.key), node.name).toBe(false);
    expect(world.routers[0]!.eventsOf('expired').map(({ hid }) => hid)).toEqual([guest.hid]);
    world.network.run(90_000);
    for (const node of world.network.nodes) expect(entryOf(node, guest), node.name).toBeUndefined();
  });

  it('detaches', () => {
    const world = campus(12);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    moveTo(world, guest, 'H2a');
    world.network.run(2000);
    guest.mobility.leave(world.network.now, guest.wallNow());
    world.network.run(2000);
    expect(guest.eventsOf('detached')).toHaveLength(1);
    expect(guest.mobility.attachmentState).toBe('off');
    for (const node of world.network.nodes) expect(node.routes.has(guest.hid.key), node.name).toBe(false);
  });

  it('stays where it is while two access points are heard on one wire', () => {
    const world = campus(13, { jitterMs: 5, loss: 0.02 });
    const guest = mobile(world, 'M', 'R4');
    const second = world.network.node('R5', 'router');
    second.join(world.places.R4!.segment, 'access');
    world.network.run(60_000);
    expect(guest.eventsOf('moved').length).toBeLessThanOrEqual(2);
  });

  it('attaches although its clock stands hours behind', () => {
    const world = campus(14);
    const guest = mobile(world, 'M', 'H1a', { wallOffsetMs: -5 * 3_600_000 });
    world.network.run(2000);
    moveTo(world, guest, 'H2a');
    world.network.run(2000);
    expectReachable(world, guest, [gatewayOf(world, 'H1a'), gatewayOf(world, 'H2a')]);
  });

  it('comes back with its guests when the host moves', () => {
    const world = campus(15);
    const guest = mobile(world, 'M', 'H1a');
    world.network.run(2000);
    const host = world.places.H1a!.accessPoint;
    const wire = world.network.segment();
    gatewayOf(world, 'H2a').join(wire, 'access');
    host.replug(wire);
    world.network.run(4000);
    expect(host.mobility.attachment?.ad).toEqual(gatewayOf(world, 'H2a').ad);
    expect(guest.mobility.attachment?.ad).toEqual(gatewayOf(world, 'H2a').ad);
    expectReachable(world, guest, [gatewayOf(world, 'H1a'), gatewayOf(world, 'H2a')]);
  });
});

describe('random moves over bad links', () => {
  const qualities = [
    { delayMs: 1, jitterMs: 0, loss: 0 },
    { delayMs: 2, jitterMs: 30, loss: 0 },
    { delayMs: 10, jitterMs: 20, loss: 0.1 },
    { delayMs: 30, jitterMs: 60, loss: 0.2 },
  ];

  it.each(Array.from({ length: 400 }, (_, index) => index + 1))('never loop, and settle (seed %i)', (seed) => {
    const world = campus(seed, qualities[seed % qualities.length]);
    const names = Object.keys(world.places);
    // Renewals come too late to mend what a lost or misled patch has broken.
    const attach = { lifetimeMs: 110_000 };
    const guests = [mobile(world, 'M1', 'H1a', { attach }), mobile(world, 'M2', 'H3', { attach })];
    const visited = new Map(guests.map((guest) => [guest, [] as SimulatedNode[]]));
    const sequences = new Map<string, number>();
    world.network.onStep = () => {
      for (const guest of guests) {
        expect(findLoop(world.network, guest)).toBeUndefined();
        expectSequencesGrow(world, guest, sequences);
      }
    };
    world.network.run(4000);
    visited.get(guests[0]!)!.push(gatewayOf(world, 'H1a'));
    visited.get(guests[1]!)!.push(gatewayOf(world, 'H3'));
    for (let move = 0; move < 8; move++) {
      const guest = guests[world.network.rng.below(guests.length)]!;
      const place = names[world.network.rng.below(names.length)]!;
      moveTo(world, guest, place);
      // Nobody can hear that it is the same place by another wire; a resumed machine knows by its clock.
      const looksTheSame = guest.mobility.attachment?.accessPoint.equals(world.places[place]!.accessPoint.hid);
      if (looksTheSame === true || world.network.rng.below(2) === 0) guest.mobility.hint('link', world.network.now);
      world.network.run(world.network.rng.below(2) === 0 ? world.network.rng.below(400) : 3000);
      const gateway = gatewayOf(world, place);
      const isBound = guest.mobility.attachment?.ad.equals(gateway.ad) ?? false;
      if (isBound && !visited.get(guest)!.includes(gateway)) visited.get(guest)!.push(gateway);
    }
    world.network.run(15_000);
    for (const guest of guests) expectReachable(world, guest, visited.get(guest)!);
  });
});
