import { describe, expect, it } from 'vitest';
import { MigrationWorld } from './migration-world.js';
import { PacketFlow } from './packet-flow.js';

describe('a VM that runs elsewhere and does not know it yet', () => {
  it('reaches those in the AD where it was, with all that it sends', () => {
    const world = new MigrationWorld(3, { delayMs: 2 });
    const { network, vm, client, ads } = world;
    expect(world.settle()).toBe(true);
    expect(client.stack.ad?.equals(ads[0])).toBe(true);
    const flow = new PacketFlow(network, vm, client, 1);
    network.runFor(100.5);
    world.stop(true);
    world.plugIn();
    network.runFor(200);
    const before = flow.sent;
    world.goOnThere();
    network.runFor(3);
    expect(vm.stack.ad?.equals(ads[0]), 'it has not heard of the other AD').toBe(true);
    network.runFor(300);
    expect(vm.stack.ad?.equals(ads[2])).toBe(true);
    flow.stop();
    network.runFor(200);
    const arrived = new Set(flow.arrived.map(({ number }) => number));
    const lost = Array.from({ length: flow.sent }, (_, number) => number).filter((number) => !arrived.has(number));
    expect(
      lost.filter((number) => number >= before),
      'sent from there',
    ).toEqual([]);
    expect(lost.length, 'on the wire as it was pulled').toBeLessThanOrEqual(1);
  });
});
