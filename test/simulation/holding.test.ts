import { describe, expect, it } from 'vitest';
import { MigrationWorld } from './migration-world.js';
import { PacketFlow } from './packet-flow.js';

const LINKS = { delayMs: 2 };
const DOWNTIME_MS = 200;

/** A thousand packets a second to a VM that moves. */
function move(holding: boolean) {
  const world = new MigrationWorld(11, LINKS, holding ? {} : { holding: false });
  const { network, client, vm } = world;
  expect(world.settle()).toBe(true);
  const flow = new PacketFlow(network, client, vm, 1);
  network.runFor(100);
  world.stop(true);
  network.runFor(DOWNTIME_MS);
  world.goOnThere();
  const resumedAt = network.now;
  network.runFor(500);
  flow.stop();
  network.runFor(500);
  return { world, flow, resumedAt };
}

describe('a flow of 1000 packets per second to a VM that stands still for 200 ms and goes on elsewhere', () => {
  it('loses none, and keeps the order, while they are held', () => {
    const { flow, world, resumedAt } = move(true);
    console.log(flow.sent, flow.lost, flow.outOfOrder, flow.arrived.find(({at})=>at>=resumedAt)!.at-resumedAt, world.routers[0].stack.counters()['path'], world.hosts.a.stack.counters()['path']);
    expect(flow.lost).toBe(0);
    expect(flow.outOfOrder).toBe(0);
  });
  it('loses those of the downtime otherwise', () => {
    const { flow, resumedAt } = move(false);
    console.log(flow.sent, flow.lost, flow.outOfOrder, flow.arrived.find(({at})=>at>=resumedAt)!.at-resumedAt);
    expect(flow.lost).toBeGreaterThanOrEqual(DOWNTIME_MS);
  });
});
