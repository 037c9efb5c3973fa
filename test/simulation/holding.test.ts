import { describe, expect, it } from 'vitest';
import { MobilityKind, NextHeader, parseTransport, XipView, type LinkShape } from 'xia-core';
import { imbalances } from './accounts.js';
import { MigrationWorld } from './migration-world.js';
import type { SimNode } from './network.js';
import { PacketFlow } from './packet-flow.js';

const LINKS: LinkShape = { delayMs: 2 };
const DOWNTIME_MS = 200;
const NOTICES: ReadonlySet<number> = new Set([MobilityKind.NOTICE, MobilityKind.NOTICE_ACK]);

interface Run {
  readonly world: MigrationWorld;
  readonly flow: PacketFlow;
  /** From the VM's first moment at the destination to the first packet there. */
  readonly firstAfterMs: number;
}

/** A thousand packets a second to a VM that moves. */
function move(holding: boolean, seed = 11, prepare: (world: MigrationWorld) => void = () => {}): Run {
  const world = new MigrationWorld(seed, LINKS, holding ? {} : { holding: false });
  const { network, client, vm } = world;
  expect(world.settle()).toBe(true);
  prepare(world);
  const flow = new PacketFlow(network, client, vm, 1);
  network.runFor(100);
  world.expect(1000);
  world.stop(true);
  network.runFor(DOWNTIME_MS);
  world.goOnThere();
  const resumedAt = network.now;
  network.runFor(200);
  flow.stop();
  network.runFor(100);
  const first = flow.arrived.find(({ at }) => at >= resumedAt);
  return { world, flow, firstAfterMs: (first?.at ?? Infinity) - resumedAt };
}

/** Loses, doubles and delays notices and their answers on every link: the network itself stays good. */
function badNotices(world: MigrationWorld): void {
  const { network } = world;
  const carry = network.transmit.bind(network);
  network.transmit = (from: SimNode, face: number, packet: Uint8Array) => {
    if (!isNotice(packet)) return carry(from, face, packet);
    const copies = network.rng.below(3);
    for (let copy = 0; copy < copies; copy++) {
      const late = packet.slice();
      network.queue.at(network.now + network.rng.below(40), () => void carry(from, face, late));
    }
    return true;
  };
}

function isNotice(packet: Uint8Array): boolean {
  const view = new XipView();
  if (view.reset(packet) !== undefined || view.nextHeader !== NextHeader.TRANSPORT) return false;
  const transport = parseTransport(view.payload());
  return transport.kind === 'dgram' && NOTICES.has(transport.payload[0] ?? 0);
}

const stateAt = (node: SimNode, { vm }: MigrationWorld) => node.stack.mobility.binding(vm.stack.hid)?.state;

describe('1000 packets per second to a VM that stands still for 200 ms and goes on in another AD', () => {
  it('are all there, in order, when they are held', () => {
    const { flow, world, firstAfterMs } = move(true);
    expect([flow.lost, flow.outOfOrder, flow.arrived.length]).toEqual([0, 0, flow.sent]);
    expect(firstAfterMs).toBeLessThan(15);
    expect([world.hosts.a, ...world.routers, world.hosts.b].map((node) => stateAt(node, world))).toEqual([
      'draining',
      'draining',
      'draining',
      'live',
      'live',
    ]);
    for (const node of world.network.nodes) expect(imbalances(node.stack.counters()), node.name).toEqual([]);
    expect(world.routers[2].stack.mobility.gauges().find(({ name }) => name === 'staged bindings')).toMatchObject({
      used: 0,
      highWater: 1,
    });
  });

  it('are lost for as long as it stands still when they are not', () => {
    const { flow } = move(false);
    expect(flow.lost).toBeGreaterThanOrEqual(DOWNTIME_MS);
  });

  it('are all there when notices are lost, doubled and late', () => {
    for (let seed = 0; seed < 3; seed++) {
      const { flow, world } = move(true, 100 + seed, badNotices);
      expect(flow.lost, `seed ${seed}`).toBe(0);
      expect(flow.arrived.length, `seed ${seed}: none twice`).toBe(flow.sent);
      expect(world.routers[0].stack.counters()['path']!['held']).toBe(0);
    }
  });

  it('come late, and are not lost, when the VM goes on where it was', () => {
    const world = new MigrationWorld(12, LINKS);
    const { network, client, vm, hosts, routers } = world;
    expect(world.settle()).toBe(true);
    const flow = new PacketFlow(network, client, vm, 1);
    network.runFor(100);
    world.expect(1000);
    network.runFor(50);
    expect(stateAt(routers[2], world), 'a place is ready').toBe('staged');
    world.stop(true);
    network.runFor(DOWNTIME_MS);
    expect([hosts.a, routers[0]].map((node) => stateAt(node, world))).toEqual(['held', 'held']);
    world.goOnHere(true);
    network.runFor(100);
    flow.stop();
    network.runFor(50);
    expect([flow.lost, flow.outOfOrder]).toEqual([0, 0]);
    expect([hosts.a, routers[0]].map((node) => stateAt(node, world))).toEqual(['live', 'live']);
    network.runFor(800);
    expect(
      [routers[2], hosts.b].map((node) => stateAt(node, world)),
      'no trace',
    ).toEqual([undefined, undefined]);
  });

  it('are dropped, counted, when nobody is heard of for too long', () => {
    const world = new MigrationWorld(13, LINKS, { holding: { ageMs: 300, bytes: 100_000 } });
    const { network, client, vm, routers } = world;
    expect(world.settle()).toBe(true);
    const flow = new PacketFlow(network, client, vm, 10);
    network.runFor(100);
    world.stop(true);
    network.runFor(1000);
    flow.stop();
    const waiting = routers[0].stack.counters()['path']!;
    expect(waiting['held']).toBeGreaterThan(25);
    expect(waiting['held']).toBeLessThan(35);
    expect(waiting['hold-expired']).toBeGreaterThan(60);
    network.runFor(320);
    expect(routers[0].stack.counters()['path']!['held']).toBe(0);
    expect(stateAt(routers[0], world)).toBe('held');
  });
});

describe('a stream to a VM that stands still for 200 ms and goes on in another AD', () => {
  /** How long after the VM goes on the client has all that it was told meanwhile, and the other way round. */
  function gapMs(holding: boolean): number {
    const world = new MigrationWorld(14, LINKS, holding ? {} : { holding: false });
    const { network } = world;
    expect(world.settle()).toBe(true);
    const conversation = world.converse();
    network.runFor(300);
    world.stop(true);
    network.runFor(DOWNTIME_MS);
    world.goOnThere();
    const resumedAt = network.now;
    const said = conversation.ends[0].sent;
    expect(network.runUntil(() => conversation.ends[1].received >= said, 5000)).toBe(true);
    const gap = network.now - resumedAt;
    conversation.stop();
    expect(network.runUntil(() => conversation.isOver, 5000)).toBe(true);
    expect(conversation.fault()).toBeUndefined();
    return gap;
  }

  it('has caught up sooner when its packets were held', () => {
    const [held, lost] = [gapMs(true), gapMs(false)];
    expect(held).toBeLessThan(lost);
    expect(held).toBeLessThan(30);
  });
});
