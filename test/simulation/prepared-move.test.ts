import { describe, expect, it } from 'vitest';
import { MobilityKind, NextHeader, parseTransport, XipView, type LinkShape } from 'xia-core';
import { imbalances } from './accounts.js';
import { MigrationWorld, STATION } from './migration-world.js';
import type { SimNode } from './network.js';
import { PacketFlow } from './packet-flow.js';

const LINKS: LinkShape = { delayMs: 2 };
const DOWNTIME_MS = 200;
/** From HOST_B to the VM. */
const WIRE_MS = 0.02;

interface Move {
  readonly seed?: number;
  readonly prepared?: boolean;
  readonly holding?: boolean;
  /** How long before the VM runs HOST_B hears that it is its own; undefined: never. */
  readonly arrivingMs?: number;
  /** How long the VM takes to do anything after it was resumed, as an emulated machine does. */
  readonly sleepyMs?: number;
  readonly change?: (world: MigrationWorld) => void;
}

/** A thousand packets a second to a VM that moves. */
function move({ seed = 11, prepared = true, holding = true, arrivingMs, sleepyMs = 0, change }: Move) {
  const world = new MigrationWorld(seed, LINKS, holding ? {} : { holding: false });
  const { network, client, vm } = world;
  expect(world.settle()).toBe(true);
  change?.(world);
  const flow = new PacketFlow(network, client, vm, 1);
  const startedAt = network.now;
  network.runFor(100);
  world.expect(10_000);
  if (prepared) expect(world.prepare()).toBe(true);
  // Not while a packet is between HOST_A and the VM: that one would be lost.
  network.runFor(1 - ((network.now - startedAt) % 1));
  world.stop(true);
  if (prepared) expect(world.handOver()).toBeUndefined();
  world.plugIn();
  network.runFor(DOWNTIME_MS - (arrivingMs ?? 0));
  if (arrivingMs !== undefined) {
    world.arriving();
    network.runFor(arrivingMs);
  }
  const resumedAt = network.now;
  const movedAt: number[] = [];
  const told = vm.onEvent;
  vm.onEvent = (event) => {
    told(event);
    if (event.layer === 'mobility' && event.event.kind === 'moved') movedAt.push(network.now - resumedAt);
  };
  const signed = counterAt(vm, 'binding:sent');
  let reaches = Infinity;
  if (sleepyMs > 0) sleepy(world, sleepyMs, (at) => (reaches = Math.min(reaches, at - resumedAt)));
  world.goOnThere();
  network.runFor(300);
  flow.stop();
  network.runFor(200);
  const first = flow.arrived.find(({ at }) => at >= resumedAt);
  const signedThere = counterAt(vm, 'binding:sent') - signed;
  return { world, flow, movedAt, signedThere, reachesMs: reaches, firstAfterMs: (first?.at ?? Infinity) - resumedAt };
}

/** Nobody hears the VM announce itself. */
function onlyTold(world: MigrationWorld): void {
  const announce = world.announce.bind(world);
  world.announce = (station) => (station === undefined ? announce(station) : world.runsThere());
}

/** The last packets that come for the VM before it stops stay in its socket, from where its host takes them back. */
function leavesUnread(world: MigrationWorld, packets: number): void {
  const { vm, hosts } = world;
  const unread: Uint8Array[] = [];
  const carry = vm.stack.receive.bind(vm.stack);
  let isHeld = false;
  vm.stack.receive = (face, neighbour, packet, now) => {
    if (kindOf(packet) !== 0 || isHeld) return carry(face, neighbour, packet, now);
    unread.push(Uint8Array.from(packet));
    if (unread.length > packets) carry(face, neighbour, unread.shift()!, now);
  };
  const stop = world.stop.bind(world);
  world.stop = (isTold) => {
    const hop = hosts.a.stack.mobility.binding(vm.stack.hid)!.hop!;
    stop(isTold);
    isHeld = true;
    expect(unread.length).toBe(packets);
    for (const packet of unread) hosts.a.enter((now) => hosts.a.stack.returned(hop.face, hop.neighbour, packet, now));
  };
}

/** The VM hears and says nothing for a while after it was resumed; `onReached` is when a packet is at its card. */
function sleepy({ network, vm }: MigrationWorld, ms: number, onReached: (at: number) => void): void {
  const wakeAt = network.now + ms;
  const carry = vm.stack.receive.bind(vm.stack);
  vm.stack.receive = (face, neighbour, packet, now) => {
    if (kindOf(packet) === 0) onReached(network.now);
    if (network.now >= wakeAt) return carry(face, neighbour, packet, now);
    // What is lent is overwritten afterwards.
    const kept = Uint8Array.from(packet);
    network.queue.at(wakeAt, () => vm.enter(() => carry(face, neighbour, kept, network.now)));
  };
}

/** Messages of mobility of some kinds are lost, doubled and late on every link: the network itself stays good. */
function bad(kinds: readonly number[]): (world: MigrationWorld) => void {
  return ({ network }) => {
    const carry = network.transmit.bind(network);
    network.transmit = (from: SimNode, face: number, packet: Uint8Array) => {
      if (!kinds.includes(kindOf(packet) ?? -1)) return carry(from, face, packet);
      const copies = network.rng.below(3);
      for (let copy = 0; copy < copies; copy++) {
        const late = packet.slice();
        network.queue.at(network.now + network.rng.below(40), () => void carry(from, face, late));
      }
      return true;
    };
  };
}

function kindOf(packet: Uint8Array): number | undefined {
  const view = new XipView();
  if (view.reset(packet) !== undefined || view.nextHeader !== NextHeader.TRANSPORT) return undefined;
  const transport = parseTransport(view.payload());
  return transport.kind === 'dgram' ? transport.payload[0] : undefined;
}

const stateAt = (node: SimNode, { vm }: MigrationWorld) => node.stack.mobility.binding(vm.stack.hid)?.state;
const counterAt = (node: SimNode, name: string) => node.stack.mobility.counters.toJSON()[name] ?? 0;

describe('a VM that has prepared its move to another AD', () => {
  it('gets the first packet one local link after it runs, and none is lost', () => {
    const { flow, world, firstAfterMs, movedAt } = move({ arrivingMs: 50 });
    expect([flow.lost, flow.outOfOrder, flow.arrived.length]).toEqual([0, 0, flow.sent]);
    expect(firstAfterMs).toBeLessThanOrEqual(WIRE_MS + 0.01);
    expect(movedAt).toHaveLength(1);
    expect(movedAt[0], 'it knows where it is by the answer to what it signed before').toBeLessThanOrEqual(WIRE_MS + 0.01);
    expect([world.hosts.a, ...world.routers, world.hosts.b].map((node) => stateAt(node, world))).toEqual([
      'draining',
      'draining',
      'draining',
      'live',
      'live',
    ]);
    for (const node of world.network.nodes) expect(imbalances(node.stack.counters()), node.name).toEqual([]);
  });

  it('gets them although it is too slow to sign anything', () => {
    const slow = { sleepyMs: 100 };
    const [without, with_, early] = [move({ ...slow, prepared: false }), move(slow), move({ ...slow, arrivingMs: 50 })];
    expect(with_.firstAfterMs, 'what had to go round waited at its card').toBeLessThanOrEqual(101);
    expect(early.reachesMs).toBeLessThanOrEqual(WIRE_MS + 0.01);
    expect(without.firstAfterMs).toBeGreaterThan(110);
    expect([with_.flow.lost, early.flow.lost]).toEqual([0, 0]);
  });

  it.each([
    ['it announces itself', () => {}],
    ['its host is told that it runs', onlyTold],
  ])('is turned to in the moment in which %s, where nobody said that it arrives', (_name, change) => {
    const { flow, firstAfterMs, signedThere, world } = move({ change });
    expect(flow.lost).toBe(0);
    expect(firstAfterMs, 'to the old place and back').toBeLessThan(15);
    expect(counterAt(world.hosts.b, 'prepared:released')).toBe(1);
    expect(signedThere, 'it signs nothing where it comes to').toBe(0);
  });

  it('does so when the messages of the preparation, bindings and acks are lost, doubled and late', () => {
    const { PREPARE, PREPARED, BINDING, BINDING_ACK } = MobilityKind;
    for (let seed = 0; seed < 5; seed++) {
      const { flow, world } = move({ seed: 300 + seed, arrivingMs: 100, change: bad([PREPARE, PREPARED, BINDING, BINDING_ACK]) });
      expect(flow.lost, `seed ${seed}`).toBe(0);
      expect(flow.arrived.length, `seed ${seed}: none twice`).toBe(flow.sent);
      expect(world.vm.stack.ad?.equals(world.ads[2]), `seed ${seed}`).toBe(true);
    }
  });

  it.each([true, false])('gets what its card had not taken when it stopped (holding: %s)', (holding) => {
    const { flow } = move({ holding, arrivingMs: 50, change: (world) => leavesUnread(world, 20) });
    const unread = holding ? 0 : 20;
    expect(flow.lost).toBeGreaterThanOrEqual(unread);
    if (holding) expect([flow.lost, flow.outOfOrder, flow.arrived.length]).toEqual([0, 0, flow.sent]);
  });

  it('loses no more than the time of the turn without holding', () => {
    const { flow } = move({ holding: false });
    expect(flow.lost).toBeGreaterThanOrEqual(DOWNTIME_MS);
    expect(flow.lost).toBeLessThan(DOWNTIME_MS + 20);
  });

  it('binds itself as ever when what it prepared is too old by then', () => {
    const world = new MigrationWorld(21, LINKS);
    const { network, vm, ads, hosts } = world;
    expect(world.settle()).toBe(true);
    world.expect(60_000);
    expect(world.prepare()).toBe(true);
    world.stop(true);
    network.runFor(45_000);
    expect(hosts.b.stack.mobility.gauges().find(({ name }) => name === 'prepared guests')?.used).toBe(0);
    world.goOnThere();
    expect(network.runUntil(() => vm.stack.ad?.equals(ads[2]) === true, 1000)).toBe(true);
    expect(counterAt(vm, 'ack:prepared')).toBe(0);
  });

  it('prepares anew when it binds itself anew, and after an epoch of tokens', () => {
    const world = new MigrationWorld(22, LINKS);
    const { network, vm, hosts, ads } = world;
    expect(world.settle()).toBe(true);
    world.expect(60_000);
    // For longer than a token lives, asked again every 3 s; a renewal every 10 s lies between.
    for (let round = 0; round < 10; round++) {
      expect(world.prepare()).toBe(true);
      network.runFor(3000);
    }
    expect(counterAt(vm, 'prepare:signed'), 'more often than it was asked').toBeGreaterThan(10);
    world.stop(true);
    expect(world.handOver(), 'the last one, which it gave by itself, counts').toBeUndefined();
    world.plugIn();
    network.runFor(DOWNTIME_MS);
    world.goOnThere();
    expect(network.runUntil(() => vm.stack.ad?.equals(ads[2]) === true, 50)).toBe(true);
    expect(counterAt(hosts.b, 'prepared:released')).toBe(1);
    expect(counterAt(world.routers[2], 'binding:bad-token')).toBe(0);
    network.runFor(100);
    expect(world.hopsToVm(hosts.a)).toEqual(['HOST_A', 'R1', 'RT', 'R2', 'HOST_B', 'VM']);
  });
});

describe('a preparation that nothing comes of', () => {
  it('changes nothing for a VM that stays', () => {
    const world = new MigrationWorld(23, LINKS);
    const { network, client, vm, hosts, routers } = world;
    expect(world.settle()).toBe(true);
    const flow = new PacketFlow(network, client, vm, 1);
    world.expect(10_000);
    expect(world.prepare()).toBe(true);
    world.stop(true);
    network.runFor(DOWNTIME_MS);
    world.goOnHere(true);
    world.expect(0);
    network.runFor(15_000);
    flow.stop();
    network.runFor(50);
    expect([flow.lost, flow.outOfOrder]).toEqual([0, 0]);
    expect([hosts.a, routers[0], hosts.b].map((node) => stateAt(node, world))).toEqual(['live', 'live', undefined]);
    expect(world.hopsToVm(routers[2]), 'R2 was told with the renewal where it is').toEqual(['R2', 'RT', 'R1', 'HOST_A', 'VM']);
    expect(world.events.filter(({ kind }) => kind === 'moved')).toEqual([]);
    world.announce(STATION);
    expect(counterAt(hosts.b, 'prepared:released'), 'it was taken back').toBe(0);
  });

  it('is overruled at once when the move is given up after it was let loose, over bad links too', () => {
    const { PREPARE, PREPARED, BINDING, BINDING_ACK } = MobilityKind;
    const cases = [undefined, ...Array.from({ length: 5 }, (_, index) => 401 + index)];
    for (const seed of cases) {
      const world = new MigrationWorld(seed ?? 25, LINKS);
      const { network, vm, hosts, routers } = world;
      expect(world.settle()).toBe(true);
      // Its next renewal is as far away as it can be.
      expect(network.runUntil(() => counterAt(vm, 'binding:sent') > 1, 10_500)).toBe(true);
      network.runFor(100);
      world.expect(10_000);
      expect(world.prepare()).toBe(true);
      world.stop(true);
      expect(world.handOver()).toBeUndefined();
      world.announce(STATION);
      expect(
        network.runUntil(() => stateAt(routers[0], world) === 'draining', 100),
        'its packets are led away',
      ).toBe(true);
      if (seed !== undefined) bad([PREPARE, PREPARED, BINDING, BINDING_ACK])(world);
      world.goOnHere(true);
      world.expect(0);
      world.stays();
      const isBack = () => world.hopsToVm(routers[2])?.slice(-2).join() === 'HOST_A,VM';
      expect(network.runUntil(isBack, seed === undefined ? 30 : 3000), `seed ${seed}`).toBe(true);
      const isBound = () => [hosts.a, routers[0]].every((node) => stateAt(node, world) === 'live');
      expect(network.runUntil(isBound, 5000), `seed ${seed}`).toBe(true);
      network.runFor(1000);
      expect(world.hopsToVm(hosts.b)).toEqual(['HOST_B', 'R2', 'RT', 'R1', 'HOST_A', 'VM']);
      expect(counterAt(vm, 'prepare:stays'), 'asked again, and not done again').toBe(1);
      expect(world.events.filter(({ kind }) => kind === 'moved')).toEqual([]);
    }
  });

  it('is overruled by the VM within a renewal when a host that it never came to lets it loose', () => {
    const world = new MigrationWorld(24, LINKS);
    const { network, vm, hosts, routers } = world;
    expect(world.settle()).toBe(true);
    world.expect(10_000);
    expect(world.prepare()).toBe(true);
    world.announce(STATION);
    expect(
      network.runUntil(() => stateAt(routers[0], world) === 'draining', 100),
      'its packets are led away',
    ).toBe(true);
    expect(
      network.runUntil(
        () => world.hopsToVm(routers[2])?.at(-1) === 'VM' && world.hopsToVm(routers[2])?.includes('HOST_A') === true,
        10_500,
      ),
    ).toBe(true);
    network.runFor(1000);
    expect([hosts.a, routers[0]].map((node) => stateAt(node, world))).toEqual(['live', 'live']);
    expect(world.hopsToVm(hosts.b)).toEqual(['HOST_B', 'R2', 'RT', 'R1', 'HOST_A', 'VM']);
    expect(vm.stack.ad?.equals(world.ads[0])).toBe(true);
  });
});
